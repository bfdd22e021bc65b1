//! Who reads what in the log, and what it gives away.

use model::page::PageRequest;
use serde_json::json;

use super::{
    Personal,
    log::{self, Filter},
};
use crate::{
    Error,
    audit::Change,
    authz::{Action, ActionName, Actor, ORGANISATION, Organisation, RoleName},
    identity::token,
    testing::TestPortal,
};

struct EditSomething;

impl Action for EditSomething {
    const NAME: ActionName = ActionName::IntegrationEdit;
    type Target = Organisation;
    type Change = Change<serde_json::Value>;
}

async fn edit(t: &TestPortal, actor: &Actor, after: serde_json::Value) {
    t.authorize(actor, EditSomething, ORGANISATION).await.unwrap().commit(Change::created(after)).await.unwrap();
}

async fn seen(t: &TestPortal, actor: &Actor, filter: &Filter) -> Vec<String> {
    let page = log::list(t, actor, filter, &PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|record| record.action).collect()
}

#[tokio::test]
async fn everybody_reads_what_they_did_and_auditors_read_all() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let developer = t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await;
    let auditor = t.person("Ines", &[(RoleName::Auditor, None)]).await;
    edit(&t, &administrator, json!({})).await;
    t.clock.advance(time::Duration::SECOND);
    let scopes = ["catalog:read".to_owned()];
    let own = developer.person_id().unwrap();
    token::issue(&t, &developer, own, "laptop", &scopes, time::Duration::DAY).await.unwrap();

    assert_eq!(seen(&t, &developer, &Filter::default()).await, ["token.issue"]);
    assert_eq!(seen(&t, &auditor, &Filter::default()).await, ["token.issue", "integration.edit"]);
    let filter = Filter { text: Some("integr".to_owned()), ..Filter::default() };
    assert_eq!(seen(&t, &auditor, &filter).await, ["integration.edit"]);
    assert!(seen(&t, &developer, &filter).await.is_empty());
}

#[tokio::test]
async fn a_record_of_others_is_not_there_for_a_stranger() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let developer = t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await;
    edit(&t, &administrator, json!({})).await;
    let page = log::list(&t, &administrator, &Filter::default(), &PageRequest::default()).await.unwrap();
    let id = page.items[0].id;
    assert!(log::read(&t, &administrator, id).await.is_ok());
    assert!(matches!(log::read(&t, &developer, id).await, Err(Error::NotFound(_))));
    assert!(log::export(&t, &developer, &Filter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_personal_value_opens_until_its_person_is_erased() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    let person = administrator.person_id().unwrap();
    edit(&t, &administrator, json!({ "name": Personal { person, value: "Ada Lovelace" } })).await;
    let page = log::list(&t, &administrator, &Filter::default(), &PageRequest::default()).await.unwrap();
    let before = log::read(&t, &administrator, page.items[0].id).await.unwrap();
    assert_eq!(before.content["change"]["after"]["name"], "Ada Lovelace");

    sqlx::query("delete from person_key").execute(&mut t.owner().await).await.unwrap();
    let after = log::read(&t, &administrator, page.items[0].id).await.unwrap();
    assert_eq!(after.content["change"]["after"]["name"], "erased");
    assert_eq!(after.leaf, before.leaf, "erasing never touches a record");
}

#[tokio::test]
async fn paging_shows_every_record_once_in_both_directions() {
    let t = TestPortal::new().await;
    let administrator = t.person("Root", &[(RoleName::PlatformAdministrator, None)]).await;
    for n in 0..7 {
        edit(&t, &administrator, json!({ "n": n })).await;
    }
    let ask = |cursor| PageRequest { cursor, size: Some(3) };
    let first = log::list(&t, &administrator, &Filter::default(), &ask(None)).await.unwrap();
    let second = log::list(&t, &administrator, &Filter::default(), &ask(first.next.clone())).await.unwrap();
    let third = log::list(&t, &administrator, &Filter::default(), &ask(second.next.clone())).await.unwrap();
    let all: std::collections::BTreeSet<_> =
        [&first, &second, &third].iter().flat_map(|page| page.items.iter().map(|record| record.id)).collect();
    assert_eq!((all.len(), third.next.clone()), (7, None));
    let back = log::list(&t, &administrator, &Filter::default(), &ask(third.previous)).await.unwrap();
    assert_eq!(back.items, second.items);
}
