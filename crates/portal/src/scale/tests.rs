//! Every list, in every order, under every filter, for every kind of reader: none reads a big table whole, and none
//! sorts what an index has in order.

use std::collections::BTreeMap;

use model::{
    Cursor, EntityFilter, EnvironmentState, FindingKind, GraphAsk, IncidentFilter, IncidentSort, IncidentState,
    PageRequest, RelationFamily, Severity,
    findings::{FindingState, Stage},
    page::Page,
    request::Inbox,
    scorecards::{ResultFilter, ResultSort},
};
use tracing::instrument::WithSubscriber;

use super::{
    Size, fill,
    plans::{Explanations, Sizes, explain_everything},
};
use crate::{
    Actor, Db, Portal, Result, audit,
    authz::RoleName,
    catalog, compliance, dashboards, environments, findings, identity, incidents, notifications, requests, scorecards,
    testing::{NOW, TestPortal},
};

/// A portal with a moderately big organisation, whose database explains everything.
struct World {
    portal: Portal,
    /// Keeps the database.
    test: TestPortal,
    readers: Vec<(&'static str, Actor)>,
    sizes: Sizes,
    explanations: Explanations,
    explained: usize,
    wrong: BTreeMap<String, String>,
}

impl World {
    async fn new() -> Self {
        let test = TestPortal::from_template("moderate", async |test| {
            let card = include_str!("../../../../scorecards/ownership.yaml");
            scorecards::apply(test, &test.system(), card, None).await.unwrap();
            fill(&mut test.owner().await, Size::MODERATE, NOW).await.unwrap();
        })
        .await;
        let mut owner = test.owner().await;
        // whoever leads a team sees what its developers see; whoever administers sees what auditors see
        let readers = vec![
            ("developer", test.person("Dana", &[(RoleName::Developer, Some("unit-001"))]).await),
            ("champion", test.person("Chika", &[(RoleName::SecurityChampion, None)]).await),
            ("auditor", test.person("Ines", &[(RoleName::Auditor, None)]).await),
            ("member", test.person("Nova", &[]).await),
        ];
        explain_everything(&mut owner, test.database()).await;
        // connections that are made from now on
        let portal = Portal { db: Db::connect(&test.database_url()).unwrap(), ..test.portal.clone() };
        let sizes = Sizes::read(&mut owner).await;
        Self {
            portal,
            test,
            readers,
            sizes,
            explanations: Explanations::default(),
            explained: 0,
            wrong: BTreeMap::new(),
        }
    }

