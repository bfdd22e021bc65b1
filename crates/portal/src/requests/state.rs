//! The rules of a request, without a database: who counts for what, and when it is decided.
//!
//! A request has stages, and all of them have to be met, each by so many people of its group. The requester never
//! counts. A person counts once in the whole request, for one stage; where somebody belongs to the groups of several,
//! they count where that brings the request furthest, so the order of approvals does not matter.

use model::{
    EntityId, PersonId, RequestId, TeamId,
    request::{RequestNumber, RequestState},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::payload::Payload;
use crate::{
    authz::{Binding, Reach, RoleName},
    error::{Error, Result},
};

/// A group of people who may approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvers {
    /// The team's leads.
    LeadsOf(TeamId),
    /// Security champions: of the team or the organisation, or of the organisation alone.
    ChampionsOf(Option<TeamId>),
    /// Everybody with a role in the team. The policy still says who of them may approve.
    MembersOf(TeamId),
}

impl Approvers {
    /// Whether somebody who holds `bindings` belongs to the group.
    #[must_use]
    pub fn includes(self, bindings: &[Binding]) -> bool {
        bindings.iter().any(|binding| match self {
            Self::LeadsOf(team) => binding.role == RoleName::TeamLead && covers(binding.reach, Some(team)),
            Self::ChampionsOf(team) => binding.role == RoleName::SecurityChampion && covers(binding.reach, team),
            Self::MembersOf(team) => binding.reach == Reach::Team(team),
        })
    }

    /// The team that the group is of.
    #[must_use]
    pub const fn team(self) -> Option<TeamId> {
        match self {
            Self::LeadsOf(team) | Self::MembersOf(team) => Some(team),
            Self::ChampionsOf(team) => team,
        }
    }
}

fn covers(reach: Reach, team: Option<TeamId>) -> bool {
    match reach {
        Reach::Organisation => true,
        Reach::Team(held) => Some(held) == team,
        Reach::Entity(_) => false,
    }
}

/// One group, and how many of it have to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub approvers: Approvers,
    pub needed: u32,
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    pub person: PersonId,
    pub at: OffsetDateTime,
    /// The stages that it can count for, by position.
    pub stages: Vec<usize>,
    /// The hash of what the person was shown.
    pub hash: [u8; 32],
}

/// A request as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: RequestId,
    pub number: RequestNumber,
    pub payload: Payload,
    /// SHA-256 of the document as it was when the request was made.
    pub hash: [u8; 32],
    pub stages: Vec<Stage>,
    pub approvals: Vec<Approval>,
    pub requester: PersonId,
    pub owner: Option<TeamId>,
    pub entity: Option<EntityId>,
    pub reason: String,
    pub state: RequestState,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub decided_at: Option<OffsetDateTime>,
}

/// Exactly what an approver is shown; kept as RFC 8785 JSON, and hashed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// The layout of this document.
    pub v: u8,
    pub id: RequestId,
    pub payload: Payload,
    pub stages: Vec<Stage>,
    pub requester: PersonId,
    pub owner: Option<TeamId>,
    pub entity: Option<EntityId>,
    pub reason: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
}

impl Document {
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        Ok(serde_jcs::to_vec(self)?)
    }

    /// Reads what is stored, if it is what was asked, to the byte.
    ///
    /// # Errors
    /// `Conflict` where it is not.
    pub(super) fn read(number: RequestNumber, bytes: &[u8], hash: &[u8]) -> Result<Self> {
        if digest(bytes).as_slice() != hash {
            return Err(not_what_was_asked(number));
        }
        serde_json::from_slice(bytes).map_err(Error::internal)
    }
}

pub(super) fn digest(document: &[u8]) -> [u8; 32] {
    Sha256::digest(document).into()
}

fn not_what_was_asked(number: RequestNumber) -> Error {
    Error::Conflict(format!(
        "request {number} is stored differently from what was asked, so nothing is done with it; ask again, and tell \
         whoever runs the database"
    ))
}

impl Request {
    /// Records an approval and moves to `Approved` with the last one needed.
    ///
    /// # Errors
    /// `Conflict` where it is decided already, where the approver saw something else, or where the approval would not
    /// count; `Invalid` where the approver belongs to none of the groups.
    pub fn approve(
        &mut self,
        person: PersonId,
        bindings: &[Binding],
        seen: &[u8; 32],
        now: OffsetDateTime,
    ) -> Result<()> {
        self.must_be_pending(now)?;
        if person == self.requester {
            return Err(Error::Conflict("nobody decides a request of their own".to_owned()));
        }
        if *seen != self.hash {
            return Err(Error::Conflict(format!(
                "request {} changed since you looked; look at it again and then decide",
                self.number
            )));
        }
        if self.approvals.iter().any(|approval| approval.person == person) {
            return Err(Error::Conflict("you have approved this already".to_owned()));
        }
        let stages = self.stages_of(bindings);
        if stages.is_empty() {
            return Err(Error::invalid("approval", "you belong to none of the groups that this request waits for"));
        }
        let before = self.counted();
        self.approvals.push(Approval { person, at: now, stages, hash: *seen });
        if self.counted() == before {
            self.approvals.pop();
            return Err(Error::Conflict(
                "your group has approved already; the request waits for another group".to_owned(),
            ));
        }
        if self.is_met() {
            self.state = RequestState::Approved;
            self.decided_at = Some(now);
        }
        Ok(())
    }

