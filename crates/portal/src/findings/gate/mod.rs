//! The deploy gate: may this service go out now, by which rule, and which findings stand in its way.

mod rules;

use model::findings::{Decision, GateFinding, SeverityCounts, Stage, Verdict};
use serde::Serialize;
use uuid::Uuid;

pub use self::rules::{Facts, FindingFacts, Rule, Rules};
use self::rules::{OpenFacts, ScanFacts, ServiceFacts};
use super::{service_named, sql};
use crate::{
    Portal,
    authz::{Action, ActionName, Actor},
    catalog::Entity,
    error::{Error, Result},
};

/// How many findings a verdict names; it says how many there are.
const MOST_NAMED: usize = 20;
/// What stands for the rule where none denied.
const NO_RULE: &str = "none";

/// Asking the gate.
pub struct EvaluateGate;

impl Action for EvaluateGate {
    const NAME: ActionName = ActionName::GateEvaluate;
    type Target = Entity;
    type Change = Answered;
}

/// What the record says of an answer.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    verdict: Verdict,
}

/// Asks the installation's rules about a service, of any stage or of one, and records the answer.
///
/// # Errors
/// `Internal` where a rule cannot be answered: nothing is allowed then. And as [`Portal::authorize`].
pub async fn evaluate(portal: &Portal, actor: &Actor, service: &str, stage: Option<Stage>) -> Result<Verdict> {
    let service = service_named(portal, actor, service).await?;
    let mut permit = portal.authorize(actor, EvaluateGate, service).await?;
    let open = sql::open_findings(&mut permit, service, stage).await?;
    let scanned_at = sql::scanned_at(&mut permit, service, stage).await?;
    let now = portal.clock.now();
    let mut counts = SeverityCounts::default();
    for finding in &open {
        counts.add(finding.severity, 1);
    }
    let entity = &permit.target;
    let facts = Facts {
        service: ServiceFacts {
            name: entity.name.clone(),
            r#ref: entity.reference_text(),
            owner: entity.owner_name.clone().unwrap_or_default(),
            tier: entity.tier.clone().unwrap_or_default(),
            lifecycle: entity.lifecycle.clone().unwrap_or_default(),
        },
        stage: stage.map(|stage| stage.as_str().to_owned()).unwrap_or_default(),
        scan: ScanFacts {
            complete: scanned_at.is_some(),
            age_days: scanned_at.map_or(-1, |at| (now - at).whole_days()),
        },
        open: OpenFacts { counts, total: counts.total() },
    };
    let findings: Vec<FindingFacts> = open
        .iter()
        .map(|finding| FindingFacts {
            severity: finding.severity.as_str().to_owned(),
            kind: finding.kind.as_str().to_owned(),
            fixable: finding.fixed_version.is_some(),
            age_days: (now - finding.opened_at).whole_days(),
            title: finding.title.clone(),
            rule: finding.rule.clone().unwrap_or_default(),
            package: finding.package.clone().unwrap_or_default(),
            ids: finding.vulnerability_ids.clone(),
            tools: finding.tools.clone(),
        })
        .collect();
    let mut verdict = Verdict {
        decision: Decision::Allow,
        service: entity.reference_text(),
        stage,
        rule: NO_RULE.to_owned(),
        reason: "No rule denies it.".to_owned(),
        because: Vec::new(),
        blocking: 0,
        open: counts,
        scanned_at,
        at: now,
    };
    for rule in portal.settings.gate.iter() {
        let against = rule
            .denies(&facts, &findings)
            .map_err(|error| Error::internal(format!("gate rule {} cannot be answered: {error}", rule.name)))?;
        if let Some(against) = against {
            verdict.decision = Decision::Deny;
            verdict.rule.clone_from(&rule.name);
            verdict.reason.clone_from(&rule.says);
            verdict.blocking = u32::try_from(against.len()).unwrap_or(u32::MAX);
            verdict.because = against.into_iter().take(MOST_NAMED).map(|place| named(&open[place])).collect();
            break;
        }
    }
    sql::insert_verdict(&mut permit, portal.rng.id::<Uuid>(&portal.clock), service, &verdict).await?;
    permit.commit(Answered { verdict: verdict.clone() }).await?;
    Ok(verdict)
}

fn named(finding: &sql::OpenFinding) -> GateFinding {
    GateFinding {
        id: finding.id,
        title: finding.title.clone(),
        severity: finding.severity,
        package: finding.package.clone(),
        place: finding.place.clone(),
        fixed_version: finding.fixed_version.clone(),
        first_seen_at: finding.first_seen_at,
    }
}
