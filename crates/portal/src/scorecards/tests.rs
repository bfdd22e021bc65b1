//! Scorecards as champions and teams meet them.

use model::{
    EntityId,
    page::PageRequest,
    scorecards::{ActKind, CheckChange, Outcome, ResultFilter, ResultSort, Standing},
};
use time::{Duration, macros::date};

use super::*;
use crate::{
    Error,
    authz::{Actor, RoleName},
    jobs,
    testing::TestPortal,
};

const OWNED: &str = "apiVersion: rampart/v1
kind: Scorecard
metadata:
  name: basics
  title: Basics
spec:
  applies: entity.kind == \"component\"
  levels: [bronze, silver, gold]
  checks:
    - id: owner
      title: A team owns it
      why: Nobody mends what nobody owns.
      how: Name the team.
      level: bronze
      condition: entity.has_owner
    - id: described
      title: It is described
      why: A name explains little.
      how: Write a sentence.
      level: silver
      weight: 2
      condition: entity.has_description
    - id: tags
      title: It has tags
      why: Nobody finds it.
      how: Add tags.
      level: gold
      condition: entity.has_tags
";

async fn champion(t: &TestPortal) -> Actor {
    t.person("Cleo", &[(RoleName::SecurityChampion, None)]).await
}

async fn describe(t: &TestPortal, entity: EntityId) {
    sqlx::query("update entity set description = 'Takes payments' where id = $1")
        .bind(entity)
        .execute(&mut t.owner().await)
        .await
        .unwrap();
}

async fn level(t: &TestPortal, actor: &Actor, entity: EntityId) -> Option<String> {
    let cards = cards_of(t, actor, entity).await.unwrap().cards.unwrap();
    cards[0].result.level.clone()
}

fn refusals(error: Error) -> Vec<(String, String)> {
    let Error::Invalid(errors) = error else { panic!("{error:?}") };
    errors.into_iter().map(|error| (error.field, error.message)).collect()
}

#[tokio::test]
async fn a_scorecard_shows_at_once_how_every_service_stands_and_why() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    describe(&t, payments).await;
    let search = t.service("search", "discovery").await;
    let applied = apply(&t, &cleo, OWNED, None).await.unwrap();
    assert_eq!((applied.revision, applied.changed, applied.evaluated, applied.more), (1, true, 2, false));

    let cards = cards_of(&t, &cleo, payments).await.unwrap().cards.unwrap();
    assert_eq!((cards[0].result.level.as_deref(), cards[0].result.score), (Some("silver"), 75));
    assert_eq!(cards[0].next_level(), Some("gold"));
    let first = &cards[0].checks[0];
    assert_eq!((first.check.id.as_str(), first.outcome), ("tags", Outcome::Fail));
    assert_eq!((first.reason.as_str(), first.check.how.as_str()), ("has tags: no", "Add tags."));
    assert_eq!(level(&t, &cleo, search).await.as_deref(), Some("bronze"));

    let overview = overview(&t, &cleo).await.unwrap();
    let services: Vec<u64> = overview.cards[0].by_level.iter().map(|level| level.services).collect();
    assert_eq!(services, [0, 1, 1, 0]);
    assert_eq!((overview.failing[0].check.as_str(), overview.failing[0].services), ("tags", 2));
    assert_eq!(overview.trend["basics"].last().unwrap().services, [0, 1, 1, 0]);
    assert!(overview.may_edit);
}

#[tokio::test]
async fn the_same_file_again_changes_nothing_and_another_revision_in_between_is_noticed() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let records = t.count("select count(*) from audit_record").await;
    let again = apply(&t, &cleo, OWNED, Some(1)).await.unwrap();
    assert_eq!((again.revision, again.changed), (1, false));
    assert_eq!(t.count("select count(*) from audit_record").await, records);

    let stricter = OWNED.replace("level: silver", "level: bronze").replace("level: gold", "level: silver");
    let stricter = stricter.replace("[bronze, silver, gold]", "[bronze, silver]");
    assert_eq!(apply(&t, &cleo, &stricter, Some(1)).await.unwrap().revision, 2);
    let late = apply(&t, &cleo, OWNED, Some(1)).await.unwrap_err();
    assert!(matches!(&late, Error::Conflict(reason) if reason.contains("revision 2")), "{late:?}");
    assert_eq!(source(&t, &cleo, "basics").await.unwrap().text, stricter);
}

