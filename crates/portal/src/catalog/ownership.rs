//! Who owns what: how to reach them, what nobody owns, and moving things from one team to another in one step.
//!
//! A move stands over what the descriptor says until the descriptor says the same: see [`Kept`].

use std::collections::{BTreeMap, HashMap, HashSet};

use formats::catalog::Descriptor;
use model::{
    EntityId, EntityRef, EntitySummary, Kind, PersonId, RelationType, TeamId,
    access::TeamChoice,
    entity::{EntityEventKind, FieldChange},
    request::Named,
};
use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    import::{self, Moved},
    import_sql, ownership_sql as sql,
};
use crate::{
    Portal, Snapshot,
    audit::Personal,
    authz::{Action, ActionName, Actor, Facts, ORGANISATION, Organisation, Reach, RoleName, Scope},
    environments,
    error::{Error, Result},
    findings,
    identity::{self, access::Team},
    incidents,
    live::{self, Topic},
    scorecards,
};

/// The most entities that one step moves.
pub const MOST_MOVED: usize = 1_000;
/// The most that a page shows of what has no owner, for each reason.
const MOST_UNOWNED: i64 = 100;
const LONGEST_NOTE: usize = 1_000;

// ---- how to reach an owner

/// Who owns an entity and how to reach them now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerCard {
    /// Name and what it is called.
    pub team: Option<(String, String)>,
    pub contact: Contact,
    /// Where the organisation moved it and the descriptor says something else.
    pub moved: Option<MovedOwner>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    pub leads: Vec<Lead>,
    /// What to try first comes first.
    pub ways: Vec<Way>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
}

/// One way to somebody: `On call`, and an address that can be followed or only a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub label: &'static str,
    pub text: String,
    pub href: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedOwner {
    /// What the descriptor names; none where it names nobody.
    pub stated: Option<String>,
    pub by: Option<String>,
    pub at: OffsetDateTime,
    pub note: String,
}

/// What says how somebody is reached, on an entity or on the Group that owns it; the entity's own word comes first.
/// The names that are not ours are PagerDuty's and Opsgenie's plugins' for Backstage.
const WAYS: [(&str, &str); 6] = [
    ("rampart.dev/chat", "Chat"),
    ("rampart.dev/on-call", "On call"),
    ("rampart.dev/escalation", "Escalation"),
    ("pagerduty.com/service-id", "PagerDuty service"),
    ("opsgenie.com/team", "Opsgenie team"),
    ("opsgenie.com/component-selector", "Opsgenie component"),
];

fn contact(own: &serde_json::Value, group: Option<&sql::Group>, leads: Vec<Lead>) -> Contact {
    let mut ways: Vec<Way> = WAYS
        .iter()
        .filter_map(|(key, label)| {
            let said = |annotations: &serde_json::Value| annotations.get(*key)?.as_str().map(str::to_owned);
            let text = said(own).or_else(|| said(&group?.annotations))?;
            Some(Way { label, href: followed(&text), text })
        })
        .collect();
    if let Some(mail) = group.and_then(|group| group.mail.clone()).filter(|mail| is_mail(mail)) {
        ways.push(Way { label: "Mail", href: Some(format!("mailto:{mail}")), text: mail });
    } else if ways.is_empty()
        && let Some(mail) = leads.iter().find_map(|lead| lead.email.clone()).filter(|mail| is_mail(mail))
    {
        ways.push(Way { label: "The lead's mail", href: Some(format!("mailto:{mail}")), text: mail });
    }
    Contact { leads, ways }
}

/// An address that neither runs anything nor leads into the portal.
fn followed(text: &str) -> Option<String> {
    if text.starts_with("https://") || text.starts_with("http://") || text.starts_with("tel:") {
        return Some(text.to_owned());
    }
    is_mail(text).then(|| format!("mailto:{text}"))
}

fn is_mail(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && name.chars().all(plain) && host.contains('.') && host.chars().all(plain)
    })
}

