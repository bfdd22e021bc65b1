//! What is under way right now, of all that the reader may see.

use model::{
    EnvironmentState, Integration,
    environment::EnvironmentRow,
    notification::Undelivered,
    page::{Page, PageRequest},
};

use crate::{
    Portal,
    authz::{ActionName, Actor},
    environments,
    error::Result,
    integrations, jobs, notifications,
};

/// How many environments of each kind one page shows.
const SHOWN: u16 = 50;

/// Everything that the page shows.
#[derive(Clone, Debug)]
pub struct Running {
    /// Being made, the newest first.
    pub making: Page<EnvironmentRow>,
    /// Being removed, the newest first.
    pub removing: Page<EnvironmentRow>,
    /// Not arrived yet: tried again later, or held until their integration is enabled.
    pub deliveries: Vec<Undelivered>,
    /// Being tried because somebody asked for it.
    pub tests: Vec<Integration>,
    /// Looks at services' scorecards that wait or run; none for those who may not see everybody's.
    pub scoring: i64,
}

impl Running {
    /// How many things are under way.
    #[must_use]
    pub fn count(&self) -> u64 {
        let counted = self.deliveries.len() + self.tests.len() + usize::from(self.scoring > 0);
        self.making.total.value + self.removing.total.value + counted as u64
    }
}

/// What is under way, of one moment.
///
/// # Errors
/// `Unauthenticated` where no person asks; `Unavailable` where the database does not answer.
pub async fn running(portal: &Portal, actor: &Actor) -> Result<Running> {
    let mut snapshot = portal.snapshot(actor).await?;
    let few = PageRequest { cursor: None, size: Some(SHOWN) };
    let of = |state| environments::Filter { state: Some(state), ..environments::Filter::default() };
    let newest = environments::Sort::Newest;
    let making = environments::list(&mut snapshot, &of(EnvironmentState::Provisioning), newest, &few).await?.page;
    let removing = environments::list(&mut snapshot, &of(EnvironmentState::Ending), newest, &few).await?.page;
    let mut deliveries = notifications::undelivered_in(&mut snapshot).await?;
    // what was given up is not under way
    deliveries.retain(|delivery| delivery.next_at.is_some() || delivery.held);
    let mut tests = integrations::list_in(&mut snapshot).await?;
    tests.retain(|integration| integration.test_requested_at.is_some());
    let mut visible = snapshot.visible(ActionName::ScorecardReadResults)?;
    let scoring = if visible.scope.everything { jobs::scoring(&mut visible).await? } else { 0 };
    Ok(Running { making, removing, deliveries, tests, scoring })
}
