//! The catalog's list: one statement, built from the filter, of which every form is held by an index.

use model::{EntityFilter, EntityId, EntityRef, EntitySummary, Kind, TeamId, entity::EntitySort};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    authz::Scope,
    error::{Error, Result},
    page::Window,
};

/// What the list is sorted by, as text, and the id.
pub(super) type Key = (String, EntityId);

#[derive(FromRow)]
pub(super) struct Row {
    id: EntityId,
    kind: String,
    namespace: String,
    name: String,
    title: Option<String>,
    description: Option<String>,
    kind_type: Option<String>,
    lifecycle: Option<String>,
    tier: Option<String>,
    owner_ref: Option<String>,
    team: Option<String>,
    system_ref: Option<String>,
    tags: Vec<String>,
    restricted: bool,
    updated_at: OffsetDateTime,
    sort_name: String,
}

impl Row {
    pub fn key(&self, sort: EntitySort) -> Key {
        let text = match sort {
            EntitySort::Name => self.sort_name.clone(),
            EntitySort::Updated => self.updated_at.format(&Rfc3339).expect("Postgres keeps years of four digits here"),
        };
        (text, self.id)
    }

    pub fn summary(self) -> Result<EntitySummary> {
        let kind: Kind = self.kind.parse().map_err(Error::internal)?;
        Ok(EntitySummary {
            id: self.id,
            reference: EntityRef::new(kind, &self.namespace, &self.name),
            name: self.name,
            title: self.title,
            description: self.description,
            kind_type: self.kind_type,
            lifecycle: self.lifecycle,
            tier: self.tier,
            owner: self.owner_ref,
            team: self.team,
            system: self.system_ref,
            tags: self.tags,
            restricted: self.restricted,
            updated_at: self.updated_at,
        })
    }
}

/// The rows of one window, or of the whole list from its beginning where there is none.
pub(super) async fn rows(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &EntityFilter,
    window: Option<&Window<'_, Key>>,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut query = statement(scope, filter, window, limit)?;
    Ok(query.build_query_as().fetch_all(connection).await?)
}

fn statement(
    scope: &Scope,
    filter: &EntityFilter,
    window: Option<&Window<'_, Key>>,
    limit: i64,
) -> Result<QueryBuilder<Postgres>> {
    let mut query = select(scope);
    push_filter(&mut query, filter);
    let backwards = window.is_some_and(Window::backwards);
    let descending = filter.descending != backwards;
    let column = match filter.sort {
        EntitySort::Name => "sort_name",
        EntitySort::Updated => "updated_at",
    };
    if let Some((text, id)) = window.and_then(Window::after) {
        query.push(format_args!(" and ({column}, entity.id) {} (", if descending { "<" } else { ">" }));
        match filter.sort {
            EntitySort::Name => query.push_bind(text.clone()),
            EntitySort::Updated => query.push_bind(
                OffsetDateTime::parse(text, &Rfc3339)
                    .map_err(|_| Error::invalid("cursor", "is no page of this list"))?,
            ),
        };
        query.push(", ").push_bind(id.0).push(")");
    }
    let direction = if descending { "desc" } else { "asc" };
    query.push(format_args!(" order by {column} {direction}, entity.id {direction} limit ")).push_bind(limit);
    Ok(query)
}

/// The columns of every row that `scope` lets one see, up to its condition.
fn select(scope: &Scope) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "select entity.id, kind, namespace, entity.name, title, left(description, 300) as description,
                type as kind_type, lifecycle, tier, owner_ref, team.name as team, system_ref, tags, restricted,
                updated_at, sort_name
         from entity
         left join team on team.id = owner_id
         where ",
    );
    push_scope(&mut query, scope);
    query
}

/// The rule of [`Scope::covers`], with only as much of it as this scope needs.
fn push_scope(query: &mut QueryBuilder<Postgres>, scope: &Scope) {
    if scope.everything {
        query.push("true");
        return;
    }
    query.push("(false");
    if scope.unrestricted {
        query.push(" or not restricted");
    }
    if !scope.teams.is_empty() {
        query.push(" or owner_id = any(").push_bind(scope.team_ids()).push(")");
    }
    if !scope.entities.is_empty() {
        query.push(" or entity.id = any(").push_bind(scope.entity_ids()).push(")");
    }
    query.push(")");
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &EntityFilter) {
    for word in filter.words() {
        let pattern = format!("%{}%", escaped(&word));
        query.push(" and (search like ").push_bind(pattern);
        query.push(" or tags @> ").push_bind(vec![word]).push(")");
    }
    let text = |refs: &[EntityRef]| refs.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (column, values) in [
        ("kind", filter.kinds.iter().map(ToString::to_string).collect()),
        ("type", filter.types.clone()),
        ("lifecycle", filter.lifecycles.clone()),
        ("owner_ref", text(&filter.owners)),
        ("system_ref", text(&filter.systems)),
    ] {
        if !values.is_empty() {
            query.push(format_args!(" and {column} = any(")).push_bind(values).push(")");
        }
    }
    if !filter.tags.is_empty() {
        query.push(" and tags && ").push_bind(filter.tags.clone());
    }
}

/// `text` as a pattern that means itself.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// What a team owns, by name; groups are not owned.
pub(super) async fn owned_by(
    connection: &mut PgConnection,
    scope: &Scope,
    team: TeamId,
    limit: i64,
) -> Result<Vec<Row>> {
    let mut query = select(scope);
    query.push(" and owner_id = ").push_bind(team.0);
    query.push(" and kind <> 'group' order by sort_name, entity.id limit ").push_bind(limit);
    Ok(query.build_query_as().fetch_all(connection).await?)
}