/// Who owns an entity that the reader may see, and how to reach them.
///
/// # Errors
/// `NotFound` where it is gone.
pub async fn owner_card(snapshot: &mut Snapshot, id: EntityId) -> Result<OwnerCard> {
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let card = sql::card(&mut visible, id).await?.ok_or(Error::NotFound("catalog entity"))?;
    let group = card.group.filter(|group| {
        scope.covers(&Facts {
            owner: card.team.as_ref().map(|(team, ..)| *team),
            entity: Some(group.id),
            restricted: group.restricted,
            ..Facts::default()
        })
    });
    let leads = match &card.team {
        Some((team, ..)) => leads(snapshot, *team).await?,
        None => Vec::new(),
    };
    Ok(OwnerCard {
        contact: contact(&card.annotations, group.as_ref(), leads),
        team: card.team.map(|(_, name, shown)| (name, shown)),
        moved: card.moved.map(|(by, at, note)| MovedOwner { stated: card.stated, by, at, note }),
    })
}

async fn leads(snapshot: &mut Snapshot, team: TeamId) -> Result<Vec<Lead>> {
    let now = snapshot.portal().clock.now();
    let mut people = snapshot.visible(ActionName::PeopleRead)?;
    if !people.scope.everything {
        return Ok(Vec::new());
    }
    let leads = sql::leads(&mut people, team, now).await?;
    Ok(leads.into_iter().map(|(id, name, email)| Lead { id, name, email }).collect())
}

/// A team as its Group describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TeamCard {
    pub group: Option<EntityRef>,
    pub description: Option<String>,
    pub contact: Contact,
    pub parents: Vec<(EntityRef, String)>,
    pub children: Vec<(EntityRef, String)>,
}

/// What the catalog says of a team, as far as the reader may see its Group.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn team_card(snapshot: &mut Snapshot, team: TeamId) -> Result<TeamCard> {
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let group = sql::group(&mut visible, team).await?.filter(|group| {
        let facts =
            Facts { owner: Some(team), entity: Some(group.id), restricted: group.restricted, ..Facts::default() };
        scope.covers(&facts)
    });
    let mut card = TeamCard::default();
    if let Some(group) = &group {
        for (above, reference, name) in sql::family(&mut visible, &scope, group.id).await? {
            if above { &mut card.parents } else { &mut card.children }.push((reference, name));
        }
        card.group = Some(group.reference.clone());
        card.description = group.description.clone();
    }
    let leads = leads(snapshot, team).await?;
    card.contact = contact(&serde_json::Value::Null, group.as_ref(), leads);
    Ok(card)
}

/// How one of a team's things stands, as far as the reader may see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Open findings: critical and high.
    pub findings: Option<(u64, u64)>,
    /// Incidents that are not resolved.
    pub incidents: Option<u64>,
    /// The scorecard on which it stands worst: the level, and the score in per cent.
    pub scorecard: Option<(String, i16)>,
}

/// How what a team owns stands. Asks once for each sort of thing, however much there is.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn standings(
    snapshot: &mut Snapshot,
    team: TeamId,
    owned: &[EntitySummary],
) -> Result<HashMap<EntityId, Standing>> {
    let mut standings: HashMap<EntityId, Standing> = owned.iter().map(|one| (one.id, Standing::default())).collect();
    let visible = |scope: &Scope| -> Vec<EntityId> {
        let facts = |one: &EntitySummary| Facts {
            owner: Some(team),
            entity: Some(one.id),
            restricted: one.restricted,
            ..Facts::default()
        };
        owned.iter().filter(|one| scope.covers(&facts(one))).map(|one| one.id).collect()
    };
    let count = |count: i64| u64::try_from(count).unwrap_or_default();

    let mut findings = snapshot.visible(ActionName::FindingRead)?;
    let ids = visible(&findings.scope);
    let mut open = findings::effects::open_counts(&mut findings, &ids).await?;
    for id in ids {
        let (critical, high) = open.remove(&id).unwrap_or_default();
        standings.entry(id).or_default().findings = Some((count(critical), count(high)));
    }
    let mut incidents = snapshot.visible(ActionName::IncidentRead)?;
    let ids = visible(&incidents.scope);
    let mut open = incidents::effects::open_counts(&mut incidents, &ids).await?;
    for id in ids {
        standings.entry(id).or_default().incidents = Some(count(open.remove(&id).unwrap_or_default()));
    }
    let mut results = snapshot.visible(ActionName::ScorecardReadResults)?;
    let ids = visible(&results.scope);
    for (id, level, score) in scorecards::effects::worst_levels(&mut results, &ids).await? {
        standings.entry(id).or_default().scorecard = Some((level, score));
    }
    Ok(standings)
}

