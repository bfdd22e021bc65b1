//! The one list of environments, whose filter and order are put together from closed sets.

use model::{EntityId, EnvironmentId, EnvironmentState, PersonId, TeamId, environment::EnvironmentRow};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;

use crate::{
    authz::Scope,
    error::Result,
    page::{COUNT_LIMIT, Window},
};

/// Which environments are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub state: Option<EnvironmentState>,
    /// Leaves out those that have ended, where no state is asked for.
    #[serde(default)]
    pub living: bool,
    pub owner: Option<TeamId>,
    pub entity: Option<EntityId>,
    pub template: Option<String>,
    /// Only those that the reader asked for.
    #[serde(default)]
    pub mine: bool,
}

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    #[default]
    Newest,
    EndsSoonest,
    Name,
}

impl Sort {
    const fn column(self) -> &'static str {
        match self {
            Self::Newest => "environment.created_at",
            Self::EndsSoonest => "environment.expires_at",
            Self::Name => "environment.name",
        }
    }

    const fn descends(self) -> bool {
        matches!(self, Self::Newest)
    }

    pub(super) fn key(self, row: &EnvironmentRow) -> Key {
        match self {
            Self::Newest => Key::At(row.created_at, row.id),
            Self::EndsSoonest => Key::At(row.expires_at, row.id),
            Self::Name => Key::Name(row.name.clone(), row.id),
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Key {
    At(#[serde(with = "time::serde::rfc3339")] OffsetDateTime, EnvironmentId),
    Name(String, EnvironmentId),
}

#[derive(FromRow)]
struct Row {
    id: EnvironmentId,
    name: String,
    state: EnvironmentState,
    failure: Option<String>,
    service: String,
    owner_name: Option<String>,
    requester_id: PersonId,
    requester_name: String,
    template_title: String,
    purpose: String,
    created_at: OffsetDateTime,
    expires_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
}

pub(super) async fn list(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    reader: Option<uuid::Uuid>,
    sort: Sort,
    window: &Window<'_, Key>,
) -> Result<Vec<EnvironmentRow>> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select environment.id, environment.name, state, failure, service, team.name as owner_name,
                requester_id, person.display_name as requester_name, spec ->> 'template_title' as template_title, purpose,
                environment.created_at, expires_at, ended_at
         from environment
         join person on person.id = requester_id
         left join team on team.id = owner_id
         where ",
    );
    push_visible(&mut sql, scope, filter, reader);
    push_state(&mut sql, filter);
    let down = sort.descends() != window.backwards();
    if let Some(key) = window.after() {
        sql.push(format_args!(" and ({}, environment.id) {} (", sort.column(), if down { "<" } else { ">" }));
        match key {
            Key::At(at, id) => sql.push_bind(*at).push(", ").push_bind(id.0),
            Key::Name(name, id) => sql.push_bind(name.clone()).push(", ").push_bind(id.0),
        };
        sql.push(")");
    }
    let direction = if down { "desc" } else { "asc" };
    sql.push(format_args!(" order by {} {direction}, environment.id {direction} limit ", sort.column()));
    sql.push_bind(window.limit());
    let rows: Vec<Row> = sql.build_query_as().fetch_all(connection).await?;
    Ok(rows.into_iter().map(EnvironmentRow::from).collect())
}

/// How many there are of each state, each counted to the limit; the filter's own state left out.
pub(super) async fn counts(
    connection: &mut PgConnection,
    scope: &Scope,
    filter: &Filter,
    reader: Option<uuid::Uuid>,
) -> Result<Vec<(EnvironmentState, i64)>> {
    let mut sql = QueryBuilder::<Postgres>::new("select state, count(*) from (select state from environment where ");
    push_visible(&mut sql, scope, filter, reader);
    sql.push(" limit ").push_bind(COUNT_LIMIT).push(") counted group by state");
    Ok(sql.build_query_as().fetch_all(connection).await?)
}

fn push_visible(sql: &mut QueryBuilder<Postgres>, scope: &Scope, filter: &Filter, reader: Option<uuid::Uuid>) {
    sql.push("(").push_bind(scope.everything).push(" or (").push_bind(scope.unrestricted);
    sql.push(" and not environment.restricted) or environment.owner_id = any(").push_bind(scope.team_ids());
    sql.push(") or environment.entity_id = any(").push_bind(scope.entity_ids());
    sql.push(") or environment.requester_id = ").push_bind(scope.person.map(|person| person.0)).push(")");
    if let Some(owner) = filter.owner {
        sql.push(" and environment.owner_id = ").push_bind(owner.0);
    }
    if let Some(entity) = filter.entity {
        sql.push(" and environment.entity_id = ").push_bind(entity.0);
    }
    if let Some(template) = &filter.template {
        sql.push(" and environment.template = ").push_bind(template.clone());
    }
    if filter.mine {
        // whoever is nobody known has asked for nothing
        sql.push(" and environment.requester_id = ").push_bind(reader);
    }
}

fn push_state(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    if let Some(state) = filter.state {
        sql.push(" and state = ").push_bind(state.as_str());
    } else if filter.living {
        sql.push(" and state <> 'ended'");
    }
}

impl From<Row> for EnvironmentRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            state: row.state,
            failure: row.failure,
            service_href: super::service_href(&row.service),
            service: row.service,
            owner_name: row.owner_name,
            requester: row.requester_id,
            requester_name: row.requester_name,
            template_title: row.template_title,
            purpose: row.purpose,
            created_at: row.created_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
        }
    }
}
