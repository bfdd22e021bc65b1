//! Incidents as senders, teams and strangers meet them.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use model::{AlertReceipt, DataClass, IncidentEventKind, IncidentState, NearbySource, Resolution, Severity};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::*;
use crate::{authz::RoleName, findings, testing::TestPortal};

const MAIN: &str = "alertmanager-main";

struct Scene {
    t: Arc<TestPortal>,
    sender: Actor,
    admin: Actor,
    champion: Actor,
    developer: Actor,
    stranger: Actor,
}

/// Payments owns `checkout` and `ledger`; search owns `finder`.
async fn scene() -> Scene {
    let t = TestPortal::new().await;
    let admin = t.person("Ada", &[(RoleName::PlatformAdministrator, None)]).await;
    let champion = t.person("Sam", &[(RoleName::SecurityChampion, None)]).await;
    let developer = t.person("Dev", &[(RoleName::Developer, Some("payments"))]).await;
    let stranger = t.person("Eve", &[(RoleName::TeamLead, Some("search"))]).await;
    for (service, team) in [("checkout", "payments"), ("ledger", "payments"), ("finder", "search")] {
        t.service(service, team).await;
    }
    t.team("platform").await;
    let draft = integrations::Draft {
        kind: IntegrationKind::Alertmanager,
        name: MAIN.to_owned(),
        owner: Some("platform".to_owned()),
        purpose: "Alerts of the production cluster".to_owned(),
        data_classes: vec![DataClass::Internal],
        scopes: vec!["alerts:write".to_owned()],
        egress_hosts: Vec::new(),
        endpoint: None,
        credential: None,
        review_by: t.clock.now().date() + Duration::days(90),
    };
    let added = integrations::add(&t, &admin, draft).await.unwrap().integration;
    integrations::approve(&t, &champion, MAIN.to_owned(), added.revision).await.unwrap();
    integrations::set_enabled(&t, &admin, MAIN.to_owned(), true).await.unwrap();
    let sender = Actor {
        who: crate::authz::Who::Integration { id: added.id },
        authentication: crate::authz::Authentication::Integration,
        ..Actor::anonymous("test".to_owned(), None)
    };
    Scene { t: Arc::new(t), sender, admin, champion, developer, stranger }
}

/// One alert; `ended` minutes after it began.
struct One<'a> {
    name: &'a str,
    service: Option<&'a str>,
    severity: &'a str,
    began: OffsetDateTime,
    ended: Option<i64>,
}

fn one<'a>(name: &'a str, service: &'a str, began: OffsetDateTime) -> One<'a> {
    One { name, service: Some(service), severity: "warning", began, ended: None }
}