// ---- what nobody owns

/// Why something has no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The descriptor names none.
    NoOwner,
    /// What it names is not in the catalog.
    OwnerAbsent,
    /// Nobody is in the team.
    TeamEmpty,
}

impl Why {
    pub const ALL: [Self; 3] = [Self::NoOwner, Self::OwnerAbsent, Self::TeamEmpty];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unowned {
    pub id: EntityId,
    pub reference: EntityRef,
    pub title: String,
    /// As it is stated.
    pub owner: Option<String>,
    pub why: Why,
    pub suggested: Option<Suggested>,
}

/// A team that might own something, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggested {
    pub team: TeamId,
    pub name: String,
    pub because: String,
}

/// What has no owner, at most a hundred for each reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnownedList {
    pub entities: Vec<Unowned>,
    /// The reasons for which there is more than is shown.
    pub more: Vec<Why>,
    pub may_give: bool,
}

/// What nobody owns of what the actor may see, with who might.
///
/// # Errors
/// `Unavailable` where the database does not answer.
pub async fn unowned(portal: &Portal, actor: &Actor) -> Result<UnownedList> {
    let now = portal.clock.now();
    let mut snapshot = portal.snapshot(actor).await?;
    let may_give = snapshot.may(ActionName::OwnershipGive, ORGANISATION, &Facts::default())?;
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let limit = MOST_UNOWNED + 1;
    let mut list = UnownedList { entities: Vec::new(), more: Vec::new(), may_give };
    for mut found in [
        sql::without_owner(&mut visible, &scope, limit).await?,
        sql::with_absent_owner(&mut visible, &scope, limit).await?,
        sql::with_empty_team(&mut visible, &scope, now, limit).await?,
    ] {
        if i64::try_from(found.len()).is_ok_and(|found| found == limit) {
            list.more.extend(found.pop().map(|one| one.why));
        }
        found.sort_by_cached_key(|one| (one.title.to_lowercase(), one.id));
        list.entities.extend(found);
    }
    let ids: Vec<Uuid> = list.entities.iter().map(|one| one.id.0).collect();
    let mut suggested: HashMap<EntityId, Suggested> =
        sql::suggested(&mut visible, &scope, &ids, now).await?.into_iter().collect();
    for one in &mut list.entities {
        one.suggested = suggested.remove(&one.id);
    }
    Ok(list)
}

// ---- moving

/// Something that can be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movable {
    pub id: EntityId,
    pub reference: EntityRef,
    pub title: String,
    pub owner: Option<String>,
    /// The owner that its descriptor names.
    pub stated: Option<String>,
    pub restricted: bool,
    /// Somebody was given a role on it, or has an environment of it: its present owner decides.
    pub granted: bool,
}

/// What a move would mean, before it is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MovePlan {
    /// The teams that the actor may move from.
    pub from_teams: Vec<TeamChoice>,
    pub to_teams: Vec<TeamChoice>,
    pub from: Option<TeamChoice>,
    pub to: Option<TeamChoice>,
    /// What the team owns, at most [`MOST_MOVED`].
    pub entities: Vec<Movable>,
    pub more: bool,
    /// Who comes to have a role over them, and who has none any more.
    pub gain: Vec<Named>,
    pub lose: Vec<Named>,
    /// Whether the actor leads the present team, and so may move what was granted.
    pub leads: bool,
}

/// Moving what a team owns.
pub struct MoveOwnership;

impl Action for MoveOwnership {
    const NAME: ActionName = ActionName::OwnershipMove;
    type Target = Team;
    type Change = OwnershipMoved;
}

/// Giving an owner to what has none.
pub struct GiveOwnership;

impl Action for GiveOwnership {
    const NAME: ActionName = ActionName::OwnershipGive;
    type Target = Organisation;
    type Change = OwnershipMoved;
}

/// What the record says of it.
#[derive(Clone, Debug, Serialize)]
pub struct OwnershipMoved {
    pub from: Option<TeamId>,
    pub to: TeamId,
    pub owner: String,
    /// Each with the owner that it had.
    pub entities: BTreeMap<String, Option<String>>,
    pub note: Personal<String>,
}

