//! Roles that people hold: asked for and approved for a time, given by hand, and ended.

use model::{
    BindingId, EntityId, PersonId, RequestId, TeamId,
    access::{AccessForm, AccessOverview, HeldRole, RoleSource, TeamChoice},
    notification::NoticeKind,
    request::{Named, RequestNumber},
};
use serde::Serialize;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{access_sql as sql, effects};
use crate::{
    Portal, Snapshot,
    audit::Change,
    authz::{
        Action, ActionName, Actor, Facts, Lock, ORGANISATION, Organisation, Reach, Reference, Resource, ResourceKind,
        RoleName, allowed_by,
    },
    catalog,
    error::{Error, Result},
    live,
    notifications::{self, News},
    requests::{self, AccessPayload, Approvers, Payload, Request, Stage, effects::NewRequest},
};

/// A role is asked for no longer than this.
pub const MAX_DAYS: u32 = 30;
/// The roles that can be asked for; the others are given by a platform administrator, by hand.
pub const REQUESTABLE: [RoleName; 3] = [RoleName::Developer, RoleName::TeamLead, RoleName::SecurityChampion];

/// A role that somebody holds, as the policy and the record see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleBinding {
    pub id: BindingId,
    pub person: PersonId,
    pub role: RoleName,
    pub reach: Reach,
    /// The team that it is in, or that owns the entity that it is on.
    pub owner: Option<TeamId>,
    pub source: RoleSource,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
}

impl Resource for RoleBinding {
    type Id = BindingId;
    const KIND: ResourceKind = ResourceKind::RoleBinding;

    async fn load(connection: &mut PgConnection, id: &BindingId, lock: Lock) -> Result<Option<Self>> {
        sql::binding(connection, *id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        let entity = match self.reach {
            Reach::Entity(entity) => Some(entity),
            Reach::Organisation | Reach::Team(_) => None,
        };
        Facts { owner: self.owner, entity, person: Some(self.person), ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.role.as_str().to_owned() }
    }
}

/// A team, as what roles are given in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub name: String,
}

impl Resource for Team {
    type Id = TeamId;
    const KIND: ResourceKind = ResourceKind::Team;

    async fn load(connection: &mut PgConnection, id: &TeamId, lock: Lock) -> Result<Option<Self>> {
        sql::team(connection, *id, lock == Lock::ForUpdate).await
    }

    fn facts(&self) -> Facts {
        Facts { owner: Some(self.id), ..Facts::default() }
    }

    fn reference(&self) -> Reference {
        Reference { id: self.id.to_string(), name: self.name.clone() }
    }
}

// ---- asking

/// A role that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccess {
    pub role: RoleName,
    /// A team or an entity.
    pub reach: Reach,
    /// From 1 to [`MAX_DAYS`], counted from the last approval.
    pub days: u32,
    pub reason: String,
}

/// Asking for a role.
pub struct RequestAccess;

impl Action for RequestAccess {
    const NAME: ActionName = ActionName::AccessRequest;
    type Target = Organisation;
    type Change = Asked;
}

/// What the record says of a role that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    pub request: RequestId,
    pub number: RequestNumber,
    /// SHA-256 of exactly what is asked, in hexadecimal.
    pub hash: String,
    pub role: RoleName,
    pub reach: Reach,
    pub days: u32,
}

