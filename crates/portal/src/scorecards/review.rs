//! What a security champion says and decides about one service: comments, exemptions that end by themselves, sign-offs.

use model::{
    EntityId,
    scorecards::{ActKind, Exemption},
};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    Exempt, Kept, Moved, Review, Reviewed,
    definition::{self, Scorecard},
    evaluate::{evaluate, keep},
    sql,
};
use crate::{
    Portal,
    authz::{Action, Actor, Permit},
    catalog::{Entity, described::described},
    error::{Error, OnConstraint, Result},
};

/// No check is left out longer than this without somebody deciding again.
const MAX_EXEMPTION: Duration = Duration::days(365);
/// No review is due later than this.
const MAX_REVIEW: Duration = Duration::days(2 * 365);
const MAX_TEXT: usize = 2_000;

/// Says something about a service and a scorecard, or one check of it.
///
/// # Errors
/// `NotFound` for an unknown scorecard or one that does not apply, `Invalid` for an empty text or unknown check.
pub async fn comment(
    portal: &Portal,
    actor: &Actor,
    entity: EntityId,
    scorecard: &str,
    check: Option<&str>,
    text: &str,
) -> Result<()> {
    let text = checked_text("text", text, "say something")?;
    let mut permit = portal.authorize(actor, Review, entity).await?;
    let (_, card) = applied(&mut permit, scorecard).await?;
    if let Some(check) = check {
        checked_check(&card, check)?;
    }
    act(portal, &mut permit, scorecard, ActKind::Comment, check, &text, None).await?;
    permit.commit(reviewed(scorecard, ActKind::Comment, check, text, None, Vec::new())).await
}

/// Takes a check off a service until the end of `until` (UTC). It ends by itself. A champion never does it for what
/// their own team owns; the policies see to it.
///
/// # Errors
/// `Invalid` for a day that is past or over a year away, `Conflict` where the check is exempt already, `Forbidden`.
pub async fn exempt(
    portal: &Portal,
    actor: &Actor,
    entity: EntityId,
    scorecard: &str,
    check: &str,
    until: Date,
    reason: &str,
) -> Result<Exemption> {
    let reason = checked_text("reason", reason, "say why the check need not hold here, for those who audit it")?;
    let now = portal.clock.now();
    let expires_at = end_of(until);
    if expires_at <= now {
        return Err(Error::invalid("until", "choose a day that is not past"));
    }
    if expires_at > now + MAX_EXEMPTION + Duration::days(1) {
        return Err(Error::invalid("until", "an exemption lasts a year at most; decide again then"));
    }
    let mut permit = portal.authorize(actor, Exempt, entity).await?;
    let (_, card) = applied(&mut permit, scorecard).await?;
    checked_check(&card, check)?;
    let (owner, restricted) = (permit.target.owner, permit.target.restricted);
    let row = sql::NewExemption {
        id: portal.rng.id(&portal.clock),
        scorecard,
        entity,
        owner,
        restricted,
        check,
        reason: &reason,
        granted_at: now,
        granted_by: actor.person_id(),
        expires_at,
    };
    // one whose time is over but that no sweep has met yet is not in the way
    sql::end_expired_of(&mut permit, scorecard, entity, check, now).await?;
    sql::insert_exemption(&mut permit, &row).await.on_constraint("scorecard_exemption_check_key", || {
        Error::Conflict("the check is exempt already; end that exemption first".to_owned())
    })?;
    act(portal, &mut permit, scorecard, ActKind::Exempted, Some(check), &reason, Some(expires_at)).await?;
    let moved = look_again(portal, &mut permit, scorecard).await?;
    let exemption = Exemption {
        id: row.id,
        check: check.to_owned(),
        reason: reason.clone(),
        granted_at: now,
        granted_by: actor.person().map(|person| person.display_name.clone()),
        expires_at,
    };
    permit.commit(reviewed(scorecard, ActKind::Exempted, Some(check), reason, Some(expires_at), moved)).await?;
    Ok(exemption)
}

