//! The time and the randomness that the portal acts on, so that a test can set both.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Where "now" comes from. Clones share one clock.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn set_to(now: OffsetDateTime) -> Self {
        Self(Source::Set(Arc::new(Mutex::new(now))))
    }

    /// The time in UTC, in whole microseconds: what Postgres keeps.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub fn now(&self) -> OffsetDateTime {
        let now = match &self.0 {
            Source::System => OffsetDateTime::now_utc(),
            Source::Set(now) => *now.lock().expect("no holder of the clock panics"),
        };
        now.replace_nanosecond(now.microsecond() * 1000).expect("a microsecond has a thousand nanoseconds")
    }

    /// Moves a set clock; the system's clock cannot be moved.
    ///
    /// # Panics
    /// On the system's clock.
    pub fn advance(&self, by: Duration) {
        match &self.0 {
            Source::System => panic!("only a set clock can be moved"),
            Source::Set(now) => *now.lock().expect("no holder of the clock panics") += by,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Set(_) => "Clock(set)",
        })
    }
}

/// Where ids and secrets come from. Clones share one generator.
#[derive(Clone)]
pub struct Rng(Arc<Mutex<ChaCha20Rng>>);

impl Rng {
    /// Seeded by the operating system.
    #[must_use]
    pub fn from_os() -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::from_os_rng())))
    }

    /// The same sequence every time.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().expect("no holder of the generator panics").fill_bytes(&mut bytes);
        bytes
    }

    /// A UUIDv7 of this moment, so that ids sort in the order in which they were made.
    #[must_use]
    pub fn id<T: From<Uuid>>(&self, clock: &Clock) -> T {
        let ms = u64::try_from(clock.now().unix_timestamp_nanos() / 1_000_000).expect("the clock is past 1970");
        uuid::Builder::from_unix_timestamp_millis(ms, &self.bytes::<10>()).into_uuid().into()
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng")
    }
}
