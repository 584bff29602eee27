//! The facts of one look. Unknown is never zero, and what a queue system does not tell is not unknown.

/// One number that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Read, and true at the time of the look.
    Known(i64),
    /// It exists but could not be read this time: nothing may be lowered without it.
    Unavailable,
    /// This queue system has no such number: rules go on without it.
    Unsupported,
}

/// What one queue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueMetrics {
    /// Tasks that wait and could be taken now.
    pub ready: Metric,
    /// Delayed and scheduled tasks that will be ready within the look-ahead: at zero workers nobody else promotes them.
    pub due: Metric,
    /// Tasks that a worker holds.
    pub in_flight: Metric,
    /// Workers whose lease lives and that take tasks.
    pub live: Metric,
    /// Those of them that hold a task.
    pub busy: Metric,
    /// Sum of the live workers' CPU use, each in percent of its limit.
    pub cpu_sum: Metric,
    /// When the oldest ready task was pushed, in milliseconds since 1970 by the queue's own clock.
    pub oldest_at: Metric,
    /// Tasks ever pushed, counted by their producers.
    pub arrived: Metric,
    /// Tasks ever completed.
    pub processed: Metric,
    /// Tasks that failed for good.
    pub failed: Metric,
    /// Time spent on all completed tasks, in milliseconds.
    pub busy_millis: Metric,
}

impl QueueMetrics {
    /// A queue about which nothing could be read.
    pub const UNAVAILABLE: Self = Self::all(Metric::Unavailable);
    /// A queue system that tells nothing: the start of a sum, and of systems that tell little.
    pub const UNSUPPORTED: Self = Self::all(Metric::Unsupported);

    const fn all(fact: Metric) -> Self {
        Self {
            ready: fact,
            due: fact,
            in_flight: fact,
            live: fact,
            busy: fact,
            cpu_sum: fact,
            oldest_at: fact,
            arrived: fact,
            processed: fact,
            failed: fact,
            busy_millis: fact,
        }
    }
}

/// The sum over a pool's queues.
pub type Load = QueueMetrics;

/// Everything that one decision may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `spec.replicas` of the target.
    pub replicas: i32,
    /// The queues of the pool, in its order.
    pub queues: Vec<QueueMetrics>,
    /// Why facts are missing, where any are: one sentence without a full stop.
    pub unavailable_reason: Option<String>,
}

impl Observation {
    /// The sum over all queues.
    #[must_use]
    pub fn total(&self) -> Load {
        Load::sum(&self.queues)
    }
}

impl Metric {
    /// The number, where it is known.
    #[must_use]
    pub fn known(self) -> Option<i64> {
        match self {
            Self::Known(n) => Some(n),
            Self::Unavailable | Self::Unsupported => None,
        }
    }

    /// One missing part makes the whole missing; parts that are not told are left out of it.
    #[must_use]
    pub fn join(self, other: Self, how: fn(i64, i64) -> i64) -> Self {
        match (self, other) {
            (Self::Unavailable, _) | (_, Self::Unavailable) => Self::Unavailable,
            (Self::Unsupported, fact) | (fact, Self::Unsupported) => fact,
            (Self::Known(a), Self::Known(b)) => Self::Known(how(a, b)),
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.join(other, i64::saturating_add)
    }
}