fn delivery(group: &str, alerts: &[One<'_>]) -> Vec<u8> {
    let text = |at: OffsetDateTime| at.format(&Rfc3339).unwrap();
    let status = |ended: bool| if ended { "resolved" } else { "firing" };
    let alerts: Vec<Value> = alerts
        .iter()
        .map(|one| {
            let mut labels = json!({ "alertname": one.name, "severity": one.severity, "instance": "10.0.0.1" });
            if let Some(service) = one.service {
                labels["service"] = service.into();
            }
            let ended = one.ended.map(|minutes| one.began + Duration::minutes(minutes));
            json!({
                "status": status(ended.is_some()),
                "labels": labels,
                "annotations": { "summary": format!("{} on {}", one.name, one.service.unwrap_or("?")) },
                "startsAt": text(one.began),
                "endsAt": ended.map_or("0001-01-01T00:00:00Z".to_owned(), text),
                "generatorURL": "http://prometheus.example/graph",
                "fingerprint": format!("{}-{}", one.name, one.service.unwrap_or_default()),
            })
        })
        .collect();
    let all_ended = alerts.iter().all(|alert| alert["status"] == "resolved");
    serde_json::to_vec(&json!({
        "version": "4", "groupKey": group, "status": status(all_ended), "receiver": "rampart",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example",
        "alerts": alerts, "truncatedAlerts": 0,
    }))
    .unwrap()
}

impl Scene {
    async fn deliver(&self, body: &[u8]) -> AlertReceipt {
        receive_alerts(&self.t, &self.sender, MAIN.to_owned(), body).await.unwrap()
    }

    fn began(&self) -> OffsetDateTime {
        crate::testing::NOW - Duration::hours(1)
    }

    async fn detail(&self, number: i64) -> IncidentDetail {
        get(&self.t, &self.admin, number).await.unwrap()
    }
}

async fn numbers(s: &Scene, actor: &Actor, filter: &IncidentFilter) -> Vec<i64> {
    let page = list(&s.t, actor, filter, &PageRequest::default()).await.unwrap();
    assert_eq!(page.total.value, page.items.len() as u64);
    page.items.iter().map(|incident| incident.number).collect()
}

#[tokio::test]
async fn an_alert_opens_an_incident_of_the_service_it_names() {
    let s = scene().await;
    let alert = One { severity: "page", ..one("HighLatency", "checkout", s.began()) };
    let receipt = s.deliver(&delivery("g", &[alert])).await;
    assert_eq!(receipt, AlertReceipt { opened: vec![1], ..AlertReceipt::default() });
    let detail = get(&s.t, &s.developer, 1).await.unwrap();
    let incident = &detail.incident;
    assert_eq!(incident.title, "HighLatency on checkout");
    assert_eq!(incident.service, "component:default/checkout");
    assert_eq!((incident.severity, incident.state), (Severity::Critical, IncidentState::Open));
    assert_eq!((incident.alerts, incident.firing), (1, 1));
    assert_eq!(incident.started_at, s.began());
    assert_eq!(incident.owner_name.as_deref(), Some("payments"));
    assert_eq!(incident.integration_name.as_deref(), Some(MAIN));
    assert_eq!(detail.alerts[0].labels["instance"], "10.0.0.1");
    assert!(detail.may_handle);
    let page = integrations::get(&s.t, &s.admin, MAIN.to_owned()).await.unwrap();
    assert_eq!(page.succeeded_at, Some(s.t.clock.now()));
}

#[tokio::test]
async fn the_same_delivery_again_changes_nothing() {
    let s = scene().await;
    let body = delivery("g", &[one("Down", "checkout", s.began()), one("Slow", "checkout", s.began())]);
    s.deliver(&body).await;
    let before = s.detail(1).await;
    for _ in 0..3 {
        let again = s.deliver(&body).await;
        assert_eq!(again, AlertReceipt { repeated: 2, ..AlertReceipt::default() });
    }
    assert_eq!(s.detail(1).await, before);
}

#[tokio::test]
async fn a_resolve_resolves_it_and_a_new_episode_opens_another_that_names_the_former() {
    let s = scene().await;
    let firing = || one("Down", "checkout", s.began());
    s.deliver(&delivery("g", &[firing()])).await;
    let receipt = s.deliver(&delivery("g", &[One { ended: Some(10), ..firing() }])).await;
    assert_eq!(receipt.resolved, [1]);
    let resolved = s.detail(1).await;
    assert_eq!(resolved.incident.state, IncidentState::Resolved);
    assert_eq!(resolved.incident.resolution, Some(Resolution::Alert));
    assert_eq!(resolved.events.last().unwrap().kind, IncidentEventKind::Resolved);
    assert_eq!(s.deliver(&delivery("g", &[One { ended: Some(10), ..firing() }])).await.repeated, 1);

    let later = one("Down", "checkout", s.began() + Duration::minutes(30));
    assert_eq!(s.deliver(&delivery("g", &[later])).await.opened, [2]);
    assert_eq!(s.detail(2).await.incident.former, Some(1));
    assert_eq!(s.detail(1).await.later, Some(2));
}

#[tokio::test]
async fn an_incident_lasts_until_the_last_of_its_alerts_ends() {
    let s = scene().await;
    let (down, slow) = (|| one("Down", "checkout", s.began()), || one("Slow", "checkout", s.began()));
    s.deliver(&delivery("g", &[down()])).await;
    assert_eq!(s.deliver(&delivery("g", &[down(), slow()])).await.updated, [1]);
    assert_eq!(s.deliver(&delivery("g", &[One { ended: Some(5), ..down() }, slow()])).await.updated, [1]);
    let half = s.detail(1).await;
    assert_eq!((half.incident.alerts, half.incident.firing, half.incident.state), (2, 1, IncidentState::Open));
    // the group's last word does not mention what it spoke of before
    assert_eq!(s.deliver(&delivery("g", &[One { ended: Some(9), ..slow() }])).await.resolved, [1]);
    let kinds: Vec<_> = s.detail(1).await.events.iter().map(|event| event.kind).collect();
    use IncidentEventKind::{AlertFired, AlertResolved, Opened, Resolved};
    assert_eq!(kinds, [Opened, AlertFired, AlertResolved, AlertResolved, Resolved]);
}

#[tokio::test]
async fn a_group_that_ended_whole_takes_what_it_no_longer_mentions_with_it() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began()), one("Slow", "checkout", s.began())])).await;
    let last_word = delivery("g", &[One { ended: Some(5), ..one("Slow", "checkout", s.began()) }]);
    assert_eq!(s.deliver(&last_word).await.resolved, [1]);
    assert_eq!(s.detail(1).await.incident.firing, 0);
}