#[tokio::test]
async fn what_a_preview_says_is_what_applying_does() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let mut entities = Vec::new();
    for (place, team) in ["payments", "payments", "discovery", "platform"].into_iter().enumerate() {
        let entity = t.service(&format!("service-{place}"), team).await;
        if place % 2 == 0 {
            describe(&t, entity).await;
        }
        entities.push(entity);
    }
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let before: Vec<_> = level_of_all(&t, &cleo, &entities).await;

    let changed = OWNED.replace(
        "condition: entity.has_tags",
        "condition: entity.name != \"service-0\"\n    - id: named\n      title: N\n      why: W\n      how: H\n      level: bronze\n      condition: entity.name != \"service-3\"",
    );
    let shown = preview(&t, &cleo, &changed).await.unwrap();
    assert_eq!(level_of_all(&t, &cleo, &entities).await, before, "a preview changes nothing");
    assert_eq!(t.count("select revision::bigint from scorecard").await, 1);
    apply(&t, &cleo, &changed, shown.revision).await.unwrap();
    let after = level_of_all(&t, &cleo, &entities).await;

    let moved: Vec<_> = before.iter().zip(&after).filter(|(one, other)| one.1 != other.1).collect();
    assert_eq!(shown.moved, moved.len() as u64);
    for (old, new) in moved {
        let said = shown.moves.iter().find(|said| said.entity == old.0).unwrap();
        let standing = |level: &Option<String>| level.clone().map_or(Standing::Below, Standing::At);
        assert_eq!((said.before.clone(), said.after.clone()), (standing(&old.1), standing(&new.1)));
    }
    assert_eq!(shown.moves[0].title, "service-3", "the deepest fall first");
    let of = |id: &str| shown.checks.iter().find(|check| check.check == id).unwrap();
    assert_eq!((of("tags").change, of("tags").gains, of("tags").losses), (CheckChange::Changed, 3, 0));
    assert_eq!((of("named").change, of("named").passing, of("named").losses), (CheckChange::Added, 3, 1));
    assert_eq!(of("owner").change, CheckChange::Same);
    let now = overview(&t, &cleo).await.unwrap().cards.remove(0).by_level;
    assert_eq!(now, shown.by_level);
    assert!(preview(&t, &cleo, &changed).await.unwrap().changes_nothing());
}

async fn level_of_all(t: &TestPortal, actor: &Actor, entities: &[EntityId]) -> Vec<(EntityId, Option<String>)> {
    let mut levels = Vec::new();
    for entity in entities {
        levels.push((*entity, level(t, actor, *entity).await));
    }
    levels
}

#[tokio::test]
async fn a_rule_that_cannot_be_decided_is_refused_with_its_line_and_field() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    t.service("payments-api", "payments").await;
    for (find, put, field, line, part) in [
        ("entity.has_tags", "entity.has_tgas", "spec.checks[2].condition", 28, "`entity.has_tgas` is not a fact"),
        ("entity.has_owner", "entity.owner", "spec.checks[0].condition", 15, "true or false"),
        ("entity.has_owner", "1 / findings.critical == 1", "spec.checks[0].condition", 15, "cannot be decided"),
        ("entity.has_owner", "entity.labels.team == \"a\"", "spec.checks[0].condition", 15, "No such key"),
        ("level: gold", "level: golden", "spec.checks[2].level", 27, "bronze, silver, gold"),
        ("id: tags", "id: owner", "spec.checks[2].id", 23, "same id"),
        ("weight: 2", "weight: 0", "spec.checks[1].weight", 21, "at least 1"),
        ("kind: Scorecard", "kind: Scorebord", "kind", 2, "must be Scorecard"),
        ("how: Add tags.", "who: Add tags.", "spec.checks[2]", 23, "how is missing"),
        ("level: silver", "level: bronze", "spec.levels[1]", 8, "no check asks for silver"),
    ] {
        let errors = refusals(apply(&t, &cleo, &OWNED.replace(find, put), None).await.unwrap_err());
        let (_, message) = errors.iter().find(|error| error.0 == field).unwrap_or_else(|| panic!("{put}: {errors:?}"));
        assert!(message.contains(part) && message.starts_with(&format!("line {line}:")), "{put}: {message}");
    }
    assert_eq!(t.count("select count(*) from scorecard").await, 0);
}

#[tokio::test]
async fn a_rule_that_fails_for_a_service_there_is_names_that_service() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    t.service("payments-api", "payments").await;
    let source = OWNED.replace("entity.has_tags", "entity.name == \"sample\" || entity.labels.team != \"\"");
    let errors = refusals(apply(&t, &cleo, &source, None).await.unwrap_err());
    assert!(errors[0].1.contains("component:default/payments-api"), "{errors:?}");
    assert_eq!(refusals(preview(&t, &cleo, &source).await.unwrap_err()), errors);
}

