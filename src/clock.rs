//! The only place that asks for the time. Everything else is given `now` or `today`.
//!
//! Instants are UTC; days are days in Asia/Shanghai, because agreements, deadlines and pay periods are.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::db::{Day, Instant};

/// A source of time: the system's, or one that stands still until it is moved (tests, demo, sandbox).
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system clock.
    System,
    /// A clock that only moves when told to; microseconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `instant`.
    #[must_use]
    pub fn fixed(instant: Instant) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(instant.as_micros())))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self {
            Self::System => Instant::from_timestamp(jiff::Timestamp::now()),
            Self::Fixed(micros) => Instant::from_micros(micros.load(Ordering::Acquire)),
        }
    }

    /// The present day in Asia/Shanghai.
    #[must_use]
    pub fn today(&self) -> Day {
        self.now().day()
    }

    /// Moves a fixed clock to `instant`; a system clock cannot be moved and says so with `false`.
    pub fn set(&self, instant: Instant) -> bool {
        match self {
            Self::System => false,
            Self::Fixed(micros) => {
                micros.store(instant.as_micros(), Ordering::Release);
                true
            }
        }
    }
}
