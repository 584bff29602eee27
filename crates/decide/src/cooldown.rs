//! Cooldowns: how long a number rests after a change.

use super::units::{Millis, Time};

/// When a change may come that must be `cooldown` after the `last` one, where that is later than `now`.
pub(super) fn ends(last: Option<Time>, cooldown: Millis, now: Time) -> Option<Time> {
    last.map(|last| last + cooldown)
        .filter(|until| *until > now)
}
