//! What happened in the demonstration organisation over the last weeks, told in order through the portal's operations
//! with a clock that is moved from one event to the next.

use std::collections::HashMap;

use anyhow::{Context, Result};
use model::{DataClass, IntegrationKind, SourceKind, TeamId, findings::Stage};
use portal::{
    Actor, Clock, Portal,
    authz::{Reach, RoleName},
    catalog::{self, DescriptorFile, SourceName},
    compliance,
    environments::{request::Ask, templates},
    findings,
    identity::{
        access::{self, NewAccess},
        session,
        sign_in::{self, Claims},
        token,
    },
    incidents,
    integrations::{self, Draft},
    jobs::Job,
    requests, scorecards,
};
use secrecy::ExposeSecret;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{
    alerts::{self, TROUBLES, Trouble},
    benchmarks, people,
    reports::{self, Diligence, WEEKS, number},
};

/// The files of the catalog, as a repository of descriptors would hold them.
const CATALOG: &[(&str, &str)] = &[
    ("organisation.yaml", include_str!("../../demo/catalog/organisation.yaml")),
    ("payments.yaml", include_str!("../../demo/catalog/payments.yaml")),
    ("identity.yaml", include_str!("../../demo/catalog/identity.yaml")),
    ("storefront.yaml", include_str!("../../demo/catalog/storefront.yaml")),
    ("data.yaml", include_str!("../../demo/catalog/data.yaml")),
    ("platform.yaml", include_str!("../../demo/catalog/platform.yaml")),
    ("mobile.yaml", include_str!("../../demo/catalog/mobile.yaml")),
];

/// The scorecards that come with the portal.
const SCORECARDS: &[&str] = &[
    include_str!("../../../scorecards/ownership.yaml"),
    include_str!("../../../scorecards/production-readiness.yaml"),
    include_str!("../../../scorecards/security-baseline.yaml"),
];

const TEMPLATES: &[(&str, &str)] = &[
    ("postgres-sandbox.yaml", include_str!("../../demo/templates/postgres-sandbox.yaml")),
    ("postgres-load-test.yaml", include_str!("../../demo/templates/postgres-load-test.yaml")),
];

/// How the integration for alerts is called.
const ALERTS: &str = "alertmanager";

/// What is scanned: a service, its language, its team, and whether its image is scanned each week or every other.
const SCANNED: &[(&str, &str, &str, bool)] = &[
    ("payments-api", "java", "payments", true),
    ("payment-router", "go", "payments", true),
    ("refunds-worker", "java", "payments", false),
    ("ledger", "go", "payments", true),
    ("invoicing", "java", "payments", false),
    ("billing-portal", "typescript", "payments", false),
    ("fraud-scoring", "python", "payments", true),
    ("sign-in-service", "java", "identity", true),
    ("session-service", "go", "identity", false),
    ("accounts-api", "java", "identity", true),
    ("consent-service", "python", "identity", false),
    ("storefront-web", "typescript", "storefront", true),
    ("basket-service", "node", "storefront", true),
    ("orders-service", "java", "storefront", true),
    ("product-catalogue", "java", "storefront", false),
    ("pricing", "go", "storefront", false),
    ("search-service", "python", "storefront", false),
    ("gift-cards", "node", "storefront", false),
    ("events-pipeline", "go", "data", false),
    ("warehouse-loader", "python", "data", false),
    ("reporting-api", "python", "data", false),
    ("feature-store", "python", "data", false),
    ("gateway", "go", "platform", true),
    ("secrets-broker", "go", "platform", false),
    ("deploy-controller", "go", "platform", false),
    ("base-image", "debian", "platform", true),
    ("mobile-gateway", "node", "mobile", true),
    ("push-service", "go", "mobile", false),
];

/// Whose code is scanned too, in every other week.
const CODE_SCANNED: &[&str] = &["payments-api", "sign-in-service", "storefront-web", "warehouse-loader", "gateway"];

const APPS: &[&str] = &["app-ios", "app-android"];

const fn diligence(team: &str) -> Diligence {
    match team.as_bytes() {
        b"payments" => Diligence { meets: 42, weeks_open: 4 },
        b"identity" => Diligence { meets: 38, weeks_open: 3 },
        b"platform" => Diligence { meets: 36, weeks_open: 3 },
        b"mobile" => Diligence { meets: 48, weeks_open: 6 },
        b"storefront" => Diligence { meets: 52, weeks_open: 7 },
        _ => Diligence { meets: 58, weeks_open: 9 },
    }
}