    /// # Errors
    /// `Conflict` where it is decided already; `Invalid` where the person belongs to none of the groups.
    pub fn decline(&mut self, person: PersonId, bindings: &[Binding], now: OffsetDateTime) -> Result<()> {
        self.must_be_pending(now)?;
        if person == self.requester {
            return Err(Error::Conflict("nobody decides a request of their own; withdraw it instead".to_owned()));
        }
        if self.stages_of(bindings).is_empty() {
            return Err(Error::invalid("approval", "you belong to none of the groups that this request waits for"));
        }
        self.end(RequestState::Declined, now);
        Ok(())
    }

    /// # Errors
    /// `Conflict` where it is decided already.
    pub fn withdraw(&mut self, now: OffsetDateTime) -> Result<()> {
        self.must_be_pending(now)?;
        self.end(RequestState::Withdrawn, now);
        Ok(())
    }

    /// # Errors
    /// `Conflict` where it is decided already or still has time.
    pub fn expire(&mut self, now: OffsetDateTime) -> Result<()> {
        if self.state != RequestState::Pending {
            return Err(self.decided());
        }
        if now < self.expires_at {
            return Err(Error::Conflict(format!("request {} still has time", self.number)));
        }
        self.end(RequestState::Expired, now);
        Ok(())
    }

    /// Records how carrying it out ended.
    ///
    /// # Errors
    /// `Conflict` where it is not approved.
    pub fn carried_out(&mut self, well: bool) -> Result<()> {
        if self.state != RequestState::Approved {
            return Err(self.decided());
        }
        self.state = if well { RequestState::Fulfilled } else { RequestState::Failed };
        Ok(())
    }

    /// Makes sure, before anything is carried out, that exactly this was approved.
    ///
    /// # Errors
    /// `Conflict` where it is not approved, or where an approval was given to something else.
    pub fn must_be_approved(&self) -> Result<()> {
        if self.state != RequestState::Approved {
            return Err(self.decided());
        }
        if !self.is_met() || self.approvals.iter().any(|approval| approval.hash != self.hash) {
            return Err(not_what_was_asked(self.number));
        }
        Ok(())
    }

    /// The stages whose groups somebody belongs to, by position.
    #[must_use]
    pub fn stages_of(&self, bindings: &[Binding]) -> Vec<usize> {
        (0..self.stages.len()).filter(|&stage| self.stages[stage].approvers.includes(bindings)).collect()
    }

    /// Whether every stage has its approvals.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.counted() == needed(&self.stages)
    }

    /// Which stages one more approval of their group would bring forward.
    #[must_use]
    pub fn open_stages(&self) -> Vec<bool> {
        let now = self.counted();
        let eligible = self.eligible();
        (0..self.stages.len())
            .map(|stage| {
                let mut with = eligible.clone();
                with.push(vec![stage]);
                assign(&self.stages, &with).iter().flatten().count() > now
            })
            .collect()
    }

    /// For each approval the stage that it counts for.
    #[must_use]
    pub fn counts_for(&self) -> Vec<Option<usize>> {
        assign(&self.stages, &self.eligible())
    }

    fn counted(&self) -> usize {
        self.counts_for().iter().flatten().count()
    }

    fn eligible(&self) -> Vec<Vec<usize>> {
        self.approvals.iter().map(|approval| approval.stages.clone()).collect()
    }

    fn must_be_pending(&self, now: OffsetDateTime) -> Result<()> {
        if self.state != RequestState::Pending {
            return Err(self.decided());
        }
        if now >= self.expires_at {
            return Err(Error::Conflict(format!("request {} expired before it was decided; ask again", self.number)));
        }
        Ok(())
    }

    fn decided(&self) -> Error {
        Error::Conflict(format!("request {} is {} already", self.number, self.state.as_str()))
    }

    fn end(&mut self, state: RequestState, now: OffsetDateTime) {
        self.state = state;
        self.decided_at = Some(now);
    }
}

/// How many approvals `stages` need in all.
pub(super) fn needed(stages: &[Stage]) -> usize {
    stages.iter().map(|stage| stage.needed as usize).sum()
}

/// Gives each person one of the stages that they can count for, so that as many count as possible: bipartite matching
/// by augmenting paths. The result has a stage or none for each person.
pub(super) fn assign(stages: &[Stage], people: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut taken: Vec<Vec<usize>> = vec![Vec::new(); stages.len()];
    for person in 0..people.len() {
        let mut tried = vec![false; stages.len()];
        place(person, stages, people, &mut taken, &mut tried);
    }
    let mut assigned = vec![None; people.len()];
    for (stage, holders) in taken.iter().enumerate() {
        for &person in holders {
            assigned[person] = Some(stage);
        }
    }
    assigned
}

/// Finds a stage for `person`, moving others where that makes room.
fn place(person: usize, stages: &[Stage], people: &[Vec<usize>], taken: &mut [Vec<usize>], tried: &mut [bool]) -> bool {
    for &stage in &people[person] {
        if std::mem::replace(&mut tried[stage], true) {
            continue;
        }
        if taken[stage].len() < stages[stage].needed as usize {
            taken[stage].push(person);
            return true;
        }
        for holder in 0..taken[stage].len() {
            if place(taken[stage][holder], stages, people, taken, tried) {
                taken[stage][holder] = person;
                return true;
            }
        }
    }
    false
}
