//! The operator's only clock. It counts the time that passes, a suspended machine's included, so that no adjustment of
//! the system clock shortens or lengthens a cooldown; and it follows the time of day, for schedules and pins.

use decide::{Millis, Time};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A smaller difference between the clock and the time of day is no step: clocks are slewed all the time.
const STEP: Millis = Millis::seconds(1);

/// Where the operator reads the time. The simulation has a source of its own.
pub trait TimeSource: Send + Sync {
    /// The time of day.
    fn wall(&self) -> Time;
    /// The time since some instant. It counts while the machine is suspended, and no one can adjust it.
    fn uptime(&self) -> Duration;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemTimeSource {
    start: Instant,
}

impl SystemTimeSource {
    /// The system's clocks; without a clock that counts while suspended, time counts from here.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl TimeSource for SystemTimeSource {
    fn wall(&self) -> Time {
        Time(Timestamp::now().as_millisecond())
    }

    fn uptime(&self) -> Duration {
        boot_time().unwrap_or_else(|| self.start.elapsed())
    }
}

/// The time since the machine started. Linux's monotonic clock stops while the machine is suspended, this one does not.
#[cfg(target_os = "linux")]
fn boot_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(not(target_os = "linux"))]
fn boot_time() -> Option<Duration> {
    None
}

/// The operator's clock.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
    /// The time of day at which the uptime would have been zero.
    epoch: Time,
}

impl Clock {
    /// A clock that starts with the time of day of `source`.
    pub fn start(source: Arc<dyn TimeSource>) -> Self {
        Self {
            epoch: epoch(&*source),
            source,
        }
    }

    /// The current time.
    pub fn now(&self) -> Time {
        self.epoch + uptime(&*self.source)
    }

    /// Follows the time of day. Returns how far it was set forward or back, if it was: instants that are remembered must
    /// move with it.
    pub fn follow(&mut self) -> Option<Millis> {
        let epoch = epoch(&*self.source);
        let step = epoch - self.epoch;
        if step.0.abs() < STEP.0 {
            return None;
        }
        self.epoch = epoch;
        Some(step)
    }

    /// The instant of `time`, for a timer.
    pub fn instant(&self, time: Time) -> Instant {
        let millis = u64::try_from((time - self.now()).0).unwrap_or(0);
        // At most a year, which is as good as never and cannot overflow.
        Instant::now() + Duration::from_millis(millis.min(31_536_000_000))
    }
}

fn uptime(source: &dyn TimeSource) -> Millis {
    Millis(i64::try_from(source.uptime().as_millis()).unwrap_or(i64::MAX))
}

fn epoch(source: &dyn TimeSource) -> Time {
    Time(source.wall().0 - uptime(source).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A time of day and an uptime, in milliseconds.
    struct Scripted(Mutex<(i64, u64)>);

    impl TimeSource for Scripted {
        fn wall(&self) -> Time {
            Time(self.0.lock().expect("no panic").0)
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(self.0.lock().expect("no panic").1)
        }
    }

    #[test]
    fn steps_are_followed_and_slews_are_not() {
        let source = Arc::new(Scripted(Mutex::new((1_000_000, 500))));
        let mut clock = Clock::start(source.clone());
        let mut at = |wall, uptime| {
            *source.0.lock().expect("no panic") = (wall, uptime);
            (clock.follow(), clock.now())
        };
        assert_eq!(at(1_000_400, 900), (None, Time(1_000_400)));
        assert_eq!(at(1_001_399, 900), (None, Time(1_000_400)), "slewed");
        let forward = (Some(Millis(1_000)), Time(1_001_400));
        assert_eq!(at(1_001_400, 900), forward);
        assert_eq!(at(1_001_500, 1_000), (None, Time(1_001_500)));
        let back = (Some(Millis(-900_000)), Time(101_500));
        assert_eq!(at(101_500, 1_000), back);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_uptime_is_that_of_the_machine() {
        let text = std::fs::read_to_string("/proc/uptime").expect("/proc/uptime");
        let seconds: f64 = text
            .split(' ')
            .next()
            .expect("a number")
            .parse()
            .expect("one");
        let uptime = SystemTimeSource::start().uptime().as_secs_f64();
        assert!(
            (0.0..60.0).contains(&(uptime - seconds)),
            "{uptime} after {seconds}"
        );
    }

    /// A time namespace stands for a machine that was suspended: its monotonic clock did not count that time.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_suspended_machines_uptime_counts() {
        let program = std::env::current_exe().expect("this program");
        let suspended = ["-Ur", "--time", "--boottime", "1000000", "--fork"];
        let test = "run::clock::tests::the_uptime_is_that_of_the_machine";
        let mut command = std::process::Command::new("unshare");
        let output = command
            .args(suspended)
            .arg(program)
            .args(["--exact", test])
            .output();
        // Not every machine lets a user make namespaces; a failed test ends with 101.
        if let Ok(output) = output {
            let text = String::from_utf8_lossy(&output.stdout);
            assert_ne!(output.status.code(), Some(101), "{text}");
        }
    }
}