/// Ends an exemption before its time.
///
/// # Errors
/// `NotFound` where the service has no such exemption that still runs.
pub async fn end_exemption(portal: &Portal, actor: &Actor, entity: EntityId, exemption: Uuid) -> Result<()> {
    let mut permit = portal.authorize(actor, Review, entity).await?;
    let now = portal.clock.now();
    let ended = sql::end_exemption(&mut permit, entity, exemption, now, actor.person_id()).await?;
    let ended = ended.ok_or(Error::NotFound("exemption"))?;
    let (scorecard, check) = (ended.scorecard.as_str(), Some(ended.check_id.as_str()));
    let text = "ended before its time".to_owned();
    act(portal, &mut permit, scorecard, ActKind::ExemptionEnded, check, &text, None).await?;
    let moved = look_again(portal, &mut permit, scorecard).await?;
    permit.commit(reviewed(scorecard, ActKind::ExemptionEnded, check, text, None, moved)).await
}

/// Signs off how a service stands, and says when somebody has to look again.
///
/// # Errors
/// `Invalid` for a next day that is not in the future or over two years away.
pub async fn sign_off(
    portal: &Portal,
    actor: &Actor,
    entity: EntityId,
    scorecard: &str,
    note: &str,
    next_on: Date,
) -> Result<()> {
    let note = if note.trim().is_empty() { String::new() } else { checked_text("note", note, "say something")? };
    let now = portal.clock.now();
    if next_on <= now.date() || next_on > (now + MAX_REVIEW).date() {
        return Err(Error::invalid("next_on", "the next review is due tomorrow at the earliest, and within two years"));
    }
    let mut permit = portal.authorize(actor, Review, entity).await?;
    applied(&mut permit, scorecard).await?;
    let target = permit.target.clone();
    sql::save_review(&mut permit, scorecard, &target, now, actor.person_id(), next_on).await?;
    let until = next_on.midnight().assume_utc();
    act(portal, &mut permit, scorecard, ActKind::SignedOff, None, &note, Some(until)).await?;
    permit.commit(reviewed(scorecard, ActKind::SignedOff, None, note, Some(until), Vec::new())).await
}

/// The scorecard, which must apply to the target.
async fn applied<A: Action<Target = Entity>>(permit: &mut Permit<A>, name: &str) -> Result<(Kept, Scorecard)> {
    let entity = permit.target.id;
    let kept = sql::kept(permit, name, false).await?.ok_or(Error::NotFound("scorecard"))?;
    if sql::rows(permit, name, &[entity]).await?.is_empty() {
        return Err(Error::NotFound("scorecard"));
    }
    let card = definition::kept(&kept.source)?;
    Ok((kept, card))
}

async fn look_again<A: Action<Target = Entity>>(
    portal: &Portal,
    permit: &mut Permit<A>,
    scorecard: &str,
) -> Result<Vec<Moved>> {
    sql::lock(permit, scorecard).await?;
    let entity = permit.target.id;
    let kept = sql::kept(permit, scorecard, false).await?.ok_or(Error::NotFound("scorecard"))?;
    let card = definition::kept(&kept.source)?;
    let entities = described(permit, &[entity]).await?;
    let evaluated = evaluate(permit, &card, entities, portal.clock.now()).await?;
    Ok(keep(portal, permit, &card, kept.revision, &evaluated).await?.moved)
}

async fn act<A: Action<Target = Entity>>(
    portal: &Portal,
    permit: &mut Permit<A>,
    scorecard: &str,
    kind: ActKind,
    check: Option<&str>,
    text: &str,
    until: Option<OffsetDateTime>,
) -> Result<()> {
    let person = permit.actor().person_id();
    let entity = permit.target.id;
    let id = portal.rng.id(&portal.clock);
    let row = sql::ActRow { id, scorecard, entity, at: portal.clock.now(), person, kind, check, text, until };
    sql::insert_act(permit, &row).await
}

fn reviewed(
    scorecard: &str,
    kind: ActKind,
    check: Option<&str>,
    text: String,
    until: Option<OffsetDateTime>,
    moved: Vec<Moved>,
) -> Reviewed {
    let (scorecard, check) = (scorecard.to_owned(), check.map(ToOwned::to_owned));
    Reviewed { scorecard, what: kind.as_str(), check, text, until, moved }
}

fn checked_check(card: &Scorecard, check: &str) -> Result<()> {
    if card.checks.iter().any(|known| known.id == check) {
        return Ok(());
    }
    Err(Error::invalid("check", format!("{} has no check of that name", card.title)))
}

fn checked_text(field: &str, text: &str, missing: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, missing));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(Error::invalid(field, format!("keep it under {MAX_TEXT} characters")));
    }
    Ok(text.to_owned())
}

/// The first moment after a day.
fn end_of(day: Date) -> OffsetDateTime {
    day.next_day().unwrap_or(day).midnight().assume_utc()
}