/// Tells the whole story, from twelve weeks ago until now.
pub(super) async fn tell(portal: &Portal, issuer: &str) -> Result<()> {
    let mut teller = Teller::begin(portal, issuer).await?;
    let mut chapters = scans(teller.now);
    chapters.extend(deeds(teller.now));
    chapters.extend(standards(teller.now));
    chapters.extend(troubles(teller.now));
    chapters.sort_by_key(|(at, _)| *at);
    for (at, happening) in chapters {
        teller.portal.clock.advance(at - teller.portal.clock.now());
        let name = happening.name();
        teller.happen(happening).await.with_context(|| format!("the demonstration's {name}"))?;
    }
    Ok(())
}

enum Happening {
    Scan {
        service: &'static str,
        stage: Stage,
        report: Vec<u8>,
    },
    Ask {
        person: &'static str,
        service: &'static str,
        template: &'static str,
        hours: u32,
        reason: &'static str,
    },
    AskAccess {
        person: &'static str,
        team: &'static str,
        role: RoleName,
        days: u32,
        reason: &'static str,
    },
    /// Of the last request of `of`.
    Approve {
        person: &'static str,
        of: &'static str,
        note: &'static str,
    },
    Decline {
        person: &'static str,
        of: &'static str,
        note: &'static str,
    },
    Withdraw {
        person: &'static str,
    },
    /// Scorecards are put in force.
    Scorecards,
    /// Every service is looked at again, as happens every night.
    LookAgain,
    Benchmark {
        cluster: &'static str,
        report: Vec<u8>,
    },
    SignOff {
        service: &'static str,
        scorecard: &'static str,
        note: &'static str,
        days: i64,
    },
    Exempt {
        service: &'static str,
        scorecard: &'static str,
        check: &'static str,
        reason: &'static str,
        days: i64,
    },
    Alert {
        trouble: &'static Trouble,
        delivery: Vec<u8>,
    },
    Acknowledge {
        person: &'static str,
        trouble: &'static Trouble,
    },
    /// The files as they are now, where they were a little different at first.
    Refresh,
}

impl Happening {
    const fn name(&self) -> &'static str {
        match self {
            Self::Scan { .. } => "scan",
            Self::Ask { .. } => "request for an environment",
            Self::AskAccess { .. } => "request for access",
            Self::Approve { .. } => "approval",
            Self::Decline { .. } => "refusal",
            Self::Withdraw { .. } => "withdrawal",
            Self::Alert { .. } => "alert",
            Self::Acknowledge { .. } => "acknowledgement",
            Self::Refresh => "catalog",
            Self::Scorecards | Self::LookAgain => "scorecards",
            Self::Benchmark { .. } => "benchmark",
            Self::SignOff { .. } | Self::Exempt { .. } => "review",
        }
    }
}

type Chapter = (OffsetDateTime, Happening);

/// The reports of twelve weeks; the last of each came in the last two days.
fn scans(now: OffsetDateTime) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    for week in 0..WEEKS {
        let at = |service: &str, tool: &str| {
            let minutes = number(&[service, tool]) % (40 * 60);
            now - Duration::weeks(week) - Duration::minutes(90 + i64::try_from(minutes).expect("below 2400"))
        };
        for &(service, language, team, weekly) in SCANNED {
            let diligence = diligence(team);
            if weekly || week % 2 == 0 {
                let at = at(service, "trivy");
                let report = reports::trivy(service, language, diligence, week, at);
                chapters.push((at, Happening::Scan { service, stage: Stage::Deploy, report }));
            }
            if CODE_SCANNED.contains(&service) && week % 2 == 0 {
                let report = reports::sarif(service, language, diligence, week);
                chapters.push((at(service, "codeql"), Happening::Scan { service, stage: Stage::Build, report }));
            }
        }
        for &service in APPS.iter().filter(|_| week % 3 == 0) {
            let at = at(service, "bom");
            let report = reports::cyclonedx(service, diligence("mobile"), week, at);
            chapters.push((at, Happening::Scan { service, stage: Stage::Build, report }));
        }
    }
    chapters
}

