//! The clock. Expiry is compared with the wall clock; timers only wake tasks, and stop while the machine sleeps. So a
//! task that waits for a timer must also be woken when the clock has jumped.

use std::time::SystemTime;
use tokio::sync::watch;

mod jumps;

/// A clock.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's.
    Real,
    /// Follows tokio's (pausable) time from a fixed start, plus jumps that a test makes.
    #[cfg(feature = "fake-host")]
    Fake(std::sync::Arc<Fake>),
}

/// A clock that tests set.
#[cfg(feature = "fake-host")]
#[derive(Debug)]
pub struct Fake {
    origin: SystemTime,
    started: tokio::time::Instant,
    jump_seconds: std::sync::atomic::AtomicI64,
    jumps: watch::Sender<u64>,
}

impl Clock {
    /// The wall clock.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn now(&self) -> SystemTime {
        match self {
            Self::Real => SystemTime::now(),
            #[cfg(feature = "fake-host")]
            Self::Fake(fake) => fake.now(),
        }
    }

    /// Counts jumps of the clock from now on: it was set, or the machine woke up.
    pub fn jumps(&self) -> watch::Receiver<u64> {
        match self {
            Self::Real => jumps::follow(),
            #[cfg(feature = "fake-host")]
            Self::Fake(fake) => fake.jumps.subscribe(),
        }
    }

    /// A clock that starts at a fixed instant.
    #[cfg(feature = "fake-host")]
    pub fn fake() -> Self {
        let origin = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        let started = tokio::time::Instant::now();
        Self::Fake(std::sync::Arc::new(Fake {
            origin,
            started,
            jump_seconds: 0.into(),
            jumps: watch::Sender::default(),
        }))
    }

    /// Lets the wall clock jump without moving timers.
    #[cfg(feature = "fake-host")]
    pub fn jump(&self, seconds: i64) {
        if let Self::Fake(fake) = self {
            fake.jump_seconds.fetch_add(seconds, std::sync::atomic::Ordering::Relaxed);
            fake.jumps.send_modify(|count| *count += 1);
        }
    }
}

#[cfg(feature = "fake-host")]
impl Fake {
    fn now(&self) -> SystemTime {
        let steady = self.origin + self.started.elapsed();
        let jump = self.jump_seconds.load(std::sync::atomic::Ordering::Relaxed);
        let distance = std::time::Duration::from_secs(jump.unsigned_abs());
        if jump < 0 { steady - distance } else { steady + distance }
    }
}
