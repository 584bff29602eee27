//! The operator's only clock: wall time at start plus monotonic time since then, so that an adjustment of the system
//! clock neither shortens nor lengthens a cooldown.

use decide::Time;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The operator's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Milliseconds since 1970 at `start`.
    start_millis: i64,
    start: Instant,
}

impl Clock {
    /// A clock that starts with the current wall time.
    pub fn start() -> Self {
        let start_millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        Self {
            start_millis: i64::try_from(start_millis).unwrap_or(i64::MAX),
            start: Instant::now(),
        }
    }

    /// The current time.
    pub fn now(&self) -> Time {
        self.at(Instant::now())
    }

    /// The wall time of `instant`.
    pub fn at(&self, instant: Instant) -> Time {
        let since = instant.saturating_duration_since(self.start).as_millis();
        Time(
            self.start_millis
                .saturating_add(i64::try_from(since).unwrap_or(i64::MAX)),
        )
    }

    /// The instant of `time`, for a timer.
    pub fn instant(&self, time: Time) -> Instant {
        let millis = u64::try_from(time.0.saturating_sub(self.start_millis)).unwrap_or(0);
        // At most a year, which is as good as never and cannot overflow.
        self.start + std::time::Duration::from_millis(millis.min(31_536_000_000))
    }
}