/// What moving from one team to another would mean.
///
/// # Errors
/// `NotFound` for a team that the actor may not move from, or that is none.
pub async fn move_plan(portal: &Portal, actor: &Actor, from: Option<TeamId>, to: Option<TeamId>) -> Result<MovePlan> {
    let now = portal.clock.now();
    let mut snapshot = portal.snapshot(actor).await?;
    let mut plan = MovePlan { to_teams: identity::access::all_teams(&mut snapshot).await?, ..MovePlan::default() };
    for team in &plan.to_teams {
        let facts = Facts { owner: Some(team.id), ..Facts::default() };
        if snapshot.may(ActionName::OwnershipMove, &team.id.to_string(), &facts)? {
            plan.from_teams.push(team.clone());
        }
    }
    let chosen = |teams: &[TeamChoice], id: Option<TeamId>| match id {
        None => Ok(None),
        Some(id) => teams.iter().find(|team| team.id == id).cloned().map(Some).ok_or(Error::NotFound("team")),
    };
    plan.from = chosen(&plan.from_teams, from)?;
    plan.to = chosen(&plan.to_teams, to)?;
    let Some(from) = plan.from.as_ref().map(|team| team.id) else { return Ok(plan) };

    plan.leads = leads_team(actor, from);
    let mut visible = snapshot.visible(ActionName::CatalogRead)?;
    let scope = visible.scope.clone();
    let limit = i64::try_from(MOST_MOVED + 1).unwrap_or(i64::MAX);
    plan.entities = sql::movable(&mut visible, &scope, from, None, limit).await?;
    plan.more = plan.entities.len() > MOST_MOVED;
    plan.entities.truncate(MOST_MOVED);
    mark_granted(&mut visible, &mut plan.entities, now).await?;
    if let Some(to) = plan.to.as_ref().map(|team| team.id) {
        let mut people = snapshot.visible(ActionName::PeopleRead)?;
        for holder in identity::effects::holders(&mut people, &[from, to], now).await? {
            let holds = |reach: Reach| holder.bindings.iter().any(|binding| binding.reach == reach);
            let named = Named { id: holder.person, name: holder.name.clone() };
            match (holds(Reach::Team(from)), holds(Reach::Team(to)), holds(Reach::Organisation)) {
                (true, false, false) => plan.lose.push(named),
                (false, true, false) => plan.gain.push(named),
                _ => {}
            }
        }
    }
    Ok(plan)
}

fn leads_team(actor: &Actor, team: TeamId) -> bool {
    let facts = Facts { owner: Some(team), ..Facts::default() };
    actor.roles_over(&facts).into_iter().any(|role| role == RoleName::TeamLead)
}

/// Sees which of these somebody holds a role on or has an environment of.
async fn mark_granted(connection: &mut PgConnection, entities: &mut [Movable], now: OffsetDateTime) -> Result<()> {
    let ids: Vec<EntityId> = entities.iter().map(|one| one.id).collect();
    let mut granted: HashSet<EntityId> =
        identity::effects::with_roles(connection, &ids, now).await?.into_iter().collect();
    granted.extend(
        environments::effects::running(connection, &ids)
            .await?
            .into_iter()
            .filter(|(_, running)| *running > 0)
            .map(|(entity, _)| entity),
    );
    for one in entities {
        one.granted = granted.contains(&one.id);
    }
    Ok(())
}