#[tokio::test]
async fn an_exemption_lifts_the_level_at_once_and_ends_by_itself() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("bronze"));

    let granted =
        exempt(&t, &cleo, payments, "basics", "described", date!(2026 - 03 - 10), "Rewritten next week").await;
    assert_eq!(granted.unwrap().expires_at, time::macros::datetime!(2026-03-11 00:00 UTC));
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("silver"));
    let again = exempt(&t, &cleo, payments, "basics", "described", date!(2026 - 03 - 12), "Again").await.unwrap_err();
    assert!(matches!(again, Error::Conflict(_)), "{again:?}");

    t.clock.advance(Duration::days(8));
    jobs::Job::Sweep {}.run(&t).await.unwrap();
    jobs::work_once(&t).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("silver"), "its last day");
    t.clock.advance(Duration::days(1));
    jobs::Job::Sweep {}.run(&t).await.unwrap();
    jobs::work_once(&t).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("bronze"));

    let card = cards_of(&t, &cleo, payments).await.unwrap().cards.unwrap().remove(0);
    assert_eq!(card.acts[0].kind, ActKind::ExemptionEnded);
    assert_eq!(card.acts[1].kind, ActKind::Exempted);
    let history: Vec<_> = card.history.iter().map(|entry| entry.level.as_deref()).collect();
    assert_eq!(history, [Some("bronze"), Some("silver"), Some("bronze")]);
    exempt(&t, &cleo, payments, "basics", "described", date!(2026 - 04 - 01), "Again").await.unwrap();
}

#[tokio::test]
async fn an_exemption_ended_early_counts_no_more() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let until = date!(2026 - 03 - 10);
    let granted = exempt(&t, &cleo, payments, "basics", "described", until, "For now").await.unwrap();
    end_exemption(&t, &cleo, payments, granted.id).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("bronze"));
    let gone = end_exemption(&t, &cleo, payments, granted.id).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound("exemption")), "{gone:?}");
}

#[tokio::test]
async fn an_exemption_has_a_reason_a_known_check_and_an_end_within_a_year() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let soon = date!(2026 - 03 - 10);
    for (check, until, reason, field) in [
        ("described", soon, "  ", "reason"),
        ("described", date!(2026 - 03 - 01), "x", "until"),
        ("described", date!(2027 - 06 - 01), "x", "until"),
        ("nothing", soon, "x", "check"),
    ] {
        let refused = exempt(&t, &cleo, payments, "basics", check, until, reason).await.unwrap_err();
        assert_eq!(refusals(refused)[0].0, field);
    }
    let unknown = exempt(&t, &cleo, payments, "none", "described", soon, "x").await.unwrap_err();
    assert!(matches!(unknown, Error::NotFound("scorecard")), "{unknown:?}");
}

#[tokio::test]
async fn nobody_exempts_what_their_own_team_owns() {
    let t = TestPortal::new().await;
    let roles = [(RoleName::SecurityChampion, None), (RoleName::Developer, Some("payments"))];
    let dora = t.person("Dora", &roles).await;
    let (own, other) = (t.service("payments-api", "payments").await, t.service("search", "discovery").await);
    apply(&t, &dora, OWNED, None).await.unwrap();
    let until = date!(2026 - 03 - 10);
    let refused = exempt(&t, &dora, own, "basics", "described", until, "ours").await.unwrap_err();
    let Error::Forbidden(denial) = refused else { panic!("{refused:?}") };
    assert!(denial.missing.contains("own team"), "{denial:?}");
    exempt(&t, &dora, other, "basics", "described", until, "theirs").await.unwrap();
    let cards = cards_of(&t, &dora, own).await.unwrap();
    assert!(cards.may_review && !cards.may_exempt);
}

#[tokio::test]
async fn a_sign_off_sets_the_next_review_and_shows_when_it_is_overdue() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    comment(&t, &cleo, payments, "basics", Some("tags"), "Add pci, please").await.unwrap();
    sign_off(&t, &cleo, payments, "basics", "Looks well", date!(2026 - 04 - 01)).await.unwrap();
    assert!(reviews_due(&t, &cleo).await.unwrap().is_empty());
    t.clock.advance(Duration::days(40));
    let due = reviews_due(&t, &cleo).await.unwrap();
    assert_eq!((due[0].title.as_str(), due[0].reviewed_by.as_deref()), ("payments-api", Some("Cleo")));
    sign_off(&t, &cleo, payments, "basics", "", date!(2026 - 06 - 01)).await.unwrap();
    assert!(reviews_due(&t, &cleo).await.unwrap().is_empty());
    let past = sign_off(&t, &cleo, payments, "basics", "", date!(2026 - 04 - 01)).await.unwrap_err();
    assert_eq!(refusals(past)[0].0, "next_on");
    let acts = t.count("select count(*) from audit_record where action = 'scorecard.review'").await;
    assert_eq!(acts, 3, "each of them is in the audit log");
}

