//! Waiting for what a test has set in motion.

use std::time::{Duration, Instant};

/// The longest wait for anything. Only what is broken takes this long.
pub const TIMEOUT: Duration = Duration::from_mins(2);

/// Polls every few milliseconds until `poll` returns a value; panics after [`TIMEOUT`].
#[track_caller]
pub fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {TIMEOUT:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The same until `is_so` returns true.
#[track_caller]
pub fn until_true(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, || is_so().then_some(()));
}