/// What people did.
fn deeds(now: OffsetDateTime) -> Vec<Chapter> {
    let ask = |person, service, template, hours, reason| Happening::Ask { person, service, template, hours, reason };
    let approve = |person, of, note| Happening::Approve { person, of, note };
    let ago = |days: i64, hours: i64| now - Duration::days(days) - Duration::hours(hours);
    let (sandbox, load_test) = ("postgres-sandbox", "postgres-load-test");
    let access =
        |person, team, days, reason| Happening::AskAccess { person, team, role: RoleName::Developer, days, reason };
    vec![
        (ago(1, 4), ask("felix", "basket-service", sandbox, 30, "Try the new basket schema before the migration.")),
        (ago(1, 2), approve("nora", "felix", "Go ahead, and drop it when you are done.")),
        (ago(17, 3), access("priya", "platform", 30, "Look into why deployments of the loader are slow.")),
        (ago(15, 6), ask("ravi", "consent-service", sandbox, 24, "Reproduce the duplicate consents of last week.")),
        (ago(15, 5), Happening::Withdraw { person: "ravi" }),
        (ago(9, 7), ask("hana", "events-pipeline", load_test, 48, "Measure the pipeline with a full day of orders.")),
        (
            ago(9, 1),
            Happening::Decline {
                person: "kwame",
                of: "hana",
                note: "A quarter of a day is enough for this; please ask for the sandbox.",
            },
        ),
        (ago(6, 5), access("yuki", "platform", 30, "Help with the sign-in dashboards while Ivan is away.")),
        (ago(6, 2), approve("greta", "yuki", "Thank you for helping out.")),
        (ago(2, 6), ask("tomasz", "ledger", sandbox, 336, "Rehearse the year-end closing on a copy of the schema.")),
        (ago(2, 4), approve("lena", "tomasz", "")),
        (ago(2, 1), access("felix", "payments", 30, "Build the gift card refund together with Dana.")),
        (ago(1, 5), ask("malik", "mobile-gateway", sandbox, 168, "Cache of product pictures: compare two layouts.")),
        (ago(1, 3), approve("zoe", "malik", "Fine. Tell us what you find.")),
        (ago(0, 20), Happening::Refresh),
        (ago(0, 5), ask("dana", "payments-api", sandbox, 72, "Rehearse the migration of refunds to the new table.")),
        (ago(0, 3), ask("amara", "refunds-worker", load_test, 24, "Measure refunds before the holidays.")),
    ]
}

/// Scorecards, benchmarks, and what the security champion decided.
fn standards(now: OffsetDateTime) -> Vec<Chapter> {
    let ago = |days: i64, hours: i64| now - Duration::days(days) - Duration::hours(hours);
    let mut chapters = vec![(ago(77, 0), Happening::Scorecards)];
    chapters.extend((0..15).map(|step| (ago(step * 2, 1), Happening::LookAgain)));
    let benchmark = |cluster, every| Happening::Benchmark { cluster, report: benchmarks::kube_bench(every) };
    let (eu, staging) = ("resource:default/cluster-eu", "resource:default/cluster-staging");
    chapters.extend([
        (ago(29, 3), benchmark(eu, 4)),
        (ago(22, 3), benchmark(eu, 5)),
        (ago(15, 3), benchmark(eu, 7)),
        (ago(8, 3), benchmark(eu, 9)),
        (ago(1, 3), benchmark(eu, 12)),
        (ago(26, 2), benchmark(staging, 3)),
        (ago(12, 2), benchmark(staging, 4)),
    ]);
    let (baseline, readiness) = ("security-baseline", "production-readiness");
    let sign_off = |service, scorecard, note, days| Happening::SignOff { service, scorecard, note, days };
    chapters.extend([
        (ago(40, 6), sign_off("payments-api", baseline, "Refunds still hold the old library; agreed for May.", 30)),
        (ago(33, 6), sign_off("sign-in-service", baseline, "As it should be.", 90)),
        (ago(20, 6), sign_off("orders-service", readiness, "The runbook is short but enough.", 14)),
        (
            ago(6, 6),
            Happening::Exempt {
                service: "ledger",
                scorecard: baseline,
                check: "no-critical",
                reason: "The flawed function is not reachable; the update comes with the year-end freeze.",
                days: 21,
            },
        ),
    ]);
    chapters
}

/// Incidents, from the alert that opened them to the one that resolved them.
fn troubles(now: OffsetDateTime) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    for trouble in TROUBLES {
        let began = alerts::began(trouble, now);
        chapters.push((began, Happening::Alert { trouble, delivery: alerts::delivery(trouble, began, None) }));
        if let Some((person, minutes)) = trouble.acknowledged {
            chapters.push((began + Duration::minutes(minutes), Happening::Acknowledge { person, trouble }));
        }
        if let Some(minutes) = trouble.over_after {
            let ended = began + Duration::minutes(minutes);
            let delivery = alerts::delivery(trouble, began, Some(ended));
            chapters.push((ended, Happening::Alert { trouble, delivery }));
        }
    }
    chapters
}

