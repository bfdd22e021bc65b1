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

#[cfg(test)]
mod tests {
    use model::BindingId;
    use proptest::prelude::*;
    use time::{Duration, macros::datetime};
    use uuid::Uuid;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-02 09:00 UTC);

    fn team(n: u128) -> TeamId {
        TeamId(Uuid::from_u128(n))
    }

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(1_000 + n))
    }

    fn holds(role: RoleName, reach: Reach) -> Binding {
        Binding { id: BindingId(Uuid::nil()), role, reach }
    }

    fn lead(n: u128) -> Vec<Binding> {
        vec![holds(RoleName::TeamLead, Reach::Team(team(n)))]
    }

    fn champion() -> Vec<Binding> {
        vec![holds(RoleName::SecurityChampion, Reach::Organisation)]
    }

    fn leads(n: u128, needed: u32) -> Stage {
        Stage { approvers: Approvers::LeadsOf(team(n)), needed }
    }

    const CHAMPIONS: Stage = Stage { approvers: Approvers::ChampionsOf(None), needed: 1 };

    fn request(stages: &[Stage]) -> Request {
        let payload = crate::requests::AccessPayload {
            role: RoleName::Developer,
            reach: Reach::Team(team(1)),
            days: 7,
            title: "Developer for payments, 7 days".to_owned(),
            summary: Vec::new(),
        };
        Request {
            id: RequestId(Uuid::from_u128(7)),
            number: RequestNumber(7),
            payload: Payload::Access(payload),
            hash: [7; 32],
            stages: stages.to_vec(),
            approvals: Vec::new(),
            requester: person(0),
            owner: Some(team(1)),
            entity: None,
            reason: "on call".to_owned(),
            state: RequestState::Pending,
            created_at: NOW,
            expires_at: NOW + Duration::days(14),
            decided_at: None,
        }
    }

    fn refusal(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn every_group_has_to_approve_before_a_request_is_approved() {
        let mut request = request(&[leads(1, 2), CHAMPIONS]);
        request.approve(person(1), &lead(1), &[7; 32], NOW).unwrap();
        request.approve(person(2), &champion(), &[7; 32], NOW).unwrap();
        assert_eq!((request.state, request.open_stages()), (RequestState::Pending, vec![true, false]));
        assert!(request.must_be_approved().is_err());
        request.approve(person(3), &lead(1), &[7; 32], NOW).unwrap();
        assert_eq!((request.state, request.decided_at), (RequestState::Approved, Some(NOW)));
        request.must_be_approved().unwrap();
    }

    #[test]
    fn the_requester_never_counts_whatever_they_hold() {
        let mut request = request(&[leads(1, 1)]);
        assert!(refusal(request.approve(person(0), &lead(1), &[7; 32], NOW)).contains("their own"));
        assert!(refusal(request.decline(person(0), &lead(1), NOW)).contains("withdraw"));
    }

    #[test]
    fn a_person_counts_once_in_the_whole_request() {
        let mut request = request(&[leads(1, 1), CHAMPIONS]);
        let both = [lead(1), champion()].concat();
        request.approve(person(1), &both, &[7; 32], NOW).unwrap();
        assert!(refusal(request.approve(person(1), &both, &[7; 32], NOW)).contains("already"));
        assert_eq!(request.state, RequestState::Pending);
    }

    #[test]
    fn who_belongs_to_two_groups_counts_where_that_brings_the_request_furthest() {
        let both = [lead(1), champion()].concat();
        let mut one = request(&[leads(1, 1), CHAMPIONS]);
        one.approve(person(1), &both, &[7; 32], NOW).unwrap();
        assert_eq!(one.open_stages(), [true, true], "either group can still bring it forward");
        let mut other = one.clone();
        one.approve(person(2), &lead(1), &[7; 32], NOW).unwrap();
        other.approve(person(2), &champion(), &[7; 32], NOW).unwrap();
        assert_eq!((one.state, other.state), (RequestState::Approved, RequestState::Approved));
    }

    #[test]
    fn an_approval_that_brings_nothing_forward_is_refused() {
        let mut request = request(&[leads(1, 1), CHAMPIONS]);
        request.approve(person(1), &lead(1), &[7; 32], NOW).unwrap();
        assert!(refusal(request.approve(person(2), &lead(1), &[7; 32], NOW)).contains("another group"));
        assert_eq!(request.approvals.len(), 1);
        assert!(refusal(request.approve(person(3), &lead(2), &[7; 32], NOW)).contains("none of the groups"));
        assert!(refusal(request.decline(person(3), &lead(2), NOW)).contains("none of the groups"));
    }

    #[test]
    fn an_approval_of_something_else_is_refused() {
        let mut request = request(&[leads(1, 1)]);
        assert!(refusal(request.approve(person(1), &lead(1), &[8; 32], NOW)).contains("changed since you looked"));
        request.approve(person(1), &lead(1), &[7; 32], NOW).unwrap();
        request.hash = [8; 32];
        assert!(request.must_be_approved().is_err(), "approved was something else");
    }

    #[test]
    fn what_is_decided_stays_decided() {
        for state in RequestState::ALL.into_iter().filter(|state| *state != RequestState::Pending) {
            let decided = Request { state, ..request(&[leads(1, 1)]) };
            assert!(refusal(decided.clone().approve(person(1), &lead(1), &[7; 32], NOW)).contains(state.as_str()));
            assert!(decided.clone().decline(person(1), &lead(1), NOW).is_err());
            assert!(decided.clone().withdraw(NOW).is_err());
            assert!(decided.clone().expire(NOW + Duration::days(30)).is_err());
            assert_eq!(decided.clone().carried_out(true).is_ok(), state == RequestState::Approved);
        }
    }

    #[test]
    fn a_request_that_ran_out_of_time_is_not_approved_any_more() {
        let mut request = request(&[leads(1, 1)]);
        let late = NOW + Duration::days(14);
        assert!(refusal(request.expire(late - Duration::seconds(1))).contains("still has time"));
        assert!(refusal(request.approve(person(1), &lead(1), &[7; 32], late)).contains("expired"));
        request.expire(late).unwrap();
        assert_eq!(request.state, RequestState::Expired);
    }

    #[test]
    fn a_document_reads_back_as_itself_and_as_nothing_else() {
        let payload = crate::requests::EnvironmentPayload {
            template: "postgres".to_owned(),
            template_revision: "1".to_owned(),
            entity: EntityId(Uuid::nil()),
            parameters: serde_json::json!({ "b": 1.50, "a": "prüfung \u{1f980}\n", "size": 8 }),
            ttl_hours: 8,
            title: "PostgreSQL".to_owned(),
            summary: vec![("Size".to_owned(), "8 GiB".to_owned())],
        };
        let document = Document {
            v: 1,
            id: RequestId(Uuid::from_u128(7)),
            payload: Payload::Environment(payload),
            stages: vec![leads(1, 2), CHAMPIONS],
            requester: person(0),
            owner: Some(team(1)),
            entity: None,
            reason: "on call".to_owned(),
            created_at: NOW,
            expires_at: NOW + Duration::days(14),
        };
        let bytes = document.bytes().unwrap();
        let hash = digest(&bytes);
        let read = Document::read(RequestNumber(7), &bytes, &hash).unwrap();
        assert_eq!(read, document);
        assert_eq!(read.bytes().unwrap(), bytes, "canonical");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(matches!(Document::read(RequestNumber(7), &changed, &hash), Err(Error::Conflict(_))), "{place}");
        }
    }

    #[test]
    fn groups_are_those_who_hold_the_role_there() {
        let in_team = |role| vec![holds(role, Reach::Team(team(1)))];
        let on_entity = vec![holds(RoleName::TeamLead, Reach::Entity(EntityId(Uuid::nil())))];
        let (leads, members) = (Approvers::LeadsOf(team(1)), Approvers::MembersOf(team(1)));
        let (champions, any_champion) = (Approvers::ChampionsOf(Some(team(1))), Approvers::ChampionsOf(None));
        for (group, bindings, belongs) in [
            (leads, in_team(RoleName::TeamLead), true),
            (leads, in_team(RoleName::Developer), false),
            (leads, lead(2), false),
            (leads, on_entity, false),
            (leads, vec![holds(RoleName::PlatformAdministrator, Reach::Organisation)], false),
            (champions, in_team(RoleName::SecurityChampion), true),
            (champions, champion(), true),
            (any_champion, champion(), true),
            (any_champion, in_team(RoleName::SecurityChampion), false),
            (members, in_team(RoleName::Developer), true),
            (members, lead(2), false),
            (members, champion(), false),
        ] {
            assert_eq!(group.includes(&bindings), belongs, "{group:?} {bindings:?}");
        }
    }

    proptest! {
        /// Whoever approves in whatever order: as many count in the end as could count at all.
        #[test]
        fn the_order_of_approvals_does_not_matter(
            needed in prop::collection::vec(1..4_u32, 1..4),
            people in prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 0..9),
            order in any::<u64>(),
        ) {
            let stages: Vec<Stage> =
                needed.iter().zip(1..).map(|(needed, n)| leads(n, *needed)).collect();
            let bindings = |belongs: &[bool]| -> Vec<Binding> {
                belongs.iter().zip(1..).filter(|(belongs, _)| **belongs).flat_map(|(_, n)| lead(n)).collect()
            };
            let all: Vec<Vec<usize>> = people.iter().map(|p| request(&stages).stages_of(&bindings(p))).collect();
            let possible = assign(&stages, &all).iter().flatten().count();
            let mut shuffled: Vec<(usize, &Vec<bool>)> = people.iter().enumerate().collect();
            shuffled.sort_by_key(|(n, _)| (*n as u64 + 1).wrapping_mul(order | 1).rotate_left(17));
            let mut request = request(&stages);
            for (n, belongs) in shuffled {
                let approved = request.approve(person(n as u128 + 1), &bindings(belongs), &[7; 32], NOW);
                prop_assert!(approved.is_ok() || matches!(approved, Err(Error::Conflict(_) | Error::Invalid(_))));
            }
            prop_assert_eq!(request.counted(), possible);
            prop_assert_eq!(request.state == RequestState::Approved, possible == super::needed(&stages));
        }
    }
}
