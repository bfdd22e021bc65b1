//! What a house is furnished with: its people's things, made as people make them, and the files that they are made from.

use model::{BindingId, DataClass, DeliveryId, IntegrationKind, PageRequest, SourceKind};
use portal::{
    Actor,
    authz::{Reach, RoleName},
    catalog::{self, DescriptorFile, SourceName},
    compliance,
    environments::{
        request::{self, Ask},
        templates,
    },
    findings,
    identity::{
        access::{self, NewAccess},
        token,
    },
    incidents,
    integrations::{self, Draft},
    jobs::Job,
    marks::{self, NewView},
    notifications, requests, scorecards,
    testing::TestPortal,
};
use secrecy::ExposeSecret;
use serde_json::json;
use time::Duration;

use crate::house::{Furnishing, House, MARK};

/// What pushes to the house's sources are signed with.
pub const HOOK_SECRET: &str = "a secret of pushes";

impl House {
    /// Gives the team payments some of everything.
    pub async fn furnish(&mut self, furnishing: Furnishing) {
        let rows = furnishing.rows;
        let [pat, chika, lena, dana] = ["pat", "chika", "lena", "dana"].map(|name| self.actor(name).clone());
        let portal = self.t.portal.clone();
        let teams = access::teams(&mut portal.snapshot(&pat).await.unwrap()).await.unwrap();
        let team = |name: &str| teams.iter().find(|team| team.name == name).unwrap().id;
        let (payments, identity) = (team("payments"), team("identity"));
        for name in ["payments", "identity"] {
            self.keep("team", team(name));
            self.keep("teams", name);
        }

        for _ in 0..2 {
            let begun = self.begin("dana", &["payments"]).await;
            self.keep("sessions", begun.id);
        }
        for row in 0..2 {
            let scopes = ["catalog:read".to_owned()];
            let issued = token::issue_for_service_account(&portal, &pat, &format!("robot-{row}"), &scopes, None).await;
            self.keep("robots", issued.unwrap().token.id);
        }

        let file = DescriptorFile { path: "catalog-info.yaml".to_owned(), bytes: descriptors(rows).into_bytes() };
        let source = SourceName { kind: SourceKind::Upload, name: format!("{MARK}-files") };
        let report = catalog::import(&portal, &pat, &source, vec![file]).await.unwrap();
        assert_eq!(report.errors, [], "the house's descriptors are right");
        for row in 0..rows.max(3) {
            let draft = catalog::edit::Draft {
                kind: SourceKind::Url,
                name: format!("{MARK}-source-{row}"),
                address: format!("https://hooks.example.com/{MARK}/{row}.yaml"),
                path: None,
                with_forks: false,
                with_archived: false,
                every_s: None,
                token: Some("a token of the sources".to_owned().into()),
                hook_secret: Some(HOOK_SECRET.to_owned().into()),
            };
            self.keep("sources", catalog::edit::add(&portal, &pat, &draft).await.unwrap());
        }
        let mut services = Vec::new();
        for row in 0..rows.max(2) {
            services.push(findings::service_named(&portal, &lena, &vault(row)).await.unwrap());
        }
        self.keep("entity", services[0]);
        let till = findings::service_named(&portal, &lena, "till").await.unwrap();
        self.keep("till", till);

        for name in ["sandbox", "broken"] {
            let text = template(name, if name == "broken" { "nowhere" } else { "default" });
            let file = templates::File { name: format!("{name}.yaml"), text };
            templates::apply(&portal, &pat, &[file]).await.unwrap();
            self.keep("templates", name);
        }
        let view = NewView { name: format!("{MARK} view"), query: "q=vault".to_owned(), team: Some(payments) };
        marks::save_view(&portal, &dana, view).await.unwrap();
        for view in marks::views(&mut portal.snapshot(&dana).await.unwrap()).await.unwrap() {
            self.keep("views", view.id);
        }
        scorecards::apply(&portal, &chika, &scorecard("basics"), None).await.unwrap();
        self.keep("scorecards", "basics");

        self.findings_and_compliance(&dana, rows).await;
        self.integrations(&pat, &chika, rows).await;
        self.alerts(&chika, rows).await;

        for row in 0..rows.max(8) {
            let place = row % services.len();
            let number = ask_environment(&self.t, &dana, &vault(place), "sandbox").await;
            let shown = requests::detail(&portal, &dana, number.parse().unwrap()).await.unwrap();
            self.keep("requests", number);
            self.keep("hashes", shown.hash);
        }
        if furnishing.environment {
            for template in ["sandbox", "sandbox", "sandbox", "broken", "broken"] {
                let environment = self.environment(&dana, &lena, template).await;
                self.keep(if template == "broken" { "broken" } else { "environments" }, environment);
            }
        }
        self.access(&dana, &lena, payments, identity, rows).await;
        for row in 0..rows.max(3) {
            let owner = dana.person_id().unwrap();
            let scopes = ["catalog:read".to_owned()];
            let issued = token::issue(&portal, &dana, owner, &format!("{MARK} {row}"), &scopes, Duration::DAY).await;
            self.keep("tokens", issued.unwrap().token.id);
        }
        let scopes = ["reports:write", "gate:evaluate", "catalog:read", "catalog:write"].map(str::to_owned);
        let issued = token::issue_for_service_account(&portal, &pat, "pipeline", &scopes, None).await.unwrap();
        issued.secret.expose_secret().clone_into(&mut self.pipeline);

        let notices = notifications::list(&portal, &lena, &PageRequest::default()).await.unwrap();
        for notice in notices.items {
            self.keep("notifications", notice.id);
        }
        let mut owner = self.t.owner().await;
        let deliveries: Vec<DeliveryId> =
            sqlx::query_scalar("select id from delivery").fetch_all(&mut owner).await.unwrap();
        for delivery in deliveries.into_iter().take(3) {
            self.keep("deliveries", delivery);
        }
        let records: Vec<uuid::Uuid> =
            sqlx::query_scalar("select id from audit_record where owner_id = $1 order by id limit 1")
                .bind(payments)
                .fetch_all(&mut owner)
                .await
                .unwrap();
        for record in records {
            self.keep("audit", record);
        }
    }