/// Asks for a role for oneself.
///
/// # Errors
/// `Invalid` for what cannot be asked for, with who gives it; at `stages` where nobody could approve it, with what to
/// do; `NotFound` for a team or entity that the actor may not know of; `Conflict` for what they hold or asked already.
pub async fn request(portal: &Portal, actor: &Actor, new: &NewAccess) -> Result<RequestNumber> {
    let requester = actor.person_id().ok_or(Error::Unauthenticated)?;
    if !REQUESTABLE.contains(&new.role) {
        return Err(Error::invalid("role", only_by_hand(new.role)));
    }
    if !(1..=MAX_DAYS).contains(&new.days) {
        return Err(Error::invalid("days", format!("a role is asked for from 1 to {MAX_DAYS} days")));
    }
    let mut permit = portal.authorize(actor, RequestAccess, ORGANISATION).await?;
    let place = place(portal, &mut permit, actor, new.reach).await?;
    let Some(owner) = place.owner else {
        return Err(Error::invalid(
            "entity",
            format!("nobody owns {}, so nobody could approve it; its descriptor's spec.owner names a team", place.name),
        ));
    };
    let now = portal.clock.now();
    if sql::holds(&mut permit, requester, new.role, new.reach, now).await? {
        return Err(Error::Conflict(format!(
            "you are {} for {} already; see what you hold",
            with_article(new.role),
            place.name
        )));
    }
    let access = AccessPayload {
        role: new.role,
        reach: new.reach,
        days: new.days,
        title: format!("{} for {}, {}", new.role.label(), place.name, days(new.days)),
        summary: vec![
            ("Role".to_owned(), new.role.label().to_owned()),
            (place.what.to_owned(), place.name.clone()),
            ("For".to_owned(), format!("{} from the last approval", days(new.days))),
            ("Allows".to_owned(), allows(new.role).to_owned()),
        ],
    };
    let entity = match new.reach {
        Reach::Entity(entity) => Some(entity),
        Reach::Organisation | Reach::Team(_) => None,
    };
    let request = requests::effects::open(
        portal,
        &mut permit,
        NewRequest {
            payload: Payload::Access(access),
            stages: stages(new.role, owner),
            requester,
            owner: Some(owner),
            entity,
            reason: new.reason.clone(),
        },
    )
    .await?;
    let asked = Asked {
        request: request.id,
        number: request.number,
        hash: hex::encode(request.hash),
        role: new.role,
        reach: new.reach,
        days: new.days,
    };
    permit.commit(asked).await?;
    Ok(request.number)
}

/// Who has to approve a role by default: a lead of the team, and where the role itself decides about others, a
/// champion of the organisation as well.
fn stages(role: RoleName, owner: TeamId) -> Vec<Stage> {
    let lead = Stage { approvers: Approvers::LeadsOf(owner), needed: 1 };
    let champion = Stage { approvers: Approvers::ChampionsOf(None), needed: 1 };
    if role == RoleName::Developer { vec![lead] } else { vec![lead, champion] }
}

struct Place {
    /// `Team` or `Service`
    what: &'static str,
    name: String,
    owner: Option<TeamId>,
}

async fn place(portal: &Portal, connection: &mut PgConnection, actor: &Actor, reach: Reach) -> Result<Place> {
    match reach {
        Reach::Organisation => {
            Err(Error::invalid("team", "choose a team or a service; a role in the whole organisation is given by hand"))
        }
        Reach::Team(team) => {
            let team = sql::team(connection, team, false).await?.ok_or(Error::NotFound("team"))?;
            Ok(Place { what: "Team", name: team.name, owner: Some(team.id) })
        }
        Reach::Entity(entity) => {
            let found = catalog::effects::entity(connection, entity).await?;
            let entity = found.ok_or(Error::NotFound("catalog entity"))?;
            let seen =
                portal.policies.decide(actor, ActionName::CatalogRead, &entity.id.to_string(), &entity.facts())?;
            if !seen.allowed {
                return Err(Error::NotFound("catalog entity"));
            }
            Ok(Place { what: "Catalog entity", name: entity.reference_text(), owner: entity.owner })
        }
    }
}

fn days(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn with_article(role: RoleName) -> String {
    let label = role.label().to_lowercase();
    if label.starts_with('a') { format!("an {label}") } else { format!("a {label}") }
}

/// What a role is for, as an approver reads it.
const fn allows(role: RoleName) -> &'static str {
    match role {
        RoleName::Developer => "see findings and incidents of its services, handle incidents, manage its environments",
        RoleName::TeamLead => "all that a developer may, approve the team's requests, and name developers",
        RoleName::SecurityChampion => "see findings and incidents, review scorecards, decide exemptions and approvals",
        RoleName::PlatformAdministrator => "administer the installation",
        RoleName::Auditor => "read everything and change nothing",
        RoleName::Member | RoleName::Service => "",
    }
}

fn only_by_hand(role: RoleName) -> String {
    format!(
        "the role {} is not asked for here: a platform administrator gives it by hand on the Access page, or the \
         identity provider's groups do",
        role.label().to_lowercase()
    )
}

/// Gives the requester what was approved, from now on for as long as was asked.
pub(super) async fn grant_requested(
    portal: &Portal,
    connection: &mut PgConnection,
    request: &Request,
    access: &AccessPayload,
) -> Result<()> {
    let now = portal.clock.now();
    let expires_at = now + Duration::days(i64::from(access.days));
    let binding = RoleBinding {
        id: portal.rng.id(&portal.clock),
        person: request.requester,
        role: access.role,
        reach: access.reach,
        owner: request.owner,
        source: RoleSource::Request,
        expires_at: Some(expires_at),
        ended_at: None,
    };
    sql::insert(connection, &binding, Some(request.id), now).await?;
    live::announce(connection, &notifications::topic(request.requester)).await
}

