//! Who may what: the generated table against what was decided, and what somebody reads who may not.

use std::collections::BTreeMap;

use http::StatusCode;
use portal::authz::{Policies, RoleName, roles_table};

use crate::{
    deeds::excerpt,
    house::{Furnishing, House},
};

/// What each role may do by default, as the design decided it: a line an action, a word a role in the order of
/// [`RolesTable`](portal::authz::RolesTable).
const DECIDED: &str = "
catalog.read         open  open  open  open  all  all  team
finding.read         -     team  team  team  all  all  team
incident.read        -     team  team  team  all  all  team
compliance.read      -     team  team  team  all  all  team
environment.request  open  open  open  open  all  -    -
access.request       open  open  open  open  all  -    -
request.approve      -     -     team  team  -    -    -
scorecard.exempt     -     -     -     team  -    -    -
scorecard.edit       -     -     -     team  -    -    -
scorecard.review     -     -     -     team  -    -    -
integration.approve  -     -     -     team  -    -    -
integration.add      -     -     -     -     all  -    -
integration.edit     -     -     -     -     all  -    -
template.edit        -     -     -     -     all  -    -
role.grant           -     -     team  -     all  -    -
role.grant_everywhere -    -     -     -     all  -    -
service_account.administer - -   -     -     all  -    -
audit.read           own   own   team  team  all  all  -
";

/// The widest of what a cell of the table says.
fn widest(cell: &str) -> &'static str {
    let words: Vec<&str> = cell.split(", ").collect();
    [("all", "all"), ("all but restricted", "open"), ("team", "team"), ("own", "own")]
        .into_iter()
        .find(|(word, _)| words.contains(word))
        .map_or("-", |(_, short)| short)
}

#[test]
fn the_policies_decide_what_was_decided() {
    let table = roles_table(&Policies::built_in());
    let rows: BTreeMap<&str, Vec<&str>> = table
        .rows
        .iter()
        .map(|(action, cells)| (action.as_str(), cells.iter().map(|cell| widest(cell)).collect()))
        .collect();
    let order = [RoleName::Member].into_iter().chain(RoleName::BINDABLE).chain([RoleName::Service]);
    assert_eq!(table.roles, order.collect::<Vec<_>>());
    for line in DECIDED.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let action = words.next().unwrap();
        assert_eq!(rows[action], words.collect::<Vec<_>>(), "{action}");
    }
}

#[test]
fn a_service_account_never_decides_and_an_auditor_never_changes_what_is_others() {
    let table = roles_table(&Policies::built_in());
    let column = |role| table.roles.iter().position(|it| *it == role).unwrap();
    let (service, auditor) = (column(RoleName::Service), column(RoleName::Auditor));
    for (action, cells) in &table.rows {
        let decides = ["approve", "exempt", "grant", "grant_everywhere", "administer", "review", "edit", "request"]
            .contains(&action.as_str().split('.').next_back().unwrap());
        assert!(!decides || widest(&cells[service]) == "-", "{action}: a service account may {}", cells[service]);
        let changes = action.mode() == portal::authz::Mode::Write;
        assert!(
            !changes || ["-", "own"].contains(&widest(&cells[auditor])),
            "{action}: an auditor may {}",
            cells[auditor]
        );
    }
}

#[test]
fn the_table_in_the_documentation_is_the_one_that_holds() {
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/permissions.md")).unwrap();
    assert!(
        kept == server::docs::permissions(),
        "docs/permissions.md is not what the policies say; run scripts/generate"
    );
}

#[tokio::test]
async fn a_denial_says_which_rule_was_missing_who_can_grant_it_and_where_to_ask() {
    let house = House::new(Furnishing::default()).await;
    for (who, method, address, rule, ask) in [
        ("dana", "GET", "/scorecards/new", "the role security champion", "a security champion"),
        ("dana", "POST", "/api/v1/scorecards/preview", "the role security champion", "a security champion"),
        (
            "lena",
            "POST",
            "/environments/templates/sandbox/retire",
            "the role platform administrator",
            "a platform administrator",
        ),
        ("pat", "POST", "/incidents/1/acknowledge", "developer, team lead or security champion", "a lead of the team"),
    ] {
        let builder = house.request(Some(who), &method.parse().unwrap(), address);
        let json = serde_json::json!({ "file": crate::furniture::scorecard("mine") }).to_string();
        let request = if address.starts_with("/api/") {
            builder.header("content-type", "application/json").body(json.into())
        } else {
            builder.body(axum::body::Body::empty())
        };
        let told = house.send(request.unwrap()).await;
        assert_eq!(told.status, StatusCode::FORBIDDEN, "{address}: {}", excerpt(&told));
        let text = told.text();
        assert!(text.contains(rule) && text.contains(ask), "{address}: {}", excerpt(&told));
        assert!(text.contains(told.header("x-request-id")), "{address} names its request: {}", excerpt(&told));
        let link = text.split(['"', '\\']).find(|part| part.starts_with("/access/request?role=")).map(unescaped);
        let link = link.unwrap_or_else(|| panic!("{address} does not say where to ask: {}", excerpt(&told)));
        let form = house.get(Some(who), &link).await;
        assert_eq!(form.status, StatusCode::OK, "{link}: {}", excerpt(&form));
        assert!(form.text().contains("<form"), "{link}: {}", excerpt(&form));
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&amp;", "&")
}
