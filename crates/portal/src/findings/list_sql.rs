//! The list of findings in SQL: every filter, both orders, and only what one may see.

use model::{
    EntityId, FindingId, FindingKind, Severity, TeamId,
    findings::{FindingState, FindingSummary},
};
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Filter, Sort, SortKey, sql::stages};
use crate::{
    authz::Scope,
    error::{Error, Result},
    page::{COUNT_LIMIT, Window},
};

/// A filter whose names were found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub filter: &'a Filter,
    pub service: Option<EntityId>,
    pub owner: Option<TeamId>,
}

impl SortKey {
    /// The column and its type.
    const fn column(self) -> (&'static str, &'static str) {
        match self {
            Self::Severity => ("severity", "severity"),
            Self::FirstSeen => ("first_seen_at", "timestamptz"),
        }
    }
}

/// What the list is sorted by, as text, and the id.
pub(super) type Key = (String, FindingId);

pub(super) fn key(sort: Sort, row: &FindingSummary) -> Key {
    let by = match sort.by {
        SortKey::Severity => row.severity.as_str().to_owned(),
        SortKey::FirstSeen => row.first_seen_at.format(&Rfc3339).expect("a stored time is a year of four digits"),
    };
    (by, row.id)
}

/// What a list shows of the findings' rows that come before it, as `with page as (`.
const SHOWN: &str =
    ") select page.*, entity.kind || ':' || namespace || '/' || entity.name as service_ref, team.name as owner_name,
           (
               select max(case when sighting.closed_at is null
                               then greatest(sighting.last_seen_at, scope.scanned_at)
                               else sighting.last_seen_at end)
               from finding_sighting sighting
               join report_scope scope on scope.id = sighting.scope_id
               where sighting.finding_id = page.id
           ) as last_seen_at
    from page
    join entity on entity.id = page.entity_id
    left join team on team.id = page.owner_id ";

/// One window of the list.
pub(super) async fn rows(
    connection: &mut PgConnection,
    scope: &Scope,
    wanted: &Wanted<'_>,
    sort: Sort,
    window: &Window<'_, Key>,
) -> Result<Vec<FindingSummary>> {
    let part = Part { sort, after: window.after(), backwards: window.backwards(), limit: window.limit() };
    let mut query = QueryBuilder::new("with page as (");
    push_part(&mut query, scope, wanted, part);
    query.push(SHOWN);
    let (column, direction) = (sort.by.column().0, part.direction());
    query.push(format_args!("order by page.{column} {direction}, page.id {direction}"));
    query.build().fetch_all(connection).await?.iter().map(summary).collect()
}

/// What the list shows of one finding, with what only its own page shows: purl, weaknesses, and why it is one.
pub(super) async fn one(
    connection: &mut PgConnection,
    id: FindingId,
) -> Result<Option<(FindingSummary, Option<String>, Vec<i32>, String)>> {
    let mut query = QueryBuilder::new("with page as (select * from finding where id = ");
    query.push_bind(id.0).push(SHOWN);
    let Some(row) = query.build().fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some((summary(&row)?, row.try_get("purl")?, row.try_get("cwes")?, row.try_get("same_because")?)))
}

/// How many there are, counted no further than a page says.
pub(super) async fn count(connection: &mut PgConnection, scope: &Scope, wanted: &Wanted<'_>) -> Result<i64> {
    let mut query = QueryBuilder::new("select count(*) from (select from finding where ");
    condition(&mut query, scope, wanted);
    query.push(" limit ").push_bind(COUNT_LIMIT).push(") as counted");
    Ok(query.build_query_scalar().fetch_one(connection).await?)
}

/// Since when the oldest of these is known; none where there are none.
pub(super) async fn oldest(
    connection: &mut PgConnection,
    scope: &Scope,
    wanted: &Wanted<'_>,
) -> Result<Option<OffsetDateTime>> {
    let mut query = QueryBuilder::new("select first_seen_at from (");
    let sort = Sort { by: SortKey::FirstSeen, descending: false };
    push_part(&mut query, scope, wanted, Part { sort, after: None, backwards: false, limit: 1 });
    query.push(") as oldest");
    Ok(query.build_query_scalar().fetch_optional(connection).await?)
}

/// Which part of the list is read.
#[derive(Clone, Copy)]
struct Part<'a> {
    sort: Sort,
    after: Option<&'a Key>,
    backwards: bool,
    limit: i64,
}

impl Part<'_> {
    const fn direction(self) -> &'static str {
        if self.sort.descending == self.backwards { "asc" } else { "desc" }
    }
}

