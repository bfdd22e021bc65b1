//! The life of an environment: which event leads where, and when the portal looks again. Pure; the clock is given.

use model::EnvironmentState as State;
use time::{Duration, OffsetDateTime};

/// How often making an environment is tried before somebody has to decide.
const ATTEMPTS: i32 = 5;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::minutes(10);
/// People are told this long before the end, or at a quarter of a life that is short.
const WARNING: Duration = Duration::hours(24);

/// What changes in the course of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub state: State,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub ready_at: Option<OffsetDateTime>,
    pub warned_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
    /// Why the last attempt did not succeed.
    pub failure: Option<String>,
    /// How many attempts in a row did not succeed.
    pub attempts: i32,
    /// When the portal looks at it again by itself.
    pub due_at: Option<OffsetDateTime>,
}

/// What can happen to an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The provider made it and read it back.
    Provisioned,
    /// Making or removing it did not succeed this time.
    AttemptFailed(Failure),
    /// What it is made on may not be used at present, for this reason: it waits, which counts as no attempt.
    Held(String),
    /// Somebody wants it tried again.
    Retry,
    /// Its owner was told that it ends soon.
    Warned,
    /// A later end was approved.
    Extended(OffsetDateTime),
    /// Its time is over.
    Expired,
    /// Somebody ends it before its time.
    EndNow,
    /// The provider removed it, looked, and found nothing.
    VerifiedGone,
}

/// Why an attempt did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    /// Trying again without somebody's doing leads nowhere.
    pub lasting: bool,
}

/// The event does not fit the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is {}, so it cannot {cannot}", .state.label().to_lowercase())]
pub struct Misfit {
    pub state: State,
    pub cannot: &'static str,
}

impl Life {
    /// Approved at `now`, for `lifetime`.
    #[must_use]
    pub fn begin(now: OffsetDateTime, lifetime: Duration) -> Self {
        Self {
            state: State::Provisioning,
            created_at: now,
            expires_at: now + lifetime,
            ready_at: None,
            warned_at: None,
            ended_at: None,
            failure: None,
            attempts: 0,
            due_at: Some(now),
        }
    }

    /// The life after `event`.
    ///
    /// # Errors
    /// Where the event does not fit the state; then nothing changed.
    pub fn after(&self, event: &Event, now: OffsetDateTime) -> Result<Self, Misfit> {
        let misfit = |cannot| Err(Misfit { state: self.state, cannot });
        let mut life = self.clone();
        match (event, self.state) {
            (Event::Provisioned, State::Provisioning) => {
                life.enter(State::Ready);
                life.ready_at = Some(now);
                life.due_at = Some(life.warn_at());
            }
            (Event::AttemptFailed(failure), State::Provisioning | State::Ending) => {
                life.attempts += 1;
                life.failure = Some(failure.reason.clone());
                let gives_up = failure.lasting || life.attempts >= ATTEMPTS;
                if self.state == State::Provisioning && gives_up {
                    life.state = State::Failed;
                    life.due_at = Some(life.expires_at);
                } else {
                    // what was provisioned is never given up on while it may still be there
                    life.due_at = Some(now + wait_after(life.attempts));
                }
            }
            (Event::Held(reason), State::Provisioning | State::Ending) => life.failure = Some(reason.clone()),
            (Event::Retry, State::Failed) if now < self.expires_at => {
                life.enter(State::Provisioning);
                life.due_at = Some(now);
            }
            (Event::Retry, State::Ending) => life.due_at = Some(now),
            (Event::Warned, State::Ready) => {
                life.state = State::Expiring;
                life.warned_at = Some(now);
                life.due_at = Some(life.expires_at);
            }
            (Event::Extended(until), State::Ready | State::Expiring) if now < self.expires_at => {
                life.expires_at = *until;
                life.state = State::Ready;
                life.warned_at = None;
                life.due_at = Some(life.warn_at());
            }
            (Event::Expired, state) if now >= self.expires_at && state != State::Ended && state != State::Ending => {
                life.enter(State::Ending);
                life.due_at = Some(now);
            }
            (Event::EndNow, State::Provisioning | State::Ready | State::Expiring | State::Failed) => {
                life.enter(State::Ending);
                life.due_at = Some(now);
            }
            (Event::VerifiedGone, State::Ending) => {
                life.enter(State::Ended);
                life.ended_at = Some(now);
                life.due_at = None;
            }
            (Event::Provisioned, _) => return misfit("become ready"),
            (Event::AttemptFailed(_) | Event::Held(_), _) => return misfit("fail"),
            (Event::Retry, _) => return misfit("be tried again"),
            (Event::Warned | Event::Expired, _) => return misfit("expire"),
            (Event::Extended(_), _) => return misfit("be extended"),
            (Event::EndNow, _) => return misfit("be ended"),
            (Event::VerifiedGone, _) => return misfit("be gone"),
        }
        Ok(life)
    }