// ---- giving by hand

/// Giving a role in a team.
pub struct GrantInTeam;

impl Action for GrantInTeam {
    const NAME: ActionName = ActionName::RoleGrant;
    type Target = Team;
    type Change = Change<RoleBinding>;
}

/// Giving a role in the whole organisation, or one that decides about security.
pub struct GrantEverywhere;

impl Action for GrantEverywhere {
    const NAME: ActionName = ActionName::RoleGrantEverywhere;
    type Target = Organisation;
    type Change = Change<RoleBinding>;
}

/// Gives a person a role in a team, or everywhere, until it is ended or `expires_at`.
///
/// Leads name developers and leads of their own team; a security champion is named by a platform administrator, as one
/// who has to be independent of the lead. Nobody gives themselves a role.
///
/// # Errors
/// `Invalid` for a role that does not hold there, `NotFound` for an unknown person or team, `Conflict` for what they
/// hold already.
pub async fn give(
    portal: &Portal,
    actor: &Actor,
    person: PersonId,
    role: RoleName,
    team: Option<TeamId>,
    expires_at: Option<OffsetDateTime>,
) -> Result<BindingId> {
    let now = portal.clock.now();
    if !RoleName::BINDABLE.contains(&role) || (role.is_everywhere() && team.is_some()) {
        return Err(Error::invalid("role", format!("the role {} is not given in a team", role.label().to_lowercase())));
    }
    if team.is_none() && matches!(role, RoleName::Developer | RoleName::TeamLead) {
        return Err(Error::invalid("team", format!("choose the team in which this person is {}", with_article(role))));
    }
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Error::invalid("expires_at", "choose a time that is still to come"));
    }
    if actor.person_id() == Some(person) {
        return Err(Error::Conflict(
            "nobody gives a role to themselves; ask for it, or ask another administrator".to_owned(),
        ));
    }
    let reach = team.map_or(Reach::Organisation, Reach::Team);
    let binding = RoleBinding {
        id: portal.rng.id(&portal.clock),
        person,
        role,
        reach,
        owner: team,
        source: RoleSource::Administrator,
        expires_at,
        ended_at: None,
    };
    match team {
        Some(team) if role != RoleName::SecurityChampion => {
            let mut permit = portal.authorize(actor, GrantInTeam, team).await?;
            insert_given(portal, &mut permit, &binding).await?;
            permit.commit(Change::created(binding.clone())).await?;
        }
        _ => {
            let mut permit = portal.authorize(actor, GrantEverywhere, ORGANISATION).await?;
            insert_given(portal, &mut permit, &binding).await?;
            permit.commit(Change::created(binding.clone())).await?;
        }
    }
    Ok(binding.id)
}

async fn insert_given(portal: &Portal, connection: &mut PgConnection, binding: &RoleBinding) -> Result<()> {
    let now = portal.clock.now();
    effects::display_name(connection, binding.person).await?;
    if sql::holds(connection, binding.person, binding.role, binding.reach, now).await? {
        return Err(Error::Conflict(format!("this person is {} there already", with_article(binding.role))));
    }
    let place = match binding.owner {
        Some(team) => effects::team_name(connection, team).await?,
        None => "the whole organisation".to_owned(),
    };
    sql::insert(connection, binding, None, now).await?;
    let title = format!("You are now {} for {place}", with_article(binding.role));
    tell_holder(portal, connection, binding, title, String::new()).await
}

// ---- ending

/// Ending a role early, or at its end.
pub struct EndRole;

impl Action for EndRole {
    const NAME: ActionName = ActionName::RoleEnd;
    type Target = RoleBinding;
    type Change = Change<RoleBinding>;
}

/// Ends a role at once.
///
/// # Errors
/// `Conflict` where it ended already, or where the identity provider gives it: it would come back at the next sign-in.
pub async fn end(portal: &Portal, actor: &Actor, id: BindingId) -> Result<()> {
    let mut permit = portal.authorize(actor, EndRole, id).await?;
    let before = permit.target.clone();
    if before.source == RoleSource::Provider {
        return Err(Error::Conflict(
            "the identity provider's groups give this role, so it would come back at the next sign-in; take the \
             person out of the group there"
                .to_owned(),
        ));
    }
    if before.ended_at.is_some() {
        return Err(Error::Conflict("this role ended already".to_owned()));
    }
    let after = RoleBinding { ended_at: Some(portal.clock.now()), ..before.clone() };
    sql::set_ended(&mut permit, &after).await?;
    if actor.person_id() != Some(after.person) {
        let place = place_name(&mut permit, after.reach).await?;
        let title = format!("You are no longer {} for {place}", with_article(after.role));
        let body = if before.expires_at.is_some_and(|end| end <= portal.clock.now()) {
            "The time that it was given for is over. Ask again if you still need it."
        } else {
            "It was ended early."
        };
        tell_holder(portal, &mut permit, &after, title, body.to_owned()).await?;
    }
    permit.commit(Change::updated(before, after)).await
}