    async fn findings_and_compliance(&mut self, dana: &Actor, rows: usize) {
        for row in 0..rows.max(2) {
            let scope = findings::UploadScope::default();
            let receipt = findings::upload(&self.t, dana, &vault(row), scope, trivy(row)).await.unwrap();
            self.keep("reports", receipt.report);
            let entity = findings::service_named(&self.t, dana, &vault(row)).await.unwrap();
            let scope = compliance::UploadScope::default();
            compliance::upload(&self.t, dana, entity, &scope, &kube_bench("FAIL")).await.unwrap();
        }
        let mut snapshot = self.t.snapshot(dana).await.unwrap();
        let (filter, request) = (findings::Filter::default(), PageRequest::default());
        let found = findings::list(&mut snapshot, &filter, findings::Sort::default(), &request).await.unwrap();
        for finding in found.items {
            self.keep("findings", finding.id);
        }
        drop(snapshot);
        for framework in compliance::frameworks(&self.t, dana).await.unwrap() {
            self.keep("compliance", framework.framework);
        }
        self.keep("control", "1.1.1");
    }

    async fn integrations(&mut self, pat: &Actor, chika: &Actor, rows: usize) {
        let portal = &self.t.portal;
        let mut names = Vec::new();
        for row in 0..rows.max(3) {
            let draft = Draft {
                kind: IntegrationKind::Webhook,
                name: format!("{MARK}-{row}"),
                owner: Some("payments".to_owned()),
                purpose: format!("Tells the {MARK} desk what happens"),
                data_classes: vec![DataClass::Internal],
                scopes: vec!["notifications:organisation".to_owned()],
                egress_hosts: vec!["hooks.example.com".to_owned()],
                endpoint: Some("https://hooks.example.com/in".to_owned()),
                credential: Some("a signing secret of the desk".to_owned().into()),
                review_by: (portal.clock.now() + Duration::days(90)).date(),
            };
            let issued = integrations::add(portal, pat, draft).await.unwrap();
            names.push((issued.integration.name, issued.integration.revision));
        }
        // the first is in use, the others wait
        integrations::approve(portal, chika, names[0].0.clone(), names[0].1).await.unwrap();
        integrations::set_enabled(portal, pat, names[0].0.clone(), true).await.unwrap();
        let draft = Draft {
            kind: IntegrationKind::Alertmanager,
            name: "alerts".to_owned(),
            owner: Some("payments".to_owned()),
            purpose: "Alerts of the production cluster".to_owned(),
            data_classes: vec![DataClass::Internal],
            scopes: vec!["alerts:write".to_owned()],
            egress_hosts: Vec::new(),
            endpoint: None,
            credential: None,
            review_by: (portal.clock.now() + Duration::days(90)).date(),
        };
        let issued = integrations::add(portal, pat, draft).await.unwrap();
        integrations::approve(portal, chika, "alerts".to_owned(), issued.integration.revision).await.unwrap();
        integrations::set_enabled(portal, pat, "alerts".to_owned(), true).await.unwrap();
        let sender = issued.token.unwrap().expose_secret().to_owned();
        for (name, _) in names {
            self.keep("integrations", name);
        }
        self.keep("alertmanager", "alerts");
        self.sender = sender;
    }