#[tokio::test]
async fn deliveries_that_overtake_one_another_end_as_if_they_had_not() {
    let s = scene().await;
    let first = || one("Down", "checkout", s.began());
    let ended = || One { ended: Some(5), ..first() };
    let second = || one("Down", "checkout", s.began() + Duration::minutes(20));
    // its end comes before its beginning
    assert_eq!(
        s.deliver(&delivery("g", &[ended()])).await,
        AlertReceipt { opened: vec![1], resolved: vec![1], ..AlertReceipt::default() }
    );
    let late = s.deliver(&delivery("g", &[first()])).await;
    assert!(late.opened.is_empty(), "{late:?}");
    assert_eq!(s.detail(1).await.incident.state, IncidentState::Resolved);
    // the end of the first episode comes after the beginning of the second
    assert_eq!(s.deliver(&delivery("g", &[second()])).await.opened, [2]);
    let late = s.deliver(&delivery("g", &[ended()])).await;
    assert!(late.resolved.is_empty(), "{late:?}");
    assert_eq!(s.detail(2).await.incident.state, IncidentState::Open);
}

#[tokio::test]
async fn twenty_simultaneous_deliveries_open_one_incident() {
    let s = scene().await;
    let body = Arc::new(delivery("g", &[one("Down", "checkout", s.began())]));
    let mut deliveries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (t, sender, body) = (Arc::clone(&s.t), s.sender.clone(), Arc::clone(&body));
        deliveries.spawn(async move { receive_alerts(&t, &sender, MAIN.to_owned(), &body).await.unwrap() });
    }
    let receipts = deliveries.join_all().await;
    assert_eq!(receipts.iter().map(|receipt| receipt.opened.len()).sum::<usize>(), 1);
    assert_eq!(s.t.count("select count(*) from incident").await, 1);
    assert_eq!(s.t.count("select count(*) from incident_event").await, 1);
}

#[tokio::test]
async fn one_group_of_two_services_is_two_incidents_and_two_groups_of_one_are_two() {
    let s = scene().await;
    let both = delivery("g", &[one("Down", "checkout", s.began()), one("Down", "finder", s.began())]);
    assert_eq!(s.deliver(&both).await.opened, [1, 2]);
    assert_eq!(s.deliver(&delivery("another", &[one("Down", "checkout", s.began())])).await.opened, [3]);
}

#[tokio::test]
async fn a_worse_alert_raises_the_severity_and_says_so() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Slow", "checkout", s.began())])).await;
    let worse = One { severity: "critical", ..one("Down", "checkout", s.began()) };
    s.deliver(&delivery("g", &[one("Slow", "checkout", s.began()), worse])).await;
    let detail = s.detail(1).await;
    assert_eq!(detail.incident.severity, Severity::Critical);
    let raised = detail.events.iter().find(|event| event.kind == IncidentEventKind::SeverityRaised).unwrap();
    assert_eq!(raised.detail, "Medium → Critical");
}