    /// What time alone brings about at `now`.
    #[must_use]
    pub fn falls_due(&self, now: OffsetDateTime) -> Option<Event> {
        match self.state {
            State::Ending | State::Ended => None,
            _ if now >= self.expires_at => Some(Event::Expired),
            State::Ready if now >= self.warn_at() => Some(Event::Warned),
            _ => None,
        }
    }

    /// When its owner is told that it ends soon.
    #[must_use]
    pub fn warn_at(&self) -> OffsetDateTime {
        self.expires_at - WARNING.min((self.expires_at - self.created_at) / 4)
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.failure = None;
        self.attempts = 0;
    }
}

/// 5 s, 20 s, 80 s, … up to ten minutes.
fn wait_after(attempts: i32) -> Duration {
    let exponent = u32::try_from(attempts - 1).unwrap_or_default().min(6);
    (Duration::seconds(5) * 4_i32.pow(exponent)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-02 09:00 UTC);

    fn after(life: &Life, event: Event, minutes: i64) -> Life {
        life.after(&event, NOW + Duration::minutes(minutes)).unwrap()
    }

    fn failure() -> Event {
        Event::AttemptFailed(Failure { reason: "no answer".to_owned(), lasting: false })
    }

    #[test]
    fn a_life_goes_from_approval_to_a_verified_end() {
        let life = Life::begin(NOW, Duration::hours(8));
        let life = after(&life, Event::Provisioned, 1);
        assert_eq!((life.state, life.due_at), (State::Ready, Some(NOW + Duration::hours(6))));
        assert_eq!(life.falls_due(NOW + Duration::hours(6)), Some(Event::Warned));
        let life = after(&life, Event::Warned, 360);
        assert_eq!(life.state, State::Expiring);
        let life = after(&life, Event::Expired, 480);
        assert_eq!((life.state, life.ended_at), (State::Ending, None));
        let life = after(&life, Event::VerifiedGone, 481);
        assert_eq!((life.state, life.due_at), (State::Ended, None));
    }

    #[test]
    fn an_extension_puts_the_warning_off_with_the_end() {
        let life = after(&Life::begin(NOW, Duration::hours(8)), Event::Provisioned, 1);
        let life = after(&life, Event::Warned, 360);
        let life = after(&life, Event::Extended(NOW + Duration::hours(100)), 400);
        assert_eq!((life.state, life.warned_at), (State::Ready, None));
        assert_eq!(life.due_at, Some(NOW + Duration::hours(76)), "a day before the end");
    }

    #[test]
    fn making_is_tried_five_times_and_then_somebody_decides() {
        let mut life = Life::begin(NOW, Duration::hours(8));
        for _ in 0..4 {
            life = after(&life, failure(), 1);
            assert_eq!(life.state, State::Provisioning);
        }
        life = after(&life, failure(), 1);
        assert_eq!((life.state, life.failure.as_deref()), (State::Failed, Some("no answer")));
        assert_eq!(after(&life, Event::Retry, 2).state, State::Provisioning);
        assert_eq!(after(&life, Event::EndNow, 2).state, State::Ending, "half of it may be there");
    }

    #[test]
    fn removing_is_never_given_up() {
        let mut life = after(&Life::begin(NOW, Duration::hours(8)), Event::EndNow, 1);
        for _ in 0..50 {
            life = after(&life, failure(), 1);
            assert_eq!(life.state, State::Ending);
            assert!(life.due_at.unwrap() <= NOW + Duration::minutes(11), "and soon enough");
        }
    }

    #[test]
    fn what_has_ended_stays_so() {
        let life = after(&Life::begin(NOW, Duration::hours(8)), Event::EndNow, 1);
        let life = after(&life, Event::VerifiedGone, 2);
        for event in [Event::Provisioned, Event::Retry, Event::EndNow, Event::Extended(NOW), Event::Expired, failure()]
        {
            assert!(life.after(&event, NOW + Duration::days(1)).is_err(), "{event:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_what_may_be_there_is_looked_at_again(events in prop::collection::vec(0..8, 0..40)) {
            let mut life = Life::begin(NOW, Duration::hours(8));
            let mut now = NOW;
            for event in events {
                now += Duration::minutes(17);
                let event = match event {
                    0 => Event::Provisioned,
                    1 => failure(),
                    2 => Event::Retry,
                    3 => Event::Warned,
                    4 => Event::Extended(life.expires_at + Duration::hours(1)),
                    5 => Event::Expired,
                    6 => Event::EndNow,
                    _ => Event::VerifiedGone,
                };
                life = life.after(&event, now).unwrap_or(life);
                prop_assert_eq!(life.due_at.is_none(), life.state == State::Ended);
                prop_assert_eq!(life.ended_at.is_some(), life.state == State::Ended);
            }
        }
    }
}
