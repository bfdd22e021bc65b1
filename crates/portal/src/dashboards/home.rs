//! What one person sees first: what waits for them, what is theirs, and what changed since yesterday.

use model::{
    EntityId, Severity,
    environment::EnvironmentRow,
    findings::SeverityCounts,
    page::{Page, PageRequest},
    request::{Inbox, RequestRow},
    scorecards::Review,
};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::sql;
use crate::{
    Portal,
    authz::{ActionName, Actor, Reach, RoleName},
    environments,
    error::Result,
    requests, scorecards,
};

/// How many rows of each kind the page shows; the rest is behind a link.
const SHOWN: u16 = 5;
const SERVICES: i64 = 12;
const CHANGES: i64 = 15;
/// What "since yesterday" means.
const LATELY: Duration = Duration::hours(24);

/// Everything that the page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Home {
    /// Requests that wait for the reader's decision.
    pub waiting: Page<RequestRow>,
    /// What the reader asked for, the newest first.
    pub asked: Page<RequestRow>,
    /// The reader's own environments, those that end first.
    pub environments: Page<EnvironmentRow>,
    /// Whose services follow: the reader's teams', or everybody's for those who look after all of them.
    pub of: Whose,
    /// The worst first.
    pub services: Vec<Service>,
    /// Not resolved, the worst first.
    pub incidents: Vec<OpenIncident>,
    /// Reviews that are overdue, for those who do them; the longest first.
    pub reviews: Vec<Review>,
    /// Since [`Home::since`], the newest first.
    pub changes: Vec<Happened>,
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// Whose services a home page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The reader is in teams.
    Teams,
    /// The reader is in none, and may see everybody's.
    All,
    /// The reader is in none, and may see nobody's.
    Nobody,
}

/// A service and how it is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    pub id: EntityId,
    pub namespace: String,
    pub name: String,
    pub title: String,
    pub owner: String,
    pub tier: Option<String>,
    pub open: SeverityCounts,
    pub incidents: i64,
    /// When a scanner last reported; none: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub reported_at: Option<OffsetDateTime>,
    /// The mean over its scorecards, in per cent; none where no scorecard applies.
    pub score: Option<i64>,
}

impl Service {
    /// Its page.
    #[must_use]
    pub fn href(&self) -> String {
        format!("/catalog/component/{}/{}", self.namespace, self.name)
    }
}

/// An incident that is not resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenIncident {
    pub number: i64,
    pub title: String,
    pub service: String,
    pub severity: Severity,
    pub acknowledged: bool,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Described,
    DescriptionChanged,
    Binned,
    Restored,
    FindingsChanged,
    IncidentOpened,
    IncidentResolved,
    EnvironmentReady,
    EnvironmentEnded,
}

/// Something that happened to a thing of the reader's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub what: What,
    /// The thing's name.
    pub name: String,
    /// Within the portal.
    pub href: String,
    /// Of findings: how many were opened and closed.
    pub opened: i64,
    pub closed: i64,
}

/// Everything on the reader's home page, of one moment.
///
/// # Errors
/// `Unauthenticated` for whoever is no person; `Unavailable` where the database does not answer.
pub async fn home(portal: &Portal, actor: &Actor) -> Result<Home> {
    let person = actor.person().ok_or(crate::Error::Unauthenticated)?;
    let mut teams: Vec<uuid::Uuid> = person
        .bindings
        .iter()
        .filter_map(|binding| match binding.reach {
            Reach::Team(team) => Some(team.0),
            Reach::Organisation | Reach::Entity(_) => None,
        })
        .collect();
    teams.sort_unstable();
    teams.dedup();
    let few = PageRequest { cursor: None, size: Some(SHOWN) };
    let since = portal.clock.now() - LATELY;

    let mut snapshot = portal.snapshot(actor).await?;
    let waiting = requests::list_in(&mut snapshot, Inbox::Waiting, None, &few).await?;
    let asked = requests::list_in(&mut snapshot, Inbox::Mine, None, &few).await?;
    let mine = environments::Filter { living: true, mine: true, ..environments::Filter::default() };
    let environments = environments::list(&mut snapshot, &mine, environments::Sort::EndsSoonest, &few).await?.page;

    let reviews = match actor.holds(RoleName::SecurityChampion) {
        true => scorecards::effects::reviews_due(&mut snapshot, i64::from(SHOWN)).await?,
        false => Vec::new(),
    };

    let seen = snapshot.visible(ActionName::FindingRead)?.scope;
    let of = match (teams.is_empty(), seen.everything) {
        (false, _) => Whose::Teams,
        (true, true) => Whose::All,
        (true, false) => Whose::Nobody,
    };
    // none: not narrowed to teams
    let teams = (of != Whose::All).then_some(teams);
    let incident_scope = snapshot.visible(ActionName::IncidentRead)?.scope;
    let environment_scope = snapshot.visible(ActionName::EnvironmentRead)?.scope;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let catalog_scope = visible.scope.clone();
    let services = sql::services(&mut visible, &seen, teams.as_deref(), SERVICES).await?;
    let incidents = sql::open_incidents(&mut visible, &incident_scope, teams.as_deref(), i64::from(SHOWN)).await?;
    let scopes = sql::Scopes {
        catalog: &catalog_scope,
        findings: &seen,
        incidents: &incident_scope,
        environments: &environment_scope,
    };
    let changes = sql::changes(&mut visible, &scopes, teams.as_deref(), since, CHANGES).await?;
    Ok(Home { waiting, asked, environments, of, services, incidents, reviews, changes, since })
}
