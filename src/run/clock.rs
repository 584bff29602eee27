//! The operator's only clock: wall time at start plus the time that has passed since then, so that an adjustment of the
//! system clock neither shortens nor lengthens a cooldown.

use decide::Time;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Where the operator reads the time of day. The simulation has one of its own.
pub trait WallClock: Send + Sync {
    /// The current time of day.
    fn now(&self) -> Time;
}

/// The system's time of day.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Time {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        Time(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// The operator's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The time of day at `start`.
    start_time: Time,
    start: Instant,
}

impl Clock {
    /// A clock that starts with the time of day of `wall`.
    pub fn start(wall: &dyn WallClock) -> Self {
        Self {
            start_time: wall.now(),
            start: Instant::now(),
        }
    }

    /// The current time.
    pub fn now(&self) -> Time {
        let since = self.start.elapsed().as_millis();
        Time(
            self.start_time
                .0
                .saturating_add(i64::try_from(since).unwrap_or(i64::MAX)),
        )
    }

    /// The instant of `time`, for a timer.
    pub fn instant(&self, time: Time) -> Instant {
        let millis = u64::try_from(time.0.saturating_sub(self.start_time.0)).unwrap_or(0);
        // At most a year, which is as good as never and cannot overflow.
        self.start + Duration::from_millis(millis.min(31_536_000_000))
    }
}
