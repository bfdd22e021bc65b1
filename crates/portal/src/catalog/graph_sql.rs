//! The statements that walk along relations; each meets at most as many entities as it is told.

use model::{EntityId, EntityRef, Kind, RelationFamily, RelationType, graph::GraphNode};
use sqlx::{PgConnection, query};
use uuid::Uuid;

use super::graph::Way;
use crate::{
    authz::Scope,
    error::{Error, Result},
};

/// What is at most `steps` away, with how many steps, the beginning among it; and whether that is all. At most `limit`
/// ways are met, the shortest first. What may not be seen is not walked through.
pub(super) async fn walk(
    connection: &mut PgConnection,
    scope: &Scope,
    from: EntityId,
    way: Way,
    families: &[RelationFamily],
    steps: i32,
    limit: i64,
) -> Result<(Vec<(EntityId, i32)>, bool)> {
    let (stated, inverse) = way.relations(families);
    // `offset 0` keeps each step a look-up by id: the planner cannot know how few there are
    let rows = query!(
        r#"with recursive walk (id, steps) as (
               select $1::uuid, 0
               union
               select seen.id, walk.steps + 1
               from walk
               cross join lateral (
                   select to_id as id from relation where from_id = walk.id and type = any($2) and to_id is not null
                   union all
                   select from_id from relation where to_id = walk.id and type = any($3)
                   offset 0
               ) next
               cross join lateral (
                   select entity.id
                   from entity
                   where entity.id = next.id
                       and ($4::bool or ($5::bool and not restricted) or owner_id = any($6) or entity.id = any($7))
                   offset 0
               ) seen
               where walk.steps < $8
           )
           select id as "id!", min(steps) as "steps!", count(*) as "ways!"
           from (select id, steps from walk limit $9) met
           group by id"#,
        from.0,
        &stated,
        &inverse,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        steps,
        limit,
    )
    .fetch_all(connection)
    .await?;
    let all = rows.iter().map(|row| row.ways).sum::<i64>() < limit;
    Ok((rows.into_iter().map(|row| (EntityId(row.id), row.steps)).collect(), all))
}

/// As graphs name these entities, in no order; their levels are the caller's.
pub(super) async fn nodes(connection: &mut PgConnection, ids: &[EntityId]) -> Result<Vec<(EntityId, GraphNode)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = query!(
        r#"select entity.id as "id!", kind as "kind!", namespace as "namespace!", entity.name as "name!", title, tier,
                  team.name as "team?"
           from unnest($1::uuid[]) as wanted (id)
           cross join lateral (select * from entity where entity.id = wanted.id offset 0) entity
           left join team on team.id = owner_id"#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let kind: Kind = row.kind.parse().map_err(Error::internal)?;
            let node = GraphNode {
                reference: EntityRef::new(kind, &row.namespace, &row.name),
                name: row.title.unwrap_or(row.name),
                team: row.team,
                tier: row.tier,
                level: 0,
            };
            Ok((EntityId(row.id), node))
        })
        .collect()
}

/// What these entities state of one another, at most `limit` relations.
pub(super) async fn relations_between(
    connection: &mut PgConnection,
    ids: &[EntityId],
    families: &[RelationFamily],
    limit: i64,
) -> Result<Vec<(EntityId, RelationType, EntityId)>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let (mut types, inverse) = Way::Down.relations(families);
    types.extend(inverse);
    let rows = query!(
        r#"select from_id as "from_id!", type as "relation!: RelationType", to_id as "to_id!"
           from unnest($1::uuid[]) as wanted (id)
           cross join lateral (
               select from_id, type, to_id from relation where from_id = wanted.id and type = any($2) offset 0
           ) stated
           where to_id = any($1)
           limit $3"#,
        &ids,
        &types,
        limit,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (EntityId(row.from_id), row.relation, EntityId(row.to_id))).collect())
}

/// How many of one kind, team and tier.
pub(super) struct Reached {
    pub kind: Kind,
    pub team: Option<String>,
    pub tier: Option<String>,
    pub count: u64,
}

/// Whatever is met that way through any number of steps over what carries a failure, at most `limit` of it.
pub(super) async fn reached(
    connection: &mut PgConnection,
    scope: &Scope,
    from: EntityId,
    way: Way,
    limit: i64,
) -> Result<Vec<Reached>> {
    let (stated, inverse) = way.relations(&RelationFamily::CARRYING);
    let rows = query!(
        r#"with recursive walk (id) as (
               select $1::uuid
               union
               select seen.id
               from walk
               cross join lateral (
                   select to_id as id from relation where from_id = walk.id and type = any($2) and to_id is not null
                   union all
                   select from_id from relation where to_id = walk.id and type = any($3)
                   offset 0
               ) next
               cross join lateral (
                   select entity.id
                   from entity
                   where entity.id = next.id
                       and ($4::bool or ($5::bool and not restricted) or owner_id = any($6) or entity.id = any($7))
                   offset 0
               ) seen
           )
           select entity.kind as "kind!", entity.tier, team.name as "team?", count(*) as "count!"
           from (select id from walk limit $8) met
           cross join lateral (select kind, tier, owner_id from entity where entity.id = met.id offset 0) entity
           left join team on team.id = entity.owner_id
           where met.id <> $1
           group by entity.kind, entity.tier, team.name"#,
        from.0,
        &stated,
        &inverse,
        scope.everything,
        scope.unrestricted,
        &scope.team_ids(),
        &scope.entity_ids(),
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Reached {
                kind: row.kind.parse().map_err(Error::internal)?,
                team: row.team,
                tier: row.tier,
                count: u64::try_from(row.count).unwrap_or_default(),
            })
        })
        .collect()
}