#[tokio::test]
async fn what_matches_nothing_waits_and_a_rule_gives_it_its_incident() {
    let s = scene().await;
    let lost = || One { service: None, ..one("DiskFull", "", s.began()) };
    let unknown = || one("Down", "nobody-knows", s.began());
    for _ in 0..3 {
        let receipt = s.deliver(&delivery("g", &[lost(), unknown()])).await;
        assert_eq!(receipt, AlertReceipt { waiting: 2, ..AlertReceipt::default() });
    }
    let inbox = mapping::inbox(&s.t, &s.champion, &PageRequest::default()).await.unwrap();
    assert_eq!((inbox.items.len(), inbox.total.value), (2, 2));
    let labels = |name: &str| BTreeMap::from([("alertname".to_owned(), name.to_owned())]);
    assert!(inbox.items.iter().any(|waiting| waiting.matchers == labels("DiskFull")), "{inbox:?}");

    let (rule, receipt) = mapping::map(&s.t, &s.champion, labels("DiskFull"), "ledger").await.unwrap();
    assert_eq!(receipt.opened, [1]);
    assert_eq!(s.detail(1).await.incident.service, "component:default/ledger");
    assert_eq!(mapping::waiting(&s.t, &s.champion).await.unwrap(), Some(1));

    let receipt = s.deliver(&delivery("g", &[lost(), unknown()])).await;
    assert_eq!(receipt, AlertReceipt { waiting: 1, repeated: 1, ..AlertReceipt::default() });
    assert_eq!(s.deliver(&delivery("g", &[One { ended: Some(9), ..lost() }])).await.resolved, [1]);

    mapping::unmap(&s.t, &s.champion, rule.id).await.unwrap();
    let again = One { service: None, ..one("DiskFull", "", s.began() + Duration::minutes(40)) };
    assert_eq!(s.deliver(&delivery("g", &[again])).await.waiting, 1);
    assert_eq!(s.t.count("select count(*) from alert_inbox").await, 3, "nothing vanishes");
}

