//! What people see of compliance: frameworks, services and controls, within what they have a role over.

use std::collections::BTreeMap;

use model::{
    EntityId,
    compliance::{
        Assessment, ComplianceDay, ControlEvidence, ControlSummary, Counts, FRESH, FrameworkDetail, FrameworkSummary,
    },
};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, Resource},
    catalog::Entity,
    error::{Error, Result},
};

/// How many days a trend shows.
const TREND_DAYS: i64 = 30;

/// Every framework that the actor may see results of, by title.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn frameworks(portal: &Portal, actor: &Actor) -> Result<Vec<FrameworkSummary>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    let assessments = sql::assessments(&mut visible, &scope, None, None).await?;
    Ok(summaries(&assessments, portal.clock.now()))
}

/// One framework: services with their evidence, and controls with how often they hold.
///
/// # Errors
/// `NotFound` where the actor may see no results of such a framework.
pub async fn framework(portal: &Portal, actor: &Actor, name: &str) -> Result<FrameworkDetail> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    let assessments = sql::assessments(&mut visible, &scope, Some(name), None).await?;
    let summary = summaries(&assessments, portal.clock.now()).pop().ok_or(Error::NotFound("framework"))?;
    let ids: Vec<Uuid> = assessments.iter().map(|assessment| assessment.id).collect();
    let mut controls: BTreeMap<(String, String), ControlSummary> = BTreeMap::new();
    for row in sql::control_counts(&mut visible, &ids).await? {
        let control = controls.entry((row.control.clone(), row.part.clone())).or_insert_with(|| ControlSummary {
            control: row.control,
            part: row.part,
            title: row.title,
            section: row.section,
            counts: Counts::default(),
        });
        for _ in 0..row.services {
            control.counts.add(row.status);
        }
    }
    let mut controls: Vec<ControlSummary> = controls.into_values().collect();
    controls.sort_by_cached_key(|control| (natural(&control.control), control.part.clone()));
    Ok(FrameworkDetail { summary, assessments, controls })
}

/// What benchmarks say about one entity.
#[derive(Clone, Debug)]
pub struct EntityCompliance {
    pub entity: Entity,
    /// None: the actor may see the entity, but not its results.
    pub assessments: Option<Vec<(Assessment, Vec<ControlEvidence>)>>,
    pub may_upload: bool,
}

/// The results of one entity, control by control.
///
/// # Errors
/// `NotFound` where there is no such entity that the actor may see.
pub async fn of_entity(portal: &Portal, actor: &Actor, entity: EntityId) -> Result<EntityCompliance> {
    let mut snapshot = portal.snapshot(actor).await?;
    let entity: Entity = snapshot.read(ActionName::CatalogRead, entity).await?;
    let facts = entity.facts();
    let may_upload = snapshot.may(ActionName::ReportUpload, &entity.id.to_string(), &facts)?;
    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    if !scope.covers(&facts) {
        return Ok(EntityCompliance { entity, assessments: None, may_upload });
    }
    let mut all = Vec::new();
    for assessment in sql::assessments(&mut visible, &scope, None, Some(entity.id)).await? {
        let mut controls = sql::evidence(&mut visible, assessment.id).await?;
        controls.sort_by_cached_key(|control| (natural(&control.control), control.part.clone()));
        all.push((assessment, controls));
    }
    Ok(EntityCompliance { entity, assessments: Some(all), may_upload })
}

/// How one control came out for each service that the actor may see, with the evidence; what fails first.
///
/// # Errors
/// `NotFound` where the actor may see no result of such a control.
pub async fn controls_of(
    portal: &Portal,
    actor: &Actor,
    framework: &str,
    control: &str,
) -> Result<Vec<(Assessment, ControlEvidence)>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    let assessments = sql::assessments(&mut visible, &scope, Some(framework), None).await?;
    let scopes: Vec<Uuid> = assessments.iter().map(|assessment| assessment.id).collect();
    let evidence = sql::evidence_of(&mut visible, &scopes, control).await?;
    let mut found: Vec<(Assessment, ControlEvidence)> = Vec::new();
    for assessment in &assessments {
        let its = evidence.iter().filter(|(scope, _)| *scope == assessment.id);
        found.extend(its.map(|(_, evidence)| (assessment.clone(), evidence.clone())));
    }
    if found.is_empty() {
        return Err(Error::NotFound("control"));
    }
    found.sort_by_key(|(_, evidence)| model::ControlStatus::ALL.iter().position(|status| *status == evidence.status));
    Ok(found)
}

/// What share of the controls held on each of the last thirty days, over all the actor may see; `name` for one
/// framework.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn trend(portal: &Portal, actor: &Actor, name: Option<&str>) -> Result<Vec<ComplianceDay>> {
    let mut snapshot = portal.snapshot(actor).await?;
    let mut visible = snapshot.visible(ActionName::ComplianceRead)?;
    let scope = visible.scope.clone();
    let today = portal.clock.now().date();
    let from = today - Duration::days(TREND_DAYS - 1);
    let rows = sql::days(&mut visible, &scope, name, from).await?;
    Ok(carried(&rows, from, today))
}

/// Adds up each scope's last word on each day; begins with the first day that anybody said anything.
fn carried(rows: &[sql::DayRow], from: Date, today: Date) -> Vec<ComplianceDay> {
    let mut last: BTreeMap<Uuid, &sql::DayRow> = BTreeMap::new();
    let mut rows = rows.iter().peekable();
    let mut days = Vec::new();
    let mut day = from;
    while day <= today {
        while let Some(row) = rows.next_if(|row| row.day <= day) {
            last.insert(row.scope_id, row);
        }
        if !last.is_empty() {
            let passed = last.values().map(|row| i64::from(row.passed)).sum();
            let total = last.values().map(|row| i64::from(row.passed + row.failed + row.to_check)).sum();
            days.push(ComplianceDay { day, passed, total });
        }
        let Some(next) = day.next_day() else { break };
        day = next;
    }
    days
}

fn summaries(assessments: &[Assessment], now: OffsetDateTime) -> Vec<FrameworkSummary> {
    let mut summaries: BTreeMap<&str, FrameworkSummary> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for assessment in assessments {
        let summary = summaries.entry(&assessment.framework).or_insert_with(|| FrameworkSummary {
            framework: assessment.framework.clone(),
            title: assessment.framework_title.clone(),
            services: 0,
            counts: Counts::default(),
            stale: 0,
            oldest_at: assessment.evidence_at,
        });
        summary.services += u64::from(seen.insert((&assessment.framework, assessment.entity)));
        summary.counts += assessment.counts;
        summary.stale += u64::from(now - assessment.evidence_at > FRESH);
        summary.oldest_at = summary.oldest_at.min(assessment.evidence_at);
    }
    let mut summaries: Vec<_> = summaries.into_values().collect();
    summaries.sort_by(|one, other| one.title.cmp(&other.title));
    summaries
}

/// `1.2.10` after `1.2.9`
fn natural(number: &str) -> Vec<(u32, String)> {
    number.split('.').map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned())).collect()
}

impl EntityCompliance {
    /// The entity that these results are about.
    #[must_use]
    pub fn id(&self) -> EntityId {
        self.entity.id
    }
}
