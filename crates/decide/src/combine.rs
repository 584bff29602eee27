//! Many queues, one load: the pool's rules look at the sum.

use crate::observation::{Load, QueueMetrics};

impl Load {
    /// The sum over a pool's queues (of the oldest tasks, the oldest); of no queue at all nothing is told.
    #[must_use]
    pub fn sum<'a>(queues: impl IntoIterator<Item = &'a QueueMetrics>) -> Self {
        queues
            .into_iter()
            .fold(Self::UNSUPPORTED, |sum, queue| Self {
                ready: sum.ready.plus(queue.ready),
                due: sum.due.plus(queue.due),
                in_flight: sum.in_flight.plus(queue.in_flight),
                live: sum.live.plus(queue.live),
                busy: sum.busy.plus(queue.busy),
                cpu_sum: sum.cpu_sum.plus(queue.cpu_sum),
                oldest_at: sum.oldest_at.join(queue.oldest_at, i64::min),
                arrived: sum.arrived.plus(queue.arrived),
                processed: sum.processed.plus(queue.processed),
                failed: sum.failed.plus(queue.failed),
                busy_millis: sum.busy_millis.plus(queue.busy_millis),
            })
    }
}