#[tokio::test]
async fn the_most_particular_rule_counts_and_the_label_service_before_any() {
    let s = scene().await;
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    mapping::map(&s.t, &s.champion, labels(&[("instance", "10.0.0.1")]), "finder").await.unwrap();
    let particular = labels(&[("instance", "10.0.0.1"), ("alertname", "DiskFull")]);
    mapping::map(&s.t, &s.champion, particular.clone(), "ledger").await.unwrap();
    let lost = |name| One { service: None, ..one(name, "", s.began()) };
    s.deliver(&delivery("a", &[lost("DiskFull")])).await;
    s.deliver(&delivery("b", &[lost("Other")])).await;
    s.deliver(&delivery("c", &[one("DiskFull", "checkout", s.began())])).await;
    let mut services = Vec::new();
    for number in 1..=3 {
        services.push(s.detail(number).await.incident.service);
    }
    assert_eq!(services, ["component:default/ledger", "component:default/finder", "component:default/checkout"]);
    assert!(matches!(mapping::map(&s.t, &s.champion, particular, "finder").await, Err(Error::Conflict(_))));
    assert!(matches!(mapping::map(&s.t, &s.champion, BTreeMap::new(), "finder").await, Err(Error::Invalid(_))));
    assert!(matches!(mapping::map(&s.t, &s.champion, labels(&[("a", "b")]), "nope").await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn an_alert_whose_service_is_added_later_leaves_the_inbox_when_it_is_told_again() {
    let s = scene().await;
    let body = delivery("g", &[one("Down", "newcomer", s.began())]);
    assert_eq!(s.deliver(&body).await.waiting, 1);
    s.t.service("newcomer", "search").await;
    assert_eq!(s.deliver(&body).await.opened, [1]);
    assert_eq!(mapping::waiting(&s.t, &s.champion).await.unwrap(), Some(0));
    assert_eq!(s.t.count("select count(*) from alert_inbox where incident_id is not null").await, 1);
}

#[tokio::test]
async fn the_inbox_suggests_the_service_that_a_label_names() {
    let s = scene().await;
    let mut body: Value = serde_json::from_slice(&delivery("g", &[one("Down", "x", s.began())])).unwrap();
    body["alerts"][0]["labels"] = json!({ "alertname": "Down", "job": "finder", "namespace": "prod" });
    s.deliver(&serde_json::to_vec(&body).unwrap()).await;
    let inbox = mapping::inbox(&s.t, &s.champion, &PageRequest::default()).await.unwrap();
    let waiting = &inbox.items[0];
    assert_eq!(waiting.matchers, BTreeMap::from([("job".to_owned(), "finder".to_owned())]));
    assert_eq!(waiting.suggestion.as_ref().unwrap().name, "finder");
}

#[tokio::test]
async fn people_acknowledge_resolve_and_reopen() {
    let s = scene().await;
    let body = delivery("g", &[one("Down", "checkout", s.began())]);
    s.deliver(&body).await;
    let seen = acknowledge(&s.t, &s.developer, 1).await.unwrap();
    assert_eq!((seen.state, seen.acknowledged_by), (IncidentState::Acknowledged, s.developer.person_id()));
    assert!(matches!(acknowledge(&s.t, &s.developer, 1).await, Err(Error::Conflict(_))), "once is enough");
    let over = resolve(&s.t, &s.developer, 1, " Rolled back ").await.unwrap();
    assert_eq!((over.resolution, over.note.as_deref()), (Some(Resolution::Person), Some("Rolled back")));
    assert!(matches!(resolve(&s.t, &s.developer, 1, "").await, Err(Error::Conflict(_))));

    // the sender goes on about the same episode: that is no new incident
    assert_eq!(s.deliver(&body).await, AlertReceipt { repeated: 1, ..AlertReceipt::default() });
    reopen(&s.t, &s.developer, 1, "Still there").await.unwrap();
    let detail = s.detail(1).await;
    assert_eq!((detail.incident.state, detail.incident.acknowledged_at), (IncidentState::Open, None));
    let events: Vec<_> = detail.events.iter().map(|event| (event.kind, event.detail.as_str())).collect();
    use IncidentEventKind::{Acknowledged, Opened, Reopened, Resolved};
    assert_eq!(events, [(Opened, ""), (Acknowledged, ""), (Resolved, "Rolled back"), (Reopened, "Still there")]);
    assert_eq!(detail.events[1].person_name.as_deref(), Some("Dev"));
    assert_eq!(s.t.count("select count(*) from audit_record where action = 'incident.handle'").await, 3);
}

#[tokio::test]
async fn one_that_has_a_successor_is_not_reopened_beside_it() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began())])).await;
    resolve(&s.t, &s.developer, 1, "").await.unwrap();
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began() + Duration::minutes(5))])).await;
    let refused = reopen(&s.t, &s.developer, 1, "").await;
    assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("another incident")), "{refused:?}");
}

#[tokio::test]
async fn what_ends_after_somebody_resolved_it_stays_resolved_by_them() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began())])).await;
    resolve(&s.t, &s.developer, 1, "done").await.unwrap();
    let receipt = s.deliver(&delivery("g", &[One { ended: Some(50), ..one("Down", "checkout", s.began()) }])).await;
    assert_eq!((receipt.opened, receipt.updated), (vec![], vec![1]));
    let detail = s.detail(1).await;
    assert_eq!((detail.incident.firing, detail.incident.resolution), (0, Some(Resolution::Person)));
}

#[tokio::test]
async fn strangers_see_nothing_and_auditors_touch_nothing() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began()), one("Lost", "nowhere", s.began())])).await;
    assert_eq!(numbers(&s, &s.stranger, &IncidentFilter::default()).await, [0_i64; 0]);
    assert!(matches!(get(&s.t, &s.stranger, 1).await, Err(Error::NotFound(_))));
    assert!(matches!(acknowledge(&s.t, &s.stranger, 1).await, Err(Error::NotFound(_))));
    assert_eq!(live(&s.t, &s.stranger).await.unwrap(), LiveIncidents::default());
    assert_eq!(mapping::inbox(&s.t, &s.developer, &PageRequest::default()).await.unwrap().items, []);
    assert_eq!(mapping::waiting(&s.t, &s.stranger).await.unwrap(), None);
    let labels = BTreeMap::from([("alertname".to_owned(), "Lost".to_owned())]);
    assert!(mapping::map(&s.t, &s.developer, labels, "checkout").await.is_err());

    let auditor = s.t.person("Aud", &[(RoleName::Auditor, None), (RoleName::Developer, Some("payments"))]).await;
    assert_eq!(numbers(&s, &auditor, &IncidentFilter::default()).await, [1]);
    assert!(!get(&s.t, &auditor, 1).await.unwrap().may_handle);
    assert!(matches!(acknowledge(&s.t, &auditor, 1).await, Err(Error::Forbidden(_))));
    assert_eq!(live(&s.t, &s.developer).await.unwrap().open, 1);
}