/// Ends every role whose time is over: they stopped counting at that moment, this records it and tells the holder.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let actor = Actor::system("role.end", None, "sweep".to_owned());
    let due = {
        let mut snapshot = portal.snapshot(&actor).await?;
        sql::due(&mut *snapshot.visible(ActionName::PeopleRead)?, portal.clock.now()).await?
    };
    for id in due {
        match end(portal, &actor, id).await {
            // another replica was first
            Ok(()) | Err(Error::NotFound(_) | Error::Conflict(_)) => {}
            Err(error) => tracing::warn!(%id, %error, "cannot end a role whose time is over"),
        }
    }
    Ok(())
}

async fn place_name(connection: &mut PgConnection, reach: Reach) -> Result<String> {
    Ok(match reach {
        Reach::Organisation => "the whole organisation".to_owned(),
        Reach::Team(team) => effects::team_name(connection, team).await?,
        Reach::Entity(entity) => catalog::effects::entity(connection, entity)
            .await?
            .map_or_else(|| "an entity that is gone".to_owned(), |entity| entity.reference_text()),
    })
}

async fn tell_holder(
    portal: &Portal,
    connection: &mut PgConnection,
    binding: &RoleBinding,
    title: String,
    body: String,
) -> Result<()> {
    let news = News {
        kind: NoticeKind::Access,
        title,
        body,
        href: "/access".to_owned(),
        about: live::Topic::new("role", binding.id),
    };
    notifications::effects::tell(portal, connection, &[binding.person], &news).await
}

// ---- looking

/// What the actor holds.
///
/// # Errors
/// `Unauthenticated` where no person asks.
pub async fn mine(snapshot: &mut Snapshot) -> Result<Vec<HeldRole>> {
    let person = snapshot.actor().person_id().ok_or(Error::Unauthenticated)?;
    held(snapshot, Some(person), None).await
}

/// What people hold in a team and on what it owns.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn of_team(snapshot: &mut Snapshot, team: TeamId) -> Result<Vec<HeldRole>> {
    held(snapshot, None, Some(team)).await
}

/// Who holds a role in the whole organisation.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn everywhere(snapshot: &mut Snapshot) -> Result<Vec<HeldRole>> {
    held(snapshot, None, None).await
}

async fn held(snapshot: &mut Snapshot, person: Option<PersonId>, team: Option<TeamId>) -> Result<Vec<HeldRole>> {
    let now = snapshot.portal().clock.now();
    let catalog = snapshot.visible(ActionName::CatalogRead)?.scope;
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    let rows = sql::held(&mut visible, person, team, &catalog, now).await?;
    rows.into_iter()
        .map(|(binding, mut held)| {
            held.may_end = binding.source != RoleSource::Provider
                && snapshot.may(ActionName::RoleEnd, &binding.id.to_string(), &binding.facts())?;
            Ok(held)
        })
        .collect()
}

/// The teams that the actor holds a role in, by name; all of them for those who may give roles everywhere.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn teams(snapshot: &mut Snapshot) -> Result<Vec<TeamChoice>> {
    let everywhere = snapshot.may(ActionName::RoleGrantEverywhere, ORGANISATION, &Facts::default())?
        || snapshot.actor().holds(RoleName::Auditor);
    let mine: Vec<TeamId> = (snapshot.actor().person().map(|person| person.bindings.as_slice()).unwrap_or_default())
        .iter()
        .filter_map(|binding| match binding.reach {
            Reach::Team(team) => Some(team),
            Reach::Organisation | Reach::Entity(_) => None,
        })
        .collect();
    let all = sql::teams(&mut *snapshot.visible(ActionName::PeopleRead)?).await?;
    Ok(all.into_iter().filter(|team| everywhere || mine.contains(&team.id)).collect())
}

/// Every team, by name: what something can be moved to.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn all_teams(snapshot: &mut Snapshot) -> Result<Vec<TeamChoice>> {
    sql::teams(&mut *snapshot.visible(ActionName::PeopleRead)?).await
}