/// Moves what `from` owns to another team: these entities, or all of them where `only` is none. How many.
///
/// What somebody holds a role on, or has an environment of, is moved by a lead of the present team alone.
///
/// # Errors
/// `Invalid` for a move to the same team, of nothing or of too much, and without a note; `Conflict` where something was
/// granted on one of them and the actor does not lead the team, with what to do.
pub async fn move_ownership(
    portal: &Portal,
    actor: &Actor,
    from: TeamId,
    to: TeamId,
    only: Option<&[EntityId]>,
    note: &str,
) -> Result<usize> {
    let note = checked_note(note)?;
    if from == to {
        return Err(Error::invalid("to", "choose another team than the present one"));
    }
    let mut permit = portal.authorize(actor, MoveOwnership, from).await?;
    import_sql::lock_imports(&mut permit).await?;
    let now = portal.clock.now();
    let ids: Option<Vec<Uuid>> = only.map(|only| only.iter().map(|id| id.0).collect());
    let scope = portal.policies.scope(actor, ActionName::CatalogRead);
    let limit = i64::try_from(MOST_MOVED + 1).unwrap_or(i64::MAX);
    let mut entities = sql::movable(&mut permit, &scope, from, ids.as_deref(), limit).await?;
    if entities.len() > MOST_MOVED {
        let parts = format!("a move takes up to {MOST_MOVED} entities; tick some of them and move the others after");
        return Err(Error::invalid("entity", parts));
    }
    if entities.is_empty() || only.is_some_and(|only| only.len() != entities.len()) {
        return Err(Error::invalid("entity", "choose what this team owns now: somebody may have moved it meanwhile"));
    }
    mark_granted(&mut permit, &mut entities, now).await?;
    let granted = entities.iter().filter(|one| one.granted).count();
    if granted > 0 && !leads_team(actor, from) {
        return Err(Error::Conflict(format!(
            "people hold roles or environments on {granted} of these, so a lead of {} moves them; leave them out, or \
             ask a lead to move them",
            permit.target.name
        )));
    }
    let change = hand_over(portal, &mut permit, actor, Some(from), to, &entities, note).await?;
    permit.commit(change).await?;
    Ok(entities.len())
}

/// Gives one entity that nobody is responsible for to a team.
///
/// # Errors
/// `NotFound`; `Conflict` where a team with people in it owns it: that is moved by them.
pub async fn give_ownership(portal: &Portal, actor: &Actor, entity: EntityId, to: TeamId, note: &str) -> Result<()> {
    let note = checked_note(note)?;
    let mut permit = portal.authorize(actor, GiveOwnership, ORGANISATION).await?;
    import_sql::lock_imports(&mut permit).await?;
    let now = portal.clock.now();
    let (found, owner) = sql::one(&mut permit, entity).await?.ok_or(Error::NotFound("catalog entity"))?;
    if let Some(owner) = owner
        && owner != to
        && sql::has_people(&mut permit, owner, now).await?
        && !sql::owner_is_absent(&mut permit, entity).await?
    {
        return Err(Error::Conflict(format!("{} has an owner now; move it from that team", found.reference)));
    }
    let change = hand_over(portal, &mut permit, actor, owner, to, &[found], note).await?;
    permit.commit(change).await
}

fn checked_note(note: &str) -> Result<String> {
    let note = note.trim().replace("\r\n", "\n");
    if note.is_empty() || note.chars().count() > LONGEST_NOTE {
        return Err(Error::invalid("note", format!("say in 1 to {LONGEST_NOTE} letters why: the history shows it")));
    }
    Ok(note)
}

/// Does it: everything that belongs to the entities follows.
async fn hand_over(
    portal: &Portal,
    connection: &mut PgConnection,
    actor: &Actor,
    from: Option<TeamId>,
    to: TeamId,
    entities: &[Movable],
    note: String,
) -> Result<OwnershipMoved> {
    let now = portal.clock.now();
    let name = identity::effects::team_name(connection, to).await.map_err(|error| match error {
        Error::NotFound(_) => Error::invalid("to", "choose a team that there is"),
        error => error,
    })?;
    let unnamed = || Error::invalid("to", "no Group of the catalog is this team; describe one first");
    let group = match sql::group_of(connection, to).await? {
        Some(group) => group,
        None => sql::group_named(&name).ok_or_else(unnamed)?,
    };
    let ids: Vec<Uuid> = entities.iter().map(|one| one.id.0).collect();
    let kept: Vec<Uuid> = entities
        .iter()
        .filter(|one| stated_owner(one.stated.as_deref(), &one.reference.namespace) != Some(group.clone()))
        .map(|one| one.id.0)
        .collect();
    let mover = sql::Mover { person: actor.person_id(), at: now, note: &note };
    sql::set_owner(connection, &ids, to, &group, &kept, &mover).await?;
    let events: Vec<import_sql::Event> = entities
        .iter()
        .map(|one| import_sql::Event {
            id: portal.rng.id::<Uuid>(&portal.clock),
            entity_id: one.id,
            what: EntityEventKind::Updated,
            changes: vec![
                FieldChange { field: "owner".to_owned(), before: one.owner.clone(), after: Some(group.to_string()) },
                FieldChange { field: "note".to_owned(), before: None, after: Some(note.clone()) },
            ],
            difference: None,
        })
        .collect();
    sql::write_events(connection, &events, &mover).await?;
    let moved: Vec<Moved> =
        entities.iter().map(|one| Moved { entity: one.id, owner: Some(to), restricted: one.restricted }).collect();
    import::owners_changed(connection, &moved, now).await?;
    for one in entities.iter().take(import::NAMED) {
        scorecards::effects::changed(connection, one.id).await?;
    }
    if entities.len() > import::NAMED {
        scorecards::effects::all_changed(connection).await?;
    }
    live::announce(connection, &Topic::new("catalog", ORGANISATION)).await?;
    // a person's own words stand in the record under their key
    let person = actor.person_id().ok_or(Error::Unauthenticated)?;
    Ok(OwnershipMoved {
        from,
        to,
        owner: group.to_string(),
        entities: entities.iter().map(|one| (one.reference.to_string(), one.owner.clone())).collect(),
        note: Personal { person, value: note },
    })
}