#[tokio::test]
async fn an_integration_delivers_only_as_itself_and_only_while_it_is_enabled() {
    let s = scene().await;
    let body = delivery("g", &[one("Down", "checkout", s.began())]);
    let other = Actor { who: crate::authz::Who::Integration { id: s.t.rng.id(&s.t.clock) }, ..s.sender.clone() };
    assert!(receive_alerts(&s.t, &other, MAIN.to_owned(), &body).await.is_err());
    let nobody = Actor::anonymous("test".to_owned(), None);
    assert!(matches!(receive_alerts(&s.t, &nobody, MAIN.to_owned(), &body).await, Err(Error::Unauthenticated)));
    assert!(receive_alerts(&s.t, &s.developer, MAIN.to_owned(), &body).await.is_err());
    integrations::set_enabled(&s.t, &s.admin, MAIN.to_owned(), false).await.unwrap();
    let refused = receive_alerts(&s.t, &s.sender, MAIN.to_owned(), &body).await;
    assert!(matches!(&refused, Err(Error::Shut(why)) if why.contains("disabled")), "{refused:?}");
    assert_eq!(s.t.count("select count(*) from incident").await, 0);
    // nor can it do anything else
    assert!(integrations::list(&s.t, &s.sender).await.unwrap().is_empty());
    assert!(get(&s.t, &s.sender, 1).await.is_err());
}

#[tokio::test]
async fn hostile_text_is_kept_as_text_and_hostile_addresses_are_dropped() {
    let s = scene().await;
    let script = "<script>alert(1)</script>\u{202e}=cmd|'/c calc'!A1 ../../etc/passwd";
    let mut body: Value = serde_json::from_slice(&delivery("g", &[one("Down", "checkout", s.began())])).unwrap();
    body["alerts"][0]["labels"]["pod"] = script.into();
    body["alerts"][0]["annotations"] = json!({ "summary": format!("{script}\n\0second"), "description": script });
    body["alerts"][0]["generatorURL"] = "javascript:alert(1)".into();
    body["externalURL"] = "data:text/html,x".into();
    body["groupKey"] = "k".repeat(100_000).into();
    body["alerts"][0]["fingerprint"] = "f".repeat(100_000).into();
    s.deliver(&serde_json::to_vec(&body).unwrap()).await;
    let detail = s.detail(1).await;
    assert!(detail.incident.title.starts_with("<script>alert(1)</script>"), "{}", detail.incident.title);
    assert!(!detail.incident.title.contains(['\n', '\0']));
    assert_eq!(detail.alerts[0].labels["pod"], script);
    assert_eq!((detail.alerts[0].generator_url.as_deref(), detail.incident.external_url.as_deref()), (None, None));
}

