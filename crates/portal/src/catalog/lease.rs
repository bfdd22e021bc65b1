//! A source holds an entity for as long as it describes it: what it lets go of passes to the next source that describes
//! it, or to the bin, and its owner's team is told.

use std::collections::{BTreeMap, HashSet};

use model::{
    DocumentError, EntityId, EntityRef, PersonId, SourceId, TeamId,
    entity::{Binned, EntityEventKind},
    notification::NoticeKind,
};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    import_plan::Conflict,
    import_sql::{self, Event},
    lease_sql,
};
use crate::{
    Portal,
    authz::{Reach, RoleName},
    error::Result,
    identity,
    live::Topic,
    notifications::{self, News},
    scorecards,
};

/// Names that a notice spells out.
const NAMED: usize = 5;

/// An entity that a source holds.
pub(super) struct Held {
    pub id: EntityId,
    pub reference: EntityRef,
    pub title: String,
    pub file: Option<String>,
    pub owner: Option<TeamId>,
}

/// What a source described before and does not any more.
#[derive(Default)]
pub(super) struct LetGo {
    pub binned: Vec<Held>,
    pub handed_over: Vec<Held>,
}

impl LetGo {
    pub fn is_empty(&self) -> bool {
        self.binned.is_empty() && self.handed_over.is_empty()
    }
}

/// Takes from a source what it holds and does not claim. What stands in a document that is wrong is not let go of.
pub(super) async fn let_go(
    portal: &Portal,
    connection: &mut PgConnection,
    source: SourceId,
    name: &str,
    claimed: &HashSet<EntityRef>,
    errors: &[DocumentError],
) -> Result<LetGo> {
    let mut held = lease_sql::held(connection, source).await?;
    let wrong = Wrong::among(&held, errors);
    held.retain(|held| !claimed.contains(&held.reference) && !wrong.keeps(held));
    if held.is_empty() {
        return Ok(LetGo::default());
    }
    let now = portal.clock.now();
    let ids: Vec<Uuid> = held.iter().map(|held| held.id.0).collect();
    let handed_over: HashSet<EntityId> =
        lease_sql::hand_over(connection, source, &ids, now).await?.into_iter().collect();
    let (handed_over, binned) = held.into_iter().partition(|held| handed_over.contains(&held.id));
    let let_go = LetGo { binned, handed_over };
    let because = format!("{name} does not describe it any more");
    bin(portal, connection, &let_go.binned, &because, None).await?;
    tell_owners(portal, connection, &let_go.binned, &because).await?;
    Ok(let_go)
}

/// Puts entities into the bin.
pub(super) async fn bin(
    portal: &Portal,
    connection: &mut PgConnection,
    binned: &[Held],
    because: &str,
    by: Option<PersonId>,
) -> Result<()> {
    if binned.is_empty() {
        return Ok(());
    }
    let now = portal.clock.now();
    let ids: Vec<Uuid> = binned.iter().map(|held| held.id.0).collect();
    lease_sql::bin(connection, &ids, because, now).await?;
    let event = |held: &Held| Event {
        id: portal.rng.id::<Uuid>(&portal.clock),
        entity_id: held.id,
        what: EntityEventKind::Binned,
        changes: Vec::new(),
        difference: None,
    };
    let events: Vec<Event> = binned.iter().map(event).collect();
    import_sql::write_events(connection, &events, None, by, now).await?;
    for held in binned {
        scorecards::effects::left(connection, held.id, now).await?;
    }
    Ok(())
}

/// Keeps which entities of others a source describes: all of them where the reading was a whole one.
pub(super) async fn note_conflicts(
    connection: &mut PgConnection,
    source: SourceId,
    conflicts: &[Conflict],
    whole: bool,
    now: OffsetDateTime,
) -> Result<()> {
    let ids: Vec<Uuid> = conflicts.iter().map(|conflict| conflict.entity.0).collect();
    let files: Vec<String> = conflicts.iter().map(|conflict| conflict.error.file.clone()).collect();
    let lines: Vec<i32> =
        conflicts.iter().map(|conflict| i32::try_from(conflict.error.line).unwrap_or(i32::MAX)).collect();
    lease_sql::note_conflicts(connection, source, &ids, &files, &lines, now).await?;
    if whole {
        lease_sql::end_conflicts_but(connection, source, &ids).await?;
    }
    Ok(())
}

/// What is wrong in a reading, as far as it says what the source holds all the same.
#[derive(Default)]
struct Wrong {
    /// Kind and name, of documents that say them and are known here.
    named: HashSet<(String, String)>,
    /// Files in which some document says neither, or what nobody knows: it may be any of the file's.
    files: HashSet<String>,
}

impl Wrong {
    fn among(held: &[Held], errors: &[DocumentError]) -> Self {
        let known: HashSet<_> = held.iter().map(named).collect();
        let mut wrong = Self::default();
        for error in errors {
            let (Some(kind), Some(name)) = (&error.kind, &error.name) else {
                wrong.files.insert(error.file.clone());
                continue;
            };
            let says = (kind.to_lowercase(), name.to_lowercase());
            if known.contains(&says) {
                wrong.named.insert(says);
            } else {
                wrong.files.insert(error.file.clone());
            }
        }
        wrong
    }

    fn keeps(&self, held: &Held) -> bool {
        self.named.contains(&named(held)) || held.file.as_ref().is_some_and(|file| self.files.contains(file))
    }
}

fn named(held: &Held) -> (String, String) {
    (held.reference.kind.to_string(), held.reference.name.to_lowercase())
}

/// One notice a team, to its developers and leads.
pub(super) async fn tell_owners(
    portal: &Portal,
    connection: &mut PgConnection,
    binned: &[Held],
    because: &str,
) -> Result<()> {
    let mut by_team: BTreeMap<TeamId, Vec<&Held>> = BTreeMap::new();
    for held in binned {
        if let Some(team) = held.owner {
            by_team.entry(team).or_default().push(held);
        }
    }
    let now = portal.clock.now();
    for (team, entities) in by_team {
        let holders = identity::effects::holders(connection, &[team], now).await?;
        let is_theirs =
            |role, reach| reach == Reach::Team(team) && matches!(role, RoleName::Developer | RoleName::TeamLead);
        let people: Vec<PersonId> = holders
            .iter()
            .filter(|holder| holder.bindings.iter().any(|binding| is_theirs(binding.role, binding.reach)))
            .map(|holder| holder.person)
            .collect();
        notifications::effects::tell(portal, connection, &people, &news(team, &entities, because, now)).await?;
    }
    Ok(())
}

fn news(team: TeamId, entities: &[&Held], because: &str, now: OffsetDateTime) -> News {
    let mut names: Vec<&str> = entities.iter().take(NAMED).map(|held| held.title.as_str()).collect();
    let more = format!("{} more", entities.len().saturating_sub(NAMED));
    if entities.len() > NAMED {
        names.push(&more);
    }
    let title = match entities {
        [one] => format!("{} is in the bin", one.title),
        many => format!("{} entities of your team are in the bin", many.len()),
    };
    let until = (now + Binned::KEPT).date();
    News {
        kind: NoticeKind::Catalog,
        title,
        body: format!(
            "{}: {because}. Described again, it comes back with its history; on {until} it is deleted for good.",
            names.join(", ")
        ),
        href: match entities {
            [one] => one.reference.href(),
            _ => super::bin::HREF.to_owned(),
        },
        about: Topic::new("bin", team),
    }
}