/// The findings' own rows of that part.
fn push_part(query: &mut QueryBuilder<Postgres>, scope: &Scope, wanted: &Wanted<'_>, part: Part<'_>) {
    let Part { sort, after, limit, .. } = part;
    let (column, kind) = sort.by.column();
    let direction = part.direction();
    let ordered = |query: &mut QueryBuilder<Postgres>| {
        if let Some((by, id)) = after {
            let beyond = if direction == "asc" { ">" } else { "<" };
            query.push(format_args!(" and ({column}, id) {beyond} ("));
            query.push_bind(by.clone()).push(format_args!("::{kind}, ")).push_bind(id.0).push(")");
        }
        query.push(format_args!(" order by {column} {direction}, id {direction} limit ")).push_bind(limit);
    };
    let is_narrow = !scope.everything && !scope.unrestricted && wanted.service.is_none() && wanted.owner.is_none();
    if is_narrow {
        // what few teams own may be far down the list of all: the first of each of them is read, and of those the first
        query.push("select * from (select found.* from unnest(").push_bind(scope.team_ids());
        query.push(") as team (id) cross join lateral (select * from finding where owner_id = team.id and ");
        filter(query, wanted);
        ordered(query);
        query.push(") as found union all select found.* from unnest(").push_bind(scope.entity_ids());
        query.push(") as service (id) cross join lateral (select * from finding where entity_id = service.id and ");
        query.push("(owner_id = any(").push_bind(scope.team_ids()).push(")) is not true and ");
        filter(query, wanted);
        ordered(query);
        query.push(format_args!(") as found) as found order by {column} {direction}, id {direction} limit "));
        query.push_bind(limit);
    } else {
        query.push("select * from finding where ");
        condition(query, scope, wanted);
        ordered(query);
    }
}

fn condition(query: &mut QueryBuilder<Postgres>, scope: &Scope, wanted: &Wanted<'_>) {
    if !scope.everything {
        query.push("((").push_bind(scope.unrestricted).push(" and not restricted) or owner_id = any(");
        query.push_bind(scope.team_ids()).push(") or entity_id = any(").push_bind(scope.entity_ids()).push(")) and ");
    }
    filter(query, wanted);
}

fn filter(query: &mut QueryBuilder<Postgres>, wanted: &Wanted<'_>) {
    let Wanted { filter, service, owner } = wanted;
    query.push("state = ").push_bind(filter.state.as_str());
    if !filter.severity.is_empty() {
        let words: Vec<&'static str> = filter.severity.iter().map(|severity| severity.as_str()).collect();
        query.push(" and severity = any(").push_bind(words).push("::text[]::severity[])");
        // between these an index in the order of severity is read, and no further
        if let (Some(least), Some(worst)) = (filter.severity.iter().min(), filter.severity.iter().max()) {
            query.push(" and severity between ").push_bind(least.as_str()).push("::severity and ");
            query.push_bind(worst.as_str()).push("::severity");
        }
    }
    if let Some(EntityId(service)) = service {
        query.push(" and entity_id = ").push_bind(*service);
    }
    if let Some(TeamId(owner)) = owner {
        query.push(" and owner_id = ").push_bind(*owner);
    }
    if let Some(kind) = filter.kind {
        query.push(" and kind = ").push_bind(kind.as_str());
    }
    if let Some(tool) = &filter.tool {
        query.push(" and tools @> array[").push_bind(tool.to_lowercase()).push("]");
    }
    if let Some(stage) = filter.stage {
        query.push(" and stages @> array[").push_bind(stage.as_str()).push("]");
    }
    match filter.fixable {
        Some(true) => drop(query.push(" and fixed_version is not null")),
        Some(false) => drop(query.push(" and fixed_version is null")),
        None => {}
    }
    if let Some(text) = &filter.text {
        let text = text.trim().to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query.push(" and search like ").push_bind(format!("%{text}%"));
    }
}

fn summary(row: &PgRow) -> Result<FindingSummary> {
    let word = |column: &str| -> Result<String> { Ok(row.try_get(column)?) };
    Ok(FindingSummary {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        severity: row.try_get::<Severity, _>("severity")?,
        state: word("state")?.parse::<FindingState>().map_err(Error::internal)?,
        kind: word("kind")?.parse::<FindingKind>().map_err(Error::internal)?,
        service: row.try_get("entity_id")?,
        service_ref: row.try_get("service_ref")?,
        owner: row.try_get("owner_id")?,
        owner_name: row.try_get("owner_name")?,
        rule: row.try_get("rule")?,
        vulnerability_ids: row.try_get("vulnerability_ids")?,
        package: row.try_get("package")?,
        package_version: row.try_get("package_version")?,
        fixed_version: row.try_get("fixed_version")?,
        place: row.try_get("place")?,
        tools: row.try_get("tools")?,
        stages: stages(&row.try_get::<Vec<String>, _>("stages")?),
        first_seen_at: row.try_get("first_seen_at")?,
        last_seen_at: row.try_get("last_seen_at")?,
        closed_at: row.try_get("closed_at")?,
    })
}