#[tokio::test]
async fn what_is_no_delivery_is_refused_with_its_place_and_shown_on_the_page() {
    let s = scene().await;
    let good = delivery("g", &[one("Down", "checkout", s.began())]);
    let change = |edit: &dyn Fn(&mut Value)| {
        let mut body: Value = serde_json::from_slice(&good).unwrap();
        edit(&mut body);
        serde_json::to_vec(&body).unwrap()
    };
    let many: Vec<One<'_>> = (0..1001).map(|_| one("Down", "checkout", s.began())).collect();
    for (what, body) in [
        ("nothing", Vec::new()),
        ("half of it", good[..good.len() / 2].to_vec()),
        ("not text", vec![0xff, 0xfe, 0x00]),
        ("another version", change(&|body| body["version"] = "3".into())),
        ("no alerts", change(&|body| body["alerts"] = json!([]))),
        ("no time", change(&|body| body["alerts"][0]["startsAt"] = "yesterday".into())),
        ("before Postgres' time", change(&|body| body["alerts"][0]["startsAt"] = "0000-01-01T00:00:00Z".into())),
        ("labels that are none", change(&|body| body["alerts"][0]["labels"] = json!(["a"]))),
        (
            "too many labels",
            change(&|body| (0..65).for_each(|n| body["alerts"][0]["labels"][format!("l{n}")] = "x".into())),
        ),
        ("too many alerts", delivery("g", &many)),
        ("too large", vec![b' '; MAX_DELIVERY + 1]),
        ("too deep", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
    ] {
        let refused = receive_alerts(&s.t, &s.sender, MAIN.to_owned(), &body).await.unwrap_err();
        assert!(matches!(refused, Error::Malformed(_) | Error::Invalid(_) | Error::TooLarge(_)), "{what}: {refused:?}");
    }
    assert_eq!(s.t.count("select count(*) from incident").await, 0);
    let page = integrations::get(&s.t, &s.admin, MAIN.to_owned()).await.unwrap();
    assert!(page.failure.is_some() && page.remedy.is_some());
}

#[tokio::test]
async fn a_list_is_narrowed_by_state_severity_service_owner_and_text() {
    let s = scene().await;
    let critical = One { severity: "critical", ..one("Down", "checkout", s.began()) };
    s.deliver(&delivery("a", &[critical])).await;
    s.t.clock.advance(Duration::minutes(1));
    s.deliver(&delivery("b", &[one("DiskFull", "ledger", s.began())])).await;
    s.t.clock.advance(Duration::minutes(1));
    s.deliver(&delivery("c", &[one("100%_Slow", "finder", s.began())])).await;
    resolve(&s.t, &s.developer, 2, "").await.unwrap();
    let by = |filter: IncidentFilter| {
        let s = &s;
        async move { numbers(s, &s.admin, &filter).await }
    };
    let all = IncidentFilter::default;
    assert_eq!(by(all()).await, [3, 2, 1]);
    assert_eq!(by(IncidentFilter { sort: model::IncidentSort::Severity, ..all() }).await, [1, 3, 2]);
    assert_eq!(by(IncidentFilter { sort: model::IncidentSort::Heard, ..all() }).await, [3, 2, 1]);
    assert_eq!(by(IncidentFilter { states: vec![IncidentState::Resolved], ..all() }).await, [2]);
    assert_eq!(by(IncidentFilter { severities: vec![Severity::Critical], ..all() }).await, [1]);
    assert_eq!(by(IncidentFilter { service: Some("ledger".into()), ..all() }).await, [2]);
    assert_eq!(by(IncidentFilter { service: Some("nope".into()), ..all() }).await, [0_i64; 0]);
    assert_eq!(by(IncidentFilter { owners: vec!["payments".into()], ..all() }).await, [2, 1]);
    assert_eq!(by(IncidentFilter { text: Some("diskfull".into()), ..all() }).await, [2]);
    assert_eq!(by(IncidentFilter { text: Some("0%_s".into()), ..all() }).await, [3]);
    assert_eq!(by(IncidentFilter { text: Some("'; drop table incident; --".into()), ..all() }).await, [0_i64; 0]);
}

#[tokio::test]
async fn pages_of_a_list_follow_one_another() {
    let s = scene().await;
    for n in 0..7 {
        let severity = if n % 2 == 0 { "critical" } else { "warning" };
        let alert = One { severity, ..one("Down", "checkout", s.began()) };
        s.deliver(&delivery(&format!("g{n}"), &[alert])).await;
    }
    for sort in [model::IncidentSort::Opened, model::IncidentSort::Severity, model::IncidentSort::Heard] {
        let filter = IncidentFilter { sort, ..IncidentFilter::default() };
        let whole = numbers(&s, &s.admin, &filter).await;
        let mut request = PageRequest { cursor: None, size: Some(3) };
        let mut seen = Vec::new();
        loop {
            let page = list(&s.t, &s.admin, &filter, &request).await.unwrap();
            seen.extend(page.items.iter().map(|incident| incident.number));
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, whole, "{sort:?}");
    }
}

#[tokio::test]
async fn an_incident_follows_its_service_to_another_owner() {
    let s = scene().await;
    s.deliver(&delivery("g", &[one("Down", "checkout", s.began())])).await;
    let entity = s.detail(1).await.incident.entity.unwrap();
    let mut owner = s.t.owner().await;
    assert_eq!(effects::open_counts(&mut owner, &[entity]).await.unwrap()[&entity], 1);
    let search = s.t.team("search").await;
    effects::owner_changed(&mut owner, entity, Some(search), false).await.unwrap();
    assert_eq!(numbers(&s, &s.stranger, &IncidentFilter::default()).await, [1]);
    assert_eq!(numbers(&s, &s.developer, &IncidentFilter::default()).await, [0_i64; 0]);
    sqlx::query("delete from entity where id = $1").bind(entity).execute(&mut owner).await.unwrap();
    let orphan = s.detail(1).await.incident;
    assert_eq!((orphan.entity, orphan.service.as_str()), (None, "component:default/checkout"), "the incident stays");
}

#[tokio::test]
async fn the_timeline_shows_what_else_happened_to_the_service() {
    let s = scene().await;
    s.deliver(&delivery("a", &[one("Slow", "checkout", s.began())])).await;
    findings::gate::evaluate(&s.t, &s.developer, "checkout", None).await.unwrap();
    s.t.clock.advance(Duration::minutes(10));
    s.deliver(&delivery("b", &[one("Down", "checkout", s.began())])).await;
    let nearby = s.detail(2).await.nearby;
    let other = nearby.iter().find(|event| event.source == NearbySource::Incident).unwrap();
    assert_eq!(other.href.as_deref(), Some("/incidents/1"));
    assert!(nearby.iter().all(|event| event.href.as_deref() != Some("/incidents/2")), "{nearby:?}");
    let deployments: Vec<_> = nearby.iter().filter(|event| event.source == NearbySource::Deployment).collect();
    let [deployment] = deployments[..] else { panic!("one deployment was asked about: {nearby:?}") };
    assert!(deployment.title.starts_with("Deployment halted by the gate: "), "{deployment:?}");
    assert_eq!(deployment.href.as_deref(), Some("/catalog/component/default/checkout/security"));
}

#[tokio::test]
async fn what_is_counted_as_live_is_what_nobody_has_resolved() {
    let s = scene().await;
    for n in 0..3 {
        s.deliver(&delivery(&format!("g{n}"), &[one("Down", "checkout", s.began())])).await;
    }
    resolve(&s.t, &s.developer, 1, "").await.unwrap();
    let mut owner = s.t.owner().await;
    let everything = crate::authz::Scope { everything: true, ..Default::default() };
    assert_eq!(effects::live(&mut owner, &everything).await.unwrap().open, 2);
    let nothing = crate::authz::Scope::default();
    assert_eq!(effects::live(&mut owner, &nothing).await.unwrap().open, 0);
}

#[tokio::test]
async fn what_a_real_alertmanager_sent_is_taken() {
    let s = scene().await;
    let corpus = std::env::var_os("RAMPART_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(corpus.join("webhooks/alertmanager")) else {
        eprintln!("skipped: there are no captured webhooks in {}", corpus.display());
        return;
    };
    for file in files {
        let body = std::fs::read(file.unwrap().path()).unwrap();
        assert_eq!(s.deliver(&body).await, AlertReceipt { waiting: 1, ..AlertReceipt::default() });
        let job = BTreeMap::from([("job".to_owned(), "down".to_owned())]);
        let (_, receipt) = mapping::map(&s.t, &s.champion, job, "checkout").await.unwrap();
        assert_eq!(receipt.opened.len(), 1);
        let incident = s.detail(receipt.opened[0]).await.incident;
        assert_eq!((incident.title.as_str(), incident.severity), ("down 127.0.0.1:1", Severity::Critical));
        assert_eq!(s.deliver(&body).await.repeated, 1);
    }
}