    /// Runs one operation and judges each of its statements; how many there were.
    async fn look<T>(&mut self, what: &str, operation: impl AsyncFnOnce(&Portal) -> Result<T>) -> T {
        let portal = self.portal.clone();
        let answer = operation(&portal).with_subscriber(self.explanations.clone()).await;
        let explained = self.explanations.take();
        self.explained += explained.len();
        for statement in explained {
            for wrong in self.sizes.judge(&statement) {
                let shown: String = statement.sql.split_whitespace().collect::<Vec<_>>().join(" ");
                self.wrong.entry(wrong).or_insert_with(|| format!("{what}: {}", &shown[..shown.len().min(700)]));
            }
        }
        answer.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// The first page, the next, and back again.
    async fn leaf<T>(&mut self, what: &str, list: impl AsyncFn(&Portal, PageRequest) -> Result<Page<T>>) {
        let mut cursor: Option<Cursor> = None;
        for turn in ["first", "next", "back"] {
            let request = PageRequest { cursor: cursor.clone(), size: None };
            let page = self.look(&format!("{what}, {turn} page"), async |portal| list(portal, request).await).await;
            cursor = if turn == "first" { page.next } else { page.previous };
            if cursor.is_none() {
                return;
            }
        }
    }

    fn finish(self) {
        let told: Vec<String> = self.wrong.iter().map(|(wrong, whose)| format!("{wrong}\n    {whose}")).collect();
        drop(self.test);
        assert!(self.explained > 300, "only {} statements were explained", self.explained);
        assert!(told.is_empty(), "{} kinds of plans that do not hold at scale:\n{}", told.len(), told.join("\n"));
    }
}

#[tokio::test]
async fn no_list_of_the_catalog_reads_or_sorts_a_whole_table() {
    let mut w = World::new().await;
    let pairs: [&[(&str, &str)]; 9] = [
        &[],
        &[("kind", "api")],
        &[("type", "library"), ("lifecycle", "deprecated")],
        &[("owner", "unit-003")],
        &[("system", "system-000150")],
        &[("tag", "tag-11")],
        &[("q", "ledger keeper")],
        &[("q", "no-such-word")],
        &[("q", "risk"), ("kind", "component"), ("lifecycle", "production")],
    ];
    for (reader, actor) in w.readers.clone() {
        w.leaf(&format!("the bin for {reader}"), async |portal, request| {
            catalog::bin::bin(portal, &actor, &request).await
        })
        .await;
        // the counts beside the list are read once, and again when the catalog changes
        catalog::list(&w.portal, &actor, &EntityFilter::default(), &PageRequest::default()).await.unwrap();
        for pairs in pairs {
            for sort in ["name", "-name", "updated", "-updated"] {
                let given = pairs.iter().copied().chain([("sort", sort)]);
                let filter = EntityFilter::from_pairs(given).unwrap();
                let what = format!("catalog by {sort} {pairs:?} for {reader}");
                w.leaf(&what, async |portal, request| Ok(catalog::list(portal, &actor, &filter, &request).await?.page))
                    .await;
            }
        }
        let named = "component:default/service-000013".parse().unwrap();
        w.look("an entity", async |portal| catalog::detail(&mut portal.snapshot(&actor).await?, &named).await).await;
        w.look("its changes", async |portal| catalog::history(&mut portal.snapshot(&actor).await?, &named).await).await;
        let ask = GraphAsk { depth: 5, families: RelationFamily::ALL.to_vec() };
        for around in ["component:default/service-000013", "system:default/system-000150"] {
            let around = around.parse().unwrap();
            w.look("a graph", async |portal| catalog::graph(&mut portal.snapshot(&actor).await?, &around, &ask).await)
                .await;
        }
        let id = catalog::detail(&mut w.portal.snapshot(&actor).await.unwrap(), &named).await.unwrap().summary.id;
        w.look("an owner's card", async |portal| {
            catalog::ownership::owner_card(&mut portal.snapshot(&actor).await?, id).await
        })
        .await;
        w.look("who may do what", async |portal| {
            identity::access::of_entity(&mut portal.snapshot(&actor).await?, id).await
        })
        .await;
        w.look("what nobody owns", async |portal| catalog::ownership::unowned(portal, &actor).await).await;
        w.look("suggestions", async |portal| catalog::suggest(&mut portal.snapshot(&actor).await?, "ledger", 10).await)
            .await;
        w.leaf("teams", async |portal, request| identity::directory::teams(portal, &actor, "", &request).await).await;
    }
    w.finish();
}

#[tokio::test]
async fn no_list_of_findings_reads_or_sorts_a_whole_table() {
    use findings::{Filter, Sort};
    let mut w = World::new().await;
    let all = Filter::default;
    let filters = [
        all(),
        Filter { state: FindingState::Closed, ..all() },
        Filter { severity: vec![Severity::Critical], ..all() },
        Filter { severity: vec![Severity::Critical, Severity::High], ..all() },
        Filter { service: Some("service-000013".to_owned()), ..all() },
        Filter { service: Some("service-000003".to_owned()), state: FindingState::Closed, ..all() },
        Filter { owner: Some("unit-004".to_owned()), ..all() },
        Filter { kind: Some(FindingKind::Secret), ..all() },
        Filter { tool: Some("trivy".to_owned()), ..all() },
        Filter { tool: Some("no-such-tool".to_owned()), ..all() },
        Filter { stage: Some(Stage::Build), ..all() },
        Filter { fixable: Some(false), ..all() },
        Filter { text: Some("package-77".to_owned()), ..all() },
        Filter { text: Some("no such text".to_owned()), ..all() },
        Filter { severity: vec![Severity::Low], owner: Some("unit-009".to_owned()), fixable: Some(true), ..all() },
    ];
    for (reader, actor) in w.readers.clone() {
        for filter in &filters {
            for sort in Sort::WORDS {
                let sort = Sort::parse(sort).unwrap();
                let what = format!("findings by {} {filter:?} for {reader}", sort.as_str());
                w.leaf(&what, async |portal, request| {
                    findings::list(&mut portal.snapshot(&actor).await?, filter, sort, &request).await
                })
                .await;
            }
        }
        w.look(&format!("the security page for {reader}"), async |portal| {
            findings::overview(&mut portal.snapshot(&actor).await?).await
        })
        .await;
    }
    w.finish();
}

#[tokio::test]
async fn no_list_of_environments_requests_or_incidents_reads_or_sorts_a_whole_table() {
    use environments::{Filter, Sort};
    let mut w = World::new().await;
    let unit = w.test.team("unit-005").await;
    let all = Filter::default;
    let states = EnvironmentState::ALL.map(|state| Filter { state: Some(state), ..all() });
    let others = [
        all(),
        Filter { living: true, ..all() },
        Filter { mine: true, ..all() },
        Filter { owner: Some(unit), living: true, ..all() },
        Filter { template: Some("postgres-sandbox".to_owned()), ..all() },
    ];
    let ask = IncidentFilter::default;
    let incident_filters = [
        ask(),
        IncidentFilter { states: vec![IncidentState::Open], ..ask() },
        IncidentFilter { states: vec![IncidentState::Open, IncidentState::Acknowledged], ..ask() },
        IncidentFilter { states: vec![IncidentState::Resolved], ..ask() },
        IncidentFilter { severities: vec![Severity::Critical], ..ask() },
        IncidentFilter { service: Some("service-000013".to_owned()), ..ask() },
        IncidentFilter { owners: vec!["unit-006".to_owned()], ..ask() },
        IncidentFilter { text: Some("answers slowly".to_owned()), ..ask() },
        IncidentFilter { text: Some("no-such-text".to_owned()), ..ask() },
    ];
    for (reader, actor) in w.readers.clone() {
        for filter in states.iter().chain(&others) {
            for sort in [Sort::Newest, Sort::EndsSoonest, Sort::Name] {
                w.leaf(&format!("environments by {sort:?} {filter:?} for {reader}"), async |portal, request| {
                    Ok(environments::list(&mut portal.snapshot(&actor).await?, filter, sort, &request).await?.page)
                })
                .await;
            }
        }
        for inbox in Inbox::ALL {
            w.leaf(&format!("requests {inbox:?} for {reader}"), async |portal, request| {
                requests::list(portal, &actor, inbox, None, &request).await
            })
            .await;
        }
        for filter in &incident_filters {
            for sort in [IncidentSort::Opened, IncidentSort::Severity, IncidentSort::Heard] {
                let filter = IncidentFilter { sort, ..filter.clone() };
                w.leaf(&format!("incidents {filter:?} for {reader}"), async |portal, request| {
                    incidents::list(portal, &actor, &filter, &request).await
                })
                .await;
            }
        }
        w.leaf(&format!("the inbox of alerts for {reader}"), async |portal, request| {
            incidents::mapping::inbox(portal, &actor, &request).await
        })
        .await;
        w.leaf("notices", async |portal, request| notifications::list(portal, &actor, &request).await).await;
    }
    w.finish();
}

#[tokio::test]
async fn no_list_of_scorecards_or_of_the_audit_log_and_no_first_page_reads_or_sorts_a_whole_table() {
    let mut w = World::new().await;
    let ask = audit::log::Filter::default;
    let person = w.readers[0].1.person_id();
    let audit_filters = [
        ask(),
        audit::log::Filter { outcome: Some(audit::Outcome::Denied), ..ask() },
        audit::log::Filter { text: Some("approve".to_owned()), ..ask() },
        audit::log::Filter { text: Some("no-such-text".to_owned()), ..ask() },
        audit::log::Filter { person, ..ask() },
        audit::log::Filter { target_kind: Some("Entity".to_owned()), ..ask() },
        audit::log::Filter { target_kind: Some("Request".to_owned()), target_id: Some("1".to_owned()), ..ask() },
        audit::log::Filter { request_id: Some("scale-77".to_owned()), ..ask() },
        audit::log::Filter { from: Some(NOW - time::Duration::days(2)), until: Some(NOW), ..ask() },
    ];
    let results = ResultFilter::default;
    let result_filters = [
        results(),
        ResultFilter { level: Some("gold".to_owned()), ..results() },
        ResultFilter { level: Some("none".to_owned()), ..results() },
        ResultFilter { failing: Some("check-3".to_owned()), ..results() },
        ResultFilter { failing: Some("no-such-check".to_owned()), ..results() },
        ResultFilter { team: Some("unit-007".to_owned()), ..results() },
    ];
    for (reader, actor) in w.readers.clone() {
        for filter in &result_filters {
            for sort in [ResultSort::Name, ResultSort::Score] {
                let filter = ResultFilter { sort, ..filter.clone() };
                w.leaf(&format!("scorecard {filter:?} for {reader}"), async |portal, request| {
                    scorecards::results(portal, &actor, "ownership", &filter, &request).await
                })
                .await;
            }
        }
        for filter in &audit_filters {
            w.leaf(&format!("audit {filter:?} for {reader}"), async |portal, request| {
                audit::log::list(portal, &actor, filter, &request).await
            })
            .await;
        }
        w.look(&format!("home for {reader}"), async |portal| dashboards::home(portal, &actor).await).await;
        // the organisation's dashboard is not here: it adds up whole tables by team
        w.look(&format!("what runs for {reader}"), async |portal| dashboards::running(portal, &actor).await).await;
        let yesterday = audit::log::Filter { from: Some(NOW - time::Duration::days(1)), until: Some(NOW), ..ask() };
        w.look(&format!("an export of one day for {reader}"), async |portal| {
            audit::log::export(portal, &actor, &yesterday).await
        })
        .await;
        for text in ["", "person 7", "no-such-person"] {
            w.leaf(&format!("people {text:?} for {reader}"), async |portal, request| {
                identity::directory::people(portal, &actor, text, &request).await
            })
            .await;
        }
        w.look(&format!("the frame for {reader}"), async |portal| dashboards::frame_counts(portal, &actor).await).await;
        w.look(&format!("compliance for {reader}"), async |portal| compliance::frameworks(portal, &actor).await).await;
    }
    w.finish();
}