    async fn alerts(&mut self, chika: &Actor, rows: usize) {
        let portal = self.t.portal.clone();
        let actor = integrations::deliverer(&portal, "alerts", &self.sender, "house".to_owned(), None).await;
        let sender = actor.unwrap().unwrap();
        for row in 0..rows.max(6) {
            let service = vault(row % rows.max(2));
            let body = alert(&format!("group {row}"), &format!("Flood{row}"), Some(&service));
            let receipt = incidents::receive_alerts(&portal, &sender, "alerts".to_owned(), &body).await.unwrap();
            for number in receipt.opened {
                self.keep("incidents", number);
            }
            let body = alert(&format!("stray {row}"), &format!("Stray{row}"), None);
            incidents::receive_alerts(&portal, &sender, "alerts".to_owned(), &body).await.unwrap();
        }
        let waiting = incidents::mapping::inbox(&portal, chika, &PageRequest::default()).await.unwrap();
        for waiting in waiting.items {
            self.keep("inbox", waiting.alert.id);
        }
        for row in 0..rows.max(2) {
            let labels = [("cluster".to_owned(), format!("{MARK}-{row}"))].into();
            let (rule, _) = incidents::mapping::map(&portal, chika, labels, &vault(0)).await.unwrap();
            self.keep("rules", rule.id);
        }
    }

    /// Asked for by `dana`, approved by `lena` and made.
    async fn environment(&self, dana: &Actor, lena: &Actor, template: &str) -> String {
        let number = ask_environment(&self.t, dana, &vault(0), template).await;
        let number: model::request::RequestNumber = number.parse().unwrap();
        let shown = requests::detail(&self.t, lena, number).await.unwrap();
        requests::approve(&self.t, lena, number, &shown.hash, "").await.unwrap();
        let (id, name): (uuid::Uuid, String) = sqlx::query_as(
            "select environment.id, name from environment join request on request.id = request_id where number = $1",
        )
        .bind(number.0)
        .fetch_one(&mut self.t.owner().await)
        .await
        .unwrap();
        // where nobody answers it is given up after some attempts
        for _ in 0..if template == "broken" { 5 } else { 1 } {
            Job::ReconcileEnvironment { environment: model::EnvironmentId(id) }.run(&self.t).await.unwrap();
        }
        name
    }

    async fn access(
        &mut self,
        dana: &Actor,
        lena: &Actor,
        payments: model::TeamId,
        identity: model::TeamId,
        rows: usize,
    ) {
        let portal = self.t.portal.clone();
        let new = NewAccess {
            role: RoleName::Developer,
            reach: Reach::Team(identity),
            days: 7,
            reason: format!("help with the {MARK} desk"),
        };
        self.keep("access-requests", access::request(&portal, dana, &new).await.unwrap());
        for row in 0..rows.max(3) {
            let groups: &[&str] = &[];
            let name: &'static str = format!("guest-{row}").leak();
            self.let_in(name, groups).await;
            let guest = self.actor(name).person_id().unwrap();
            let id: BindingId =
                access::give(&portal, lena, guest, RoleName::Developer, Some(payments), None).await.unwrap();
            self.keep("roles", id);
        }
    }
}