/// A role that somebody holds over an entity, and where it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covering {
    pub person: Named,
    pub role: RoleName,
    pub through: Through,
    pub source: RoleSource,
    pub request: Option<RequestNumber>,
    pub expires_at: Option<OffsetDateTime>,
}

/// How a role reaches an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// Held on the entity itself.
    Entity,
    /// Held in the team that owns it.
    Team,
    Organisation,
}

/// Who may do what with an entity, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityAccess {
    /// The team that owns it.
    pub team: Option<String>,
    /// What the reader may do, each with what permits it.
    pub mine: Vec<(&'static str, Vec<String>)>,
    /// The reader's own roles over it.
    pub my_roles: Vec<(RoleName, Through)>,
    /// Everybody's, for those who may see it.
    pub held: Option<Vec<Covering>>,
    /// There are more than are shown.
    pub more: bool,
    /// What everybody who is signed in may do, and what each role adds to that.
    pub everybody: Vec<&'static str>,
    pub adds: Vec<(RoleName, Vec<&'static str>)>,
}

/// The most roles that an entity's page shows.
const MOST_COVERING: i64 = 300;

/// What can be done with an entity and what belongs to it.
const WITH_AN_ENTITY: [ActionName; 16] = [
    ActionName::CatalogRead,
    ActionName::FindingRead,
    ActionName::ComplianceRead,
    ActionName::ScorecardReadResults,
    ActionName::IncidentRead,
    ActionName::IncidentHandle,
    ActionName::EnvironmentRead,
    ActionName::EnvironmentRequest,
    ActionName::EnvironmentManage,
    ActionName::ReportUpload,
    ActionName::GateEvaluate,
    ActionName::ScorecardReview,
    ActionName::ScorecardExempt,
    ActionName::RequestApprove,
    ActionName::OwnershipMove,
    ActionName::AccessRead,
];

/// Who may do what with an entity that the reader may see: everybody's roles for those who may read them, the reader's
/// own for all.
///
/// # Errors
/// `NotFound` where there is none that the reader may see.
pub async fn of_entity(snapshot: &mut Snapshot, id: EntityId) -> Result<EntityAccess> {
    let now = snapshot.portal().clock.now();
    let entity: catalog::Entity = snapshot.read(ActionName::CatalogRead, id).await?;
    let facts = entity.facts();
    let policies = snapshot.portal().policies.clone();
    let text = id.to_string();
    let mut mine = Vec::new();
    for action in WITH_AN_ENTITY {
        let decision = policies.decide(snapshot.actor(), action, &text, &facts)?;
        if decision.allowed {
            mine.push((action.does(), decision.because));
        }
    }
    let bindings = snapshot.actor().person().map(|person| person.bindings.as_slice()).unwrap_or_default();
    let my_roles = bindings
        .iter()
        .filter(|binding| binding.reach.covers(&facts))
        .map(|binding| {
            let through = match binding.reach {
                Reach::Entity(_) => Through::Entity,
                Reach::Team(_) => Through::Team,
                Reach::Organisation => Through::Organisation,
            };
            (binding.role, through)
        })
        .collect();
    let mut access = EntityAccess {
        team: entity.owner_name.clone(),
        mine,
        my_roles,
        held: None,
        more: false,
        everybody: Vec::new(),
        adds: Vec::new(),
    };
    if !snapshot.may(ActionName::AccessRead, &text, &facts)? {
        return Ok(access);
    }
    let mut visible = snapshot.visible(ActionName::PeopleRead)?;
    let mut held = sql::covering(&mut visible, id, entity.owner, now, MOST_COVERING + 1).await?;
    access.more = i64::try_from(held.len()).is_ok_and(|held| held > MOST_COVERING);
    held.truncate(usize::try_from(MOST_COVERING).unwrap_or_default());
    let everybody = allowed_by(&policies, RoleName::Member, &WITH_AN_ENTITY, &facts);
    for role in RoleName::BINDABLE {
        if held.iter().any(|one| one.role == role) {
            let mut adds = allowed_by(&policies, role, &WITH_AN_ENTITY, &facts);
            adds.retain(|action| !everybody.contains(action));
            access.adds.push((role, adds.into_iter().map(ActionName::does).collect()));
        }
    }
    access.everybody = everybody.into_iter().map(ActionName::does).collect();
    access.held = Some(held);
    Ok(access)
}

/// What the actor holds, and what is held in `team`, or in the first of their teams where none is named.
///
/// # Errors
/// `NotFound` for a team that is not one of those that the actor may look at.
pub async fn overview(portal: &Portal, actor: &Actor, team: Option<TeamId>) -> Result<AccessOverview> {
    let mut snapshot = portal.snapshot(actor).await?;
    let teams = teams(&mut snapshot).await?;
    let team = match team {
        Some(id) => Some(teams.iter().find(|team| team.id == id).cloned().ok_or(Error::NotFound("team"))?),
        None => teams.first().cloned(),
    };
    let held = match &team {
        Some(team) => of_team(&mut snapshot, team.id).await?,
        None => Vec::new(),
    };
    let reach = team.as_ref().map(|team| team.id);
    let may_give = if reach.is_some() { may_give(&snapshot, reach)? } else { Vec::new() };
    Ok(AccessOverview { mine: mine(&mut snapshot).await?, teams, team, held, may_give })
}

/// Who holds a role in the whole organisation, and what the actor may give there.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn organisation(portal: &Portal, actor: &Actor) -> Result<AccessOverview> {
    let mut snapshot = portal.snapshot(actor).await?;
    let held = everywhere(&mut snapshot).await?;
    let teams = teams(&mut snapshot).await?;
    let may_give = may_give(&snapshot, None)?;
    Ok(AccessOverview { mine: Vec::new(), teams, team: None, held, may_give })
}

