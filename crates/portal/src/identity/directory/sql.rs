//! What the directory asks of Postgres.

use model::{PersonId, Suggestion, TeamId};
use sqlx::{PgConnection, query, query_as, query_scalar};
use time::OffsetDateTime;

use super::{HeldRole, Member, PersonSummary, TeamSummary};
use crate::{
    authz::RoleName,
    error::{Error, Result},
    page::{COUNT_LIMIT, Window},
};

/// Where several teams differ only by case, the one that is written exactly so.
pub(in crate::identity) async fn team_like(connection: &mut PgConnection, name: &str) -> Result<Option<TeamId>> {
    let id =
        query_scalar!("select id from team where lower(name) = lower($1) order by name = $1 desc, name limit 1", name,)
            .fetch_optional(connection)
            .await?;
    Ok(id.map(TeamId))
}

pub(in crate::identity) async fn teams_holding(
    connection: &mut PgConnection,
    text: &str,
    limit: i64,
) -> Result<Vec<Suggestion>> {
    let rows = query!(
        "select name, display_name
         from team
         where position($1 in lower(name || ' ' || display_name)) > 0
         order by not starts_with(lower(name), $1), name
         limit $2",
        text,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Suggestion {
            title: row.display_name,
            kind: "Team".to_owned(),
            href: format!("/teams/{}", row.name),
            hint: row.name,
        })
        .collect())
}

pub(in crate::identity) async fn people_holding(
    connection: &mut PgConnection,
    text: &str,
    limit: i64,
) -> Result<Vec<Suggestion>> {
    let rows = query!(
        "select id, display_name, email
         from person
         where active and position($1 in lower(display_name || ' ' || coalesce(email, ''))) > 0
         order by not starts_with(lower(display_name), $1), display_name, id
         limit $2",
        text,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Suggestion {
            title: row.display_name,
            kind: "Person".to_owned(),
            href: format!("/people/{}", row.id),
            hint: row.email.unwrap_or_default(),
        })
        .collect())
}

pub(super) async fn count_teams(connection: &mut PgConnection, text: &str) -> Result<i64> {
    Ok(query_scalar!(
        r#"select count(*) as "count!"
           from (
               select from team where position($1 in lower(name || ' ' || display_name)) > 0 limit $2
           ) as counted"#,
        text,
        COUNT_LIMIT,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn teams(
    connection: &mut PgConnection,
    text: &str,
    window: &Window<'_, (String, TeamId)>,
    now: OffsetDateTime,
) -> Result<Vec<TeamSummary>> {
    let (name, id) = window.after().cloned().unzip();
    let rows = query!(
        r#"select id, name, display_name,
                  (
                      select count(distinct person_id) from role_binding
                      where team_id = team.id and ended_at is null and (expires_at is null or expires_at > $6)
                  ) as "members!",
                  (
                      select array_agg(distinct person.display_name)
                      from role_binding
                      join person on person.id = person_id
                      where team_id = team.id and role = 'team_lead' and ended_at is null
                          and (expires_at is null or expires_at > $6)
                  ) as leads
           from team
           where position($1 in lower(name || ' ' || display_name)) > 0
               and (
                   $2::text is null
                   or (not $4 and (name, id) > ($2, $3))
                   or ($4 and (name, id) < ($2, $3))
               )
           order by case when $4 then null else name end, case when $4 then null else id end, name desc, id desc
           limit $5"#,
        text,
        name,
        id.map(|id| id.0),
        window.backwards(),
        window.limit(),
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| TeamSummary {
            id: TeamId(row.id),
            name: row.name,
            display_name: row.display_name,
            members: u64::try_from(row.members).unwrap_or_default(),
            leads: row.leads.unwrap_or_default(),
            entities: 0,
        })
        .collect())
}

pub(super) async fn team(connection: &mut PgConnection, name: &str) -> Result<Option<(TeamId, String, String)>> {
    let row =
        query!("select id, name, display_name from team where name = $1", name).fetch_optional(connection).await?;
    Ok(row.map(|row| (TeamId(row.id), row.name, row.display_name)))
}

/// Everybody in a team, leads first.
pub(super) async fn members(connection: &mut PgConnection, team: TeamId, now: OffsetDateTime) -> Result<Vec<Member>> {
    let rows = query!(
        "select person.id, display_name, role, source, expires_at
         from role_binding
         join person on person.id = person_id
         where team_id = $1 and ended_at is null and (expires_at is null or expires_at > $2) and active
         order by display_name, person.id, role desc, expires_at",
        team.0,
        now,
    )
    .fetch_all(connection)
    .await?;
    let mut members: Vec<Member> = Vec::new();
    for row in rows {
        let role = RoleName::parse(&row.role).ok_or_else(|| Error::internal(format!("unknown role {:?}", row.role)))?;
        let held = HeldRole { role, source: row.source, expires_at: row.expires_at };
        match members.last_mut().filter(|member| member.id.0 == row.id) {
            Some(member) => member.roles.push(held),
            None => members.push(Member { id: PersonId(row.id), name: row.display_name, roles: vec![held] }),
        }
    }
    members.sort_by_key(|member| !member.roles.iter().any(|held| held.role == RoleName::TeamLead));
    Ok(members)
}

/// Every role that somebody holds in a team, by the team's name, and everywhere.
pub(super) async fn roles(
    connection: &mut PgConnection,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Vec<(Option<String>, HeldRole)>> {
    let rows = query!(
        r#"select team.name as "team?", role, source, expires_at
           from role_binding
           left join team on team.id = team_id
           where person_id = $1 and entity_id is null and ended_at is null
               and (expires_at is null or expires_at > $2)
           order by team.name nulls first, role"#,
        person.0,
        now,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let role =
                RoleName::parse(&row.role).ok_or_else(|| Error::internal(format!("unknown role {:?}", row.role)))?;
            Ok((row.team, HeldRole { role, source: row.source, expires_at: row.expires_at }))
        })
        .collect()
}

pub(super) async fn count_people(connection: &mut PgConnection, text: &str) -> Result<i64> {
    Ok(query_scalar!(
        r#"select count(*) as "count!"
           from (
               select from person
               where position($1 in lower(display_name || ' ' || coalesce(email, ''))) > 0
               limit $2
           ) as counted"#,
        text,
        COUNT_LIMIT,
    )
    .fetch_one(connection)
    .await?)
}

pub(super) async fn people(
    connection: &mut PgConnection,
    text: &str,
    window: &Window<'_, (String, PersonId)>,
    now: OffsetDateTime,
) -> Result<Vec<PersonSummary>> {
    let (name, id) = window.after().cloned().unzip();
    let rows = query_as!(
        PersonSummary,
        r#"select id as "id: PersonId", display_name as name, email, active, signed_in_at,
                  coalesce((
                      select array_agg(distinct team.name)
                      from role_binding
                      join team on team.id = team_id
                      where person_id = person.id and ended_at is null and (expires_at is null or expires_at > $6)
                  ), '{}') as "teams!"
           from person
           where position($1 in lower(display_name || ' ' || coalesce(email, ''))) > 0
               and (
                   $2::text is null
                   or (not $4 and (display_name, id) > ($2, $3))
                   or ($4 and (display_name, id) < ($2, $3))
               )
           order by case when $4 then null else display_name end, case when $4 then null else id end,
                    display_name desc, id desc
           limit $5"#,
        text,
        name,
        id.map(|id| id.0),
        window.backwards(),
        window.limit(),
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
