//! Many queues, one load: the pool's rules look at the sum.

use super::seen::{Fact, Load, QueueSeen};

impl Load {
    /// The sum over a pool's queues; of no queue at all nothing is told.
    #[must_use]
    pub fn sum<'a>(queues: impl IntoIterator<Item = &'a QueueSeen>) -> Self {
        let nothing = Self {
            ready: Fact::NotTold,
            in_flight: Fact::NotTold,
            live: Fact::NotTold,
            busy: Fact::NotTold,
            cpu_sum: Fact::NotTold,
        };
        queues.into_iter().fold(nothing, |sum, queue| Self {
            ready: sum.ready.plus(queue.ready),
            in_flight: sum.in_flight.plus(queue.in_flight),
            live: sum.live.plus(queue.live),
            busy: sum.busy.plus(queue.busy),
            cpu_sum: sum.cpu_sum.plus(queue.cpu_sum),
        })
    }
}