/// The roles that the actor may give in a team, or in the whole organisation.
fn may_give(snapshot: &Snapshot, team: Option<TeamId>) -> Result<Vec<(String, String)>> {
    let everywhere = snapshot.may(ActionName::RoleGrantEverywhere, ORGANISATION, &Facts::default())?;
    let in_team = match team {
        Some(team) => {
            let facts = Facts { owner: Some(team), ..Facts::default() };
            snapshot.may(ActionName::RoleGrant, &team.to_string(), &facts)?
        }
        None => false,
    };
    let given = RoleName::BINDABLE.iter().filter(|role| match role {
        RoleName::Developer | RoleName::TeamLead => in_team,
        RoleName::SecurityChampion => everywhere,
        _ => everywhere && team.is_none(),
    });
    Ok(given.map(|role| (role.as_str().to_owned(), role.label().to_owned())).collect())
}

/// What the form that asks for a role begins with.
///
/// # Errors
/// `NotFound` for an entity that the actor may not know of.
pub async fn form(
    portal: &Portal,
    actor: &Actor,
    role: Option<RoleName>,
    entity: Option<EntityId>,
) -> Result<AccessForm> {
    let mut snapshot = portal.snapshot(actor).await?;
    let entity = match entity {
        Some(id) => {
            let entity: catalog::Entity = snapshot.read(ActionName::CatalogRead, id).await?;
            Some((entity.id, entity.reference_text()))
        }
        None => None,
    };
    let teams = sql::teams(&mut *snapshot.visible(ActionName::PeopleRead)?).await?;
    Ok(AccessForm {
        teams,
        entity,
        roles: REQUESTABLE.iter().map(|role| (role.as_str().to_owned(), role.label().to_owned())).collect(),
        max_days: MAX_DAYS,
        ask_instead: role.filter(|role| !REQUESTABLE.contains(role)).map(only_by_hand),
    })
}

/// The active person with that address or id.
///
/// # Errors
/// `Invalid` at `person` where nobody, or more than one, is meant.
pub async fn person_named(portal: &Portal, actor: &Actor, text: &str) -> Result<PersonId> {
    let mut snapshot = portal.snapshot(actor).await?;
    let found = sql::people_named(&mut *snapshot.visible(ActionName::PeopleRead)?, text.trim()).await?;
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Error::invalid(
            "person",
            format!(
                "nobody with the address or id {:?} has signed in yet; people are known from their first sign-in",
                text.trim()
            ),
        )),
        _ => Err(Error::invalid("person", "more than one person has that address; give the person's id")),
    }
}

/// The team of that name.
///
/// # Errors
/// `Invalid` at `team` where there is none.
pub async fn team_named(portal: &Portal, actor: &Actor, name: &str) -> Result<TeamId> {
    let mut snapshot = portal.snapshot(actor).await?;
    let found = sql::team_named(&mut *snapshot.visible(ActionName::PeopleRead)?, name.trim()).await?;
    found.ok_or_else(|| {
        Error::invalid(
            "team",
            format!("there is no team {:?}; teams come from the provider's groups and the catalog", name.trim()),
        )
    })
}