/// The portal at a moment of the past, and who acts there.
struct Teller {
    now: OffsetDateTime,
    portal: Portal,
    people: HashMap<String, Actor>,
    pipeline: Actor,
    alertmanager: Actor,
    /// The last incident of each service.
    incidents: HashMap<&'static str, i64>,
    /// The last request of each person, and the hash of what it showed.
    requests: HashMap<&'static str, (model::request::RequestNumber, String)>,
}

impl Teller {
    async fn begin(present: &Portal, issuer: &str) -> Result<Self> {
        let now = present.clock.now();
        let mut portal = present.clone();
        portal.clock = Clock::set_to(now - Duration::weeks(WEEKS) - Duration::days(3));
        let mut actors = HashMap::new();
        for person in people() {
            portal.clock.advance(Duration::minutes(2));
            let claims = Claims {
                issuer: issuer.to_owned(),
                subject: person.sub.clone(),
                name: Some(person.name),
                email: Some(person.email),
                groups: person.groups,
                amr: vec!["pwd".to_owned()],
                acr: None,
                authenticated_at: Some(portal.clock.now()),
                provider_session: None,
                id_token: String::new().into(),
            };
            let nobody = Actor::anonymous(request_id(), None);
            let session = sign_in::sign_in(&portal, &claims, &nobody, "", None).await?;
            let actor = session::actor(&portal, session.token.expose_secret(), request_id(), None).await?;
            actors.insert(person.sub, actor.context("who has just signed in is known")?);
        }
        let pat = &actors["pat"];
        import(&portal, pat, |text| text.replace("lifecycle: deprecated", "lifecycle: production")).await?;
        let files: Vec<_> = TEMPLATES
            .iter()
            .map(|&(name, text)| templates::File { name: name.to_owned(), text: text.to_owned() })
            .collect();
        templates::apply(&portal, pat, &files).await?;
        let scopes = ["reports:write", "gate:evaluate", "catalog:read"].map(str::to_owned);
        let issued = token::issue_for_service_account(&portal, pat, "delivery-pipeline", &scopes, None).await?;
        let pipeline = token::actor(&portal, issued.secret.expose_secret(), request_id(), None).await?;
        let pipeline = pipeline.context("a token that was just issued is known")?;
        let alertmanager = connect_alertmanager(&portal, pat, &actors["chika"]).await?;
        Ok(Self {
            now,
            portal,
            people: actors,
            pipeline,
            alertmanager,
            incidents: HashMap::new(),
            requests: HashMap::new(),
        })
    }

