//! Looks at services again where their facts may be others, where an exemption has ended, and every day.

use model::EntityId;

use super::{
    ScoreServices, Scored, definition,
    evaluate::{evaluate, keep},
    sql,
};
use crate::{
    Portal,
    authz::{ActionName, Actor, ORGANISATION},
    catalog::described::{described, described_after},
    error::Result,
    jobs::{self, Job},
};

/// How many entities one job looks at before it hands on to the next.
const CHUNK: i64 = 1_000;

fn system() -> Actor {
    Actor::system("scorecard.score", None, "scorecard.score".to_owned())
}

/// Looks at one entity again, on every scorecard.
pub(crate) async fn score(portal: &Portal, entity: EntityId) -> Result<()> {
    let mut permit = portal.authorize(&system(), ScoreServices, ORGANISATION).await?;
    let (mut moved, mut wrote) = (Vec::new(), false);
    let entities = described(&mut permit, &[entity]).await?;
    if entities.is_empty() {
        return Ok(());
    }
    for kept in sql::all_kept(&mut permit).await? {
        sql::lock(&mut permit, &kept.name).await?;
        let scorecard = definition::kept(&kept.source)?;
        let evaluated = evaluate(&mut permit, &scorecard, entities.clone(), portal.clock.now()).await?;
        let done = keep(portal, &mut permit, &scorecard, kept.revision, &evaluated).await?;
        moved.extend(done.moved);
        wrote |= done.wrote;
    }
    // what changes nothing leaves no record
    if !wrote {
        return Ok(());
    }
    permit.commit(Scored { ended_exemptions: Vec::new(), moved }).await
}

/// Looks at the entities after `after` on one scorecard, and hands on to the next job.
pub(crate) async fn score_all(portal: &Portal, scorecard: String, after: Option<EntityId>) -> Result<()> {
    let mut permit = portal.authorize(&system(), ScoreServices, ORGANISATION).await?;
    sql::lock(&mut permit, &scorecard).await?;
    let Some(kept) = sql::kept(&mut permit, &scorecard, false).await? else { return Ok(()) };
    let read = definition::kept(&kept.source)?;
    let entities = described_after(&mut permit, after, CHUNK).await?;
    let Some(last) = entities.last().map(|entity| entity.id) else { return Ok(()) };
    let full = entities.len() as u64 == CHUNK.unsigned_abs();
    let evaluated = evaluate(&mut permit, &read, entities, portal.clock.now()).await?;
    let done = keep(portal, &mut permit, &read, kept.revision, &evaluated).await?;
    if !full && !done.wrote {
        return Ok(());
    }
    if full {
        jobs::enqueue(&mut permit, &Job::ScoreAll { scorecard, after: Some(last) }).await?;
    }
    permit.commit(Scored { ended_exemptions: Vec::new(), moved: done.moved }).await
}

/// Ends exemptions whose time is over, and begins the daily look at everything: facts age by themselves.
pub(crate) async fn sweep(portal: &Portal) -> Result<()> {
    let (now, actor) = (portal.clock.now(), system());
    let mut snapshot = portal.snapshot(&actor).await?;
    let due = sql::anything_due(&mut *snapshot.visible(ActionName::ScorecardRead)?, now).await?;
    drop(snapshot);
    if !due {
        return Ok(());
    }
    let mut permit = portal.authorize(&actor, ScoreServices, ORGANISATION).await?;
    let ended = sql::end_expired(&mut permit, now).await?;
    for exemption in &ended {
        let act = sql::ActRow {
            id: portal.rng.id(&portal.clock),
            scorecard: &exemption.scorecard,
            entity: exemption.entity_id,
            at: now,
            person: None,
            kind: model::scorecards::ActKind::ExemptionEnded,
            check: Some(&exemption.check_id),
            text: "its time was over",
            until: None,
        };
        sql::insert_act(&mut permit, &act).await?;
        jobs::enqueue(&mut permit, &Job::Score { entity: exemption.entity_id }).await?;
    }
    for scorecard in sql::begin_daily(&mut permit, now.date()).await? {
        jobs::enqueue(&mut permit, &Job::ScoreAll { scorecard, after: None }).await?;
    }
    let ended_exemptions = ended.into_iter().map(|exemption| exemption.id).collect();
    permit.commit(Scored { ended_exemptions, moved: Vec::new() }).await
}