/// The owner that a descriptor names: a group of its own namespace where it says no more.
fn stated_owner(stated: Option<&str>, namespace: &str) -> Option<EntityRef> {
    EntityRef::parse(stated?, Some(Kind::Group), namespace).ok()
}

// ---- over the next reading

/// What was moved and is read again: the move stands until the descriptor says the same.
pub(super) struct Kept {
    owners: HashMap<EntityRef, (EntityId, EntityRef)>,
}

impl Kept {
    /// What was moved of the entities that a reading is about.
    pub async fn of(connection: &mut PgConnection, references: &[EntityRef]) -> Result<Self> {
        let moved = sql::overrides(connection, references).await?;
        let owners = moved
            .into_iter()
            .filter_map(|(reference, id, owner)| Some((reference, (id, owner.parse().ok()?))))
            .collect();
        Ok(Self { owners })
    }

    /// Puts the owner that it was moved to in the place of the one that the descriptor names, and forgets the move
    /// where they are the same.
    pub async fn apply(
        &self,
        connection: &mut PgConnection,
        reference: &EntityRef,
        descriptor: &mut Descriptor,
    ) -> Result<()> {
        let Some((id, owner)) = self.owners.get(reference) else { return Ok(()) };
        if descriptor.owner() == Some(owner) {
            return sql::forget(connection, &[id.0]).await;
        }
        descriptor.relations.retain(|(relation, _)| *relation != RelationType::OwnedBy);
        descriptor.relations.push((RelationType::OwnedBy, owner.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_entitys_own_word_comes_before_its_groups_and_a_lead_is_the_last_resort() {
        let group = sql::Group {
            id: EntityId(Uuid::nil()),
            restricted: false,
            reference: EntityRef::new(Kind::Group, "default", "payments"),
            description: None,
            annotations: json!({ "rampart.dev/chat": "#payments", "rampart.dev/on-call": "https://duty.example.com/p" }),
            mail: Some("payments@example.com".to_owned()),
        };
        let lead = Lead { id: PersonId(Uuid::nil()), name: "Lena".to_owned(), email: Some("l@example.com".to_owned()) };
        let found = contact(&json!({ "rampart.dev/chat": "#checkout" }), Some(&group), vec![lead.clone()]);
        let told: Vec<(&str, &str, bool)> =
            found.ways.iter().map(|way| (way.label, way.text.as_str(), way.href.is_some())).collect();
        assert_eq!(
            told,
            [
                ("Chat", "#checkout", false),
                ("On call", "https://duty.example.com/p", true),
                ("Mail", "payments@example.com", true)
            ]
        );
        let alone = contact(&json!({}), None, vec![lead]);
        assert_eq!(alone.ways[0].href.as_deref(), Some("mailto:l@example.com"));
        assert!(contact(&json!({}), None, Vec::new()).ways.is_empty());
    }

    #[test]
    fn an_address_that_runs_something_is_only_text() {
        for text in ["javascript:alert(1)", "data:text/html,x", "/admin/people", "a@b", "x\"@example.com"] {
            assert_eq!(followed(text), None, "{text}");
        }
    }
}
