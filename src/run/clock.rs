//! The only `now()` of the operator: wall time at start plus monotonic time since, so that a clock that is set while
//! it runs neither shortens nor lengthens a cooldown.

use decide::Time;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The operator's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: i64,
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        Self {
            wall: i64::try_from(wall).unwrap_or(i64::MAX),
            start: Instant::now(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// The time of `instant`.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Time {
        let since = instant.saturating_duration_since(self.start).as_millis();
        Time(
            self.wall
                .saturating_add(i64::try_from(since).unwrap_or(i64::MAX)),
        )
    }

    /// When `time` will be, for a timer.
    #[must_use]
    pub fn instant(&self, time: Time) -> Instant {
        let ahead = u64::try_from(time.0.saturating_sub(self.wall)).unwrap_or(0);
        // A year is as good as never.
        self.start + std::time::Duration::from_millis(ahead.min(31_536_000_000))
    }
}