#[tokio::test]
async fn a_stranger_reads_what_is_asked_but_sees_no_service_and_decides_nothing() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    t.service("search", "discovery").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let stranger = t.person("Sam", &[]).await;
    let seen = overview(&t, &stranger).await.unwrap();
    assert!(!seen.sees_results && !seen.may_edit && seen.failing.is_empty() && seen.overdue.is_empty());
    assert_eq!(seen.cards[0].services(), 0);
    assert!(seen.trend["basics"].is_empty());
    let listed = results(&t, &stranger, "basics", &ResultFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!((listed.items.len(), listed.total.value), (0, 0));
    assert!(cards_of(&t, &stranger, payments).await.unwrap().cards.is_none());
    let refused = comment(&t, &stranger, payments, "basics", None, "hello").await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
    for refused in
        [preview(&t, &stranger, OWNED).await.map(|_| ()), apply(&t, &stranger, OWNED, None).await.map(|_| ())]
    {
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }

    let developer = t.person("Dora", &[(RoleName::Developer, Some("payments"))]).await;
    let listed = results(&t, &developer, "basics", &ResultFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["payments-api"]);
    let seen = overview(&t, &developer).await.unwrap();
    assert_eq!((seen.cards[0].services(), seen.trend["basics"].last().unwrap().services.iter().sum::<u64>()), (1, 1));

    let nobody = Actor::anonymous("test".to_owned(), None);
    assert!(overview(&t, &nobody).await.is_err() && list(&t, &nobody).await.is_err());
}

#[tokio::test]
async fn results_are_paged_sorted_and_filtered() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    for place in 0..7 {
        let entity = t.service(&format!("service-{place}"), if place < 3 { "payments" } else { "platform" }).await;
        if place % 2 == 1 {
            describe(&t, entity).await;
        }
    }
    apply(&t, &cleo, OWNED, None).await.unwrap();
    for sort in [ResultSort::Name, ResultSort::Score] {
        let filter = ResultFilter { sort, ..ResultFilter::default() };
        let mut seen = Vec::new();
        let mut request = PageRequest { cursor: None, size: Some(2) };
        loop {
            let page = results(&t, &cleo, "basics", &filter, &request).await.unwrap();
            assert_eq!(page.total.value, 7);
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            request.cursor = Some(next);
        }
        assert_eq!(seen.len(), 7, "{sort:?}");
        match sort {
            ResultSort::Name => assert!(seen.is_sorted_by_key(|row| row.entity_ref.clone())),
            ResultSort::Score => assert!(seen.is_sorted_by_key(|row| row.score)),
        }
    }
    let counted = async |filter: ResultFilter| {
        results(&t, &cleo, "basics", &filter, &PageRequest::default()).await.unwrap().total.value
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(counted(ResultFilter { level: some("silver"), ..Default::default() }).await, 3);
    assert_eq!(counted(ResultFilter { level: some("none"), ..Default::default() }).await, 0);
    assert_eq!(counted(ResultFilter { failing: some("described"), ..Default::default() }).await, 4);
    assert_eq!(counted(ResultFilter { team: some("payments"), ..Default::default() }).await, 3);
}

#[tokio::test]
async fn a_change_of_the_catalog_is_noticed_by_its_effect_and_every_night() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    describe(&t, payments).await;
    jobs::Job::Sweep {}.run(&t).await.unwrap();
    jobs::work_once(&t).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("bronze"), "nobody has told");
    let records = t.count("select count(*) from audit_record").await;
    jobs::Job::Score { entity: payments }.run(&t).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("silver"));
    assert_eq!(t.count("select count(*) from audit_record").await, records + 1);
    jobs::Job::Score { entity: payments }.run(&t).await.unwrap();
    assert_eq!(
        t.count("select count(*) from audit_record").await,
        records + 1,
        "what changes nothing leaves no record"
    );

    sqlx::query("update entity set tags = '{pci}' where id = $1")
        .bind(payments)
        .execute(&mut t.owner().await)
        .await
        .unwrap();
    t.clock.advance(Duration::days(1));
    jobs::Job::Sweep {}.run(&t).await.unwrap();
    jobs::work_once(&t).await.unwrap();
    assert_eq!(level(&t, &cleo, payments).await.as_deref(), Some("gold"));
    let trend = overview(&t, &cleo).await.unwrap().trend.remove("basics").unwrap();
    let services: Vec<_> = trend.iter().map(|day| day.services.clone()).collect();
    assert_eq!(services, [[0, 0, 1, 0], [0, 0, 0, 1]]);
}