async fn ask_environment(t: &TestPortal, actor: &Actor, service: &str, template: &str) -> String {
    let ask = Ask {
        service: service.to_owned(),
        template: template.to_owned(),
        parameters: json!({ "connections": 5 }).as_object().cloned().unwrap(),
        hours: Some(24),
        reason: format!("rehearse the {MARK}"),
    };
    request::request(t, actor, &ask).await.unwrap().number.0.to_string()
}

/// The name of a service that only its team may know of.
pub fn vault(row: usize) -> String {
    format!("vault-{row}")
}

pub fn descriptors(rows: usize) -> String {
    let mut text = component("till", "Takes the money", "");
    for row in 0..rows.max(2) {
        let restricted = "  annotations:\n    rampart.dev/restricted: \"true\"\n";
        text += "---\n";
        text += &component(&vault(row), &format!("The {MARK} vault number {row}"), restricted);
    }
    text
}

pub fn component(name: &str, description: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  title: {description}\n  description: {description}\n{more}\
         spec:\n  type: service\n  lifecycle: production\n  owner: payments\n"
    )
}

pub fn template(name: &str, target: &str) -> String {
    format!(
        "apiVersion: rampart/v1\nkind: EnvironmentTemplate\nmetadata:\n  name: {name}\n  title: Sandbox {name}\n  \
         description: A database of your own.\nspec:\n  provider: postgres\n  target: {target}\n  parameters:\n    type: object\n    \
         required: [connections]\n    properties:\n      connections:\n        type: integer\n        title: Connections\n        \
         default: 5\n        minimum: 1\n        maximum: 20\n      note:\n        type: string\n        title: Note\n        maxLength: 100\n  \
         timeToLive:\n    default: 3d\n    max: 14d\n  limits:\n    connections:\n      parameter: connections\n    statementSeconds: 60\n"
    )
}

pub fn scorecard(name: &str) -> String {
    format!(
        "apiVersion: rampart/v1\nkind: Scorecard\nmetadata:\n  name: {name}\n  title: Basics\nspec:\n  \
         applies: entity.kind == \"component\"\n  levels: [bronze, silver]\n  checks:\n    - id: owner\n      title: A team owns it\n      \
         why: Nobody mends what nobody owns.\n      how: Name the team.\n      level: bronze\n      condition: entity.has_owner\n    \
         - id: tags\n      title: It has tags\n      why: Nobody finds it.\n      how: Add tags.\n      level: silver\n      \
         condition: entity.has_tags\n"
    )
}

pub fn trivy(row: usize) -> Vec<u8> {
    json!({
        "SchemaVersion": 2,
        "ArtifactName": format!("registry.example.com/{}", vault(row)),
        "ArtifactType": "container_image",
        "Results": [{ "Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm", "Vulnerabilities": [{
            "VulnerabilityID": format!("CVE-2025-{row:04}"),
            "PkgName": "left",
            "InstalledVersion": "1.0.0",
            "FixedVersion": "1.0.1",
            "PkgIdentifier": { "PURL": "pkg:npm/left@1.0.0" },
            "Severity": "CRITICAL",
            "Title": format!("{MARK}: a way in, number {row}"),
            "Description": "An attacker can do things.",
        }] }],
    })
    .to_string()
    .into_bytes()
}

pub fn kube_bench(status: &str) -> Vec<u8> {
    format!(
        r#"{{"Controls": [{{"version": "1.6", "node_type": "master", "tests": [{{"section": "1.1", "desc": "Files", "results": [
            {{"test_number": "1.1.1", "test_desc": "Control of the {MARK}", "status": "{status}", "scored": true, "remediation": "Mend the {MARK}"}}
        ]}}]}}]}}"#
    )
    .into_bytes()
}

pub fn alert(group: &str, name: &str, service: Option<&str>) -> Vec<u8> {
    let mut labels = json!({ "alertname": name, "severity": "page", "desk": MARK });
    match service {
        Some(service) => labels["service"] = service.into(),
        // what may be a service's name, and is none
        None => labels["job"] = format!("job of {name}").into(),
    }
    json!({
        "version": "4", "groupKey": group, "status": "firing", "receiver": "rampart",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager.example",
        "truncatedAlerts": 0,
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": { "summary": format!("{name}: the {MARK} is on fire") },
            "startsAt": "2026-03-02T08:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": format!("{group} {name}"),
        }],
    })
    .to_string()
    .into_bytes()
}