    async fn happen(&mut self, happening: Happening) -> Result<()> {
        let portal = &self.portal;
        match happening {
            Happening::Scan { service, stage, report } => {
                let target = (stage == Stage::Deploy).then(|| format!("registry.example.com/{service}"));
                let scope = findings::UploadScope {
                    target,
                    branch: Some("main".to_owned()),
                    stage,
                    ..findings::UploadScope::default()
                };
                findings::upload(portal, &self.pipeline, service, scope, report).await?;
            }
            Happening::Ask { person, service, template, hours, reason } => {
                let mut parameters = json!({ "connections": 10 });
                if template == "postgres-load-test" {
                    parameters = json!({ "connections": 60, "dataset": "synthetic" });
                }
                let ask = Ask {
                    service: service.to_owned(),
                    template: template.to_owned(),
                    parameters: parameters.as_object().cloned().unwrap_or_default(),
                    hours: Some(hours),
                    reason: reason.to_owned(),
                };
                let actor = &self.people[person];
                let request = portal::environments::request::request(portal, actor, &ask).await?;
                self.requests.insert(person, (request.number, hex::encode(request.hash)));
            }
            Happening::AskAccess { person, team, role, days, reason } => {
                let actor = &self.people[person];
                let new = NewAccess { role, reach: self.team(team).await?, days, reason: reason.to_owned() };
                let number = access::request(portal, actor, &new).await?;
                let shown = requests::detail(portal, actor, number).await?;
                self.requests.insert(person, (number, shown.hash));
            }
            Happening::Approve { person, of, note } => {
                let (number, hash) = &self.requests[of];
                requests::approve(portal, &self.people[person], *number, hash, note).await?;
            }
            Happening::Decline { person, of, note } => {
                requests::decline(portal, &self.people[person], self.requests[of].0, note).await?;
            }
            Happening::Withdraw { person } => {
                requests::withdraw(portal, &self.people[person], self.requests[person].0).await?;
            }
            Happening::Scorecards => {
                for file in SCORECARDS {
                    scorecards::apply(portal, &self.people["chika"], file, None).await?;
                }
            }
            Happening::LookAgain => {
                for card in scorecards::list(portal, &self.people["chika"]).await? {
                    Job::ScoreAll { scorecard: card.scorecard.name, after: None }.run(portal).await?;
                }
            }
            Happening::Benchmark { cluster, report } => {
                let actor = &self.people["greta"];
                let cluster = findings::service_named(portal, actor, cluster).await?;
                compliance::upload(portal, actor, cluster, &compliance::UploadScope::default(), &report).await?;
            }
            Happening::SignOff { service, scorecard, note, days } => {
                let actor = &self.people["chika"];
                let service = findings::service_named(portal, actor, service).await?;
                let next_on = (portal.clock.now() + Duration::days(days)).date();
                scorecards::sign_off(portal, actor, service, scorecard, note, next_on).await?;
            }
            Happening::Exempt { service, scorecard, check, reason, days } => {
                let actor = &self.people["chika"];
                let service = findings::service_named(portal, actor, service).await?;
                let until = (portal.clock.now() + Duration::days(days)).date();
                scorecards::exempt(portal, actor, service, scorecard, check, until, reason).await?;
            }
            Happening::Alert { trouble, delivery } => {
                let sender = ALERTS.to_owned();
                let receipt = incidents::receive_alerts(portal, &self.alertmanager, sender, &delivery).await?;
                self.incidents.extend(receipt.opened.last().map(|number| (trouble.service, *number)));
            }
            Happening::Acknowledge { person, trouble } => {
                incidents::acknowledge(portal, &self.people[person], self.incidents[trouble.service]).await?;
            }
            Happening::Refresh => import(portal, &self.people["pat"], |text| text.to_owned()).await?,
        }
        Ok(())
    }

    async fn team(&self, name: &str) -> Result<Reach> {
        team_named(&self.portal, &self.people["pat"], name).await.map(Reach::Team)
    }
}

/// An administrator sees every team.
async fn team_named(portal: &Portal, administrator: &Actor, name: &str) -> Result<TeamId> {
    let teams = access::teams(&mut portal.snapshot(administrator).await?).await?;
    Ok(teams.iter().find(|team| team.name == name).context("each group is a team")?.id)
}

/// Entered by an administrator, approved by a security champion and enabled, as is whatever the settings set up; the
/// answer is who delivers through it.
async fn connect_alertmanager(portal: &Portal, administrator: &Actor, champion: &Actor) -> Result<Actor> {
    let draft = Draft {
        kind: IntegrationKind::Alertmanager,
        name: ALERTS.to_owned(),
        owner: Some("platform".to_owned()),
        purpose: "Alerts of the production cluster become incidents.".to_owned(),
        data_classes: vec![DataClass::Internal],
        scopes: vec!["alerts:write".to_owned()],
        egress_hosts: Vec::new(),
        endpoint: None,
        credential: None,
        review_by: (portal.clock.now() + Duration::days(300)).date(),
    };
    let issued = integrations::add(portal, administrator, draft).await?;
    let entered = integrations::list(portal, champion).await?;
    for waiting in entered.into_iter().filter(|integration| integration.approved_at.is_none()) {
        integrations::approve(portal, champion, waiting.name.clone(), waiting.revision).await?;
        integrations::set_enabled(portal, administrator, waiting.name, true).await?;
    }
    let token = issued.token.context("an integration that delivers has a token")?;
    let sender = integrations::deliverer(portal, ALERTS, token.expose_secret(), request_id(), None).await?;
    sender.context("a token that was just issued is known")
}

async fn import(portal: &Portal, actor: &Actor, edit: impl Fn(&str) -> String) -> Result<()> {
    let files = CATALOG
        .iter()
        .map(|&(path, text)| DescriptorFile { path: path.to_owned(), bytes: edit(text).into_bytes() })
        .collect();
    let source = SourceName { kind: SourceKind::Upload, name: "fennel-descriptors".to_owned() };
    let report = catalog::import(portal, actor, &source, files).await?;
    anyhow::ensure!(report.errors.is_empty(), "descriptors of the demonstration are wrong: {:?}", report.errors);
    Ok(())
}

fn request_id() -> String {
    "demonstration".to_owned()
}