#[tokio::test]
async fn a_new_owner_takes_the_results_along() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let platform = t.team("platform").await;
    let mut owner = t.owner().await;
    sqlx::query("update entity set owner_id = $2 where id = $1")
        .bind(payments)
        .bind(platform)
        .execute(&mut owner)
        .await
        .unwrap();
    effects::owner_changed(&mut owner, payments, Some(platform), false, t.clock.now()).await.unwrap();
    let one = t.person("Olga", &[(RoleName::Developer, Some("platform"))]).await;
    let other = t.person("Pia", &[(RoleName::Developer, Some("payments"))]).await;
    let seen = async |actor: &Actor| {
        results(&t, actor, "basics", &ResultFilter::default(), &PageRequest::default()).await.unwrap().items.len()
    };
    assert_eq!((seen(&one).await, seen(&other).await), (1, 0));
    jobs::work_once(&t).await.unwrap();
    let trend = overview(&t, &other).await.unwrap().trend.remove("basics").unwrap();
    assert_eq!(trend.last().unwrap().services, [0, 0, 0, 0], "the old owner's numbers let go of it");
}

#[tokio::test]
async fn what_a_scorecard_no_longer_applies_to_leaves_it() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    apply(&t, &cleo, OWNED, None).await.unwrap();
    let narrower = OWNED.replace("entity.kind == \"component\"", "entity.kind == \"api\"");
    let shown = preview(&t, &cleo, &narrower).await.unwrap();
    assert_eq!((shown.services, shown.moves[0].after.clone()), (0, Standing::Outside));
    apply(&t, &cleo, &narrower, None).await.unwrap();
    assert!(cards_of(&t, &cleo, payments).await.unwrap().cards.unwrap().is_empty());
    let trend = overview(&t, &cleo).await.unwrap().trend.remove("basics").unwrap();
    assert_eq!(trend.last().unwrap().services.iter().sum::<u64>(), 0);
}

#[tokio::test]
async fn the_scorecards_that_we_ship_are_in_order() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let payments = t.service("payments-api", "payments").await;
    for file in [
        include_str!("../../../../scorecards/ownership.yaml"),
        include_str!("../../../../scorecards/production-readiness.yaml"),
        include_str!("../../../../scorecards/security-baseline.yaml"),
    ] {
        apply(&t, &cleo, file, None).await.unwrap();
    }
    let cards = cards_of(&t, &cleo, payments).await.unwrap().cards.unwrap();
    let stands: Vec<_> =
        cards.iter().map(|card| (card.scorecard.name.as_str(), card.result.level.as_deref())).collect();
    assert_eq!(stands, [("ownership", Some("bronze")), ("production-readiness", None), ("security-baseline", None)]);
}

#[tokio::test]
async fn ten_thousand_entities_are_looked_at_in_steps() {
    let t = TestPortal::new().await;
    let cleo = champion(&t).await;
    let team = t.team("payments").await;
    sqlx::query(
        "insert into entity (id, kind, namespace, name, type, owner_id, descriptor, created_at, updated_at)
         select gen_random_uuid(), 'component', 'default', 'service-' || n, 'service', $1, '{}', now(), now()
         from generate_series(1, 10000) as n",
    )
    .bind(team)
    .execute(&mut t.owner().await)
    .await
    .unwrap();
    let applied = apply(&t, &cleo, OWNED, None).await.unwrap();
    assert_eq!((applied.evaluated, applied.more), (2_000, true));
    assert_eq!(t.count("select count(*) from scorecard_result").await, 2_000);
    jobs::work_once(&t).await.unwrap();
    assert_eq!(t.count("select count(*) from scorecard_result where level_name = 'bronze'").await, 10_000);
    let shown = preview(&t, &cleo, &OWNED.replace("entity.has_tags", "size(entity.tags) >= 0")).await.unwrap();
    assert_eq!((shown.services, shown.moved, shown.checks[2].gains), (10_000, 0, 10_000));
    assert_eq!(overview(&t, &cleo).await.unwrap().cards[0].services(), 10_000);
}
