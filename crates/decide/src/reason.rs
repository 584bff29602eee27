//! Why a decision came out as it did: a closed list of reason codes, and each reason with its data.

use crate::decision::Rule;
use crate::spec::Suspend;
use crate::units::{Millis, Time};
use std::fmt;
use std::sync::Arc;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// The closed list of reasons, each one word in CamelCase, as in Kubernetes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode { $($(#[doc = $doc])+ $name),+ }

        impl ReasonCode {
            /// All reasons, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in status, events and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What it means, for the reference documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

reasons! {
    /// No rule recommends a different replica count.
    WithinThresholds,
    /// More tasks wait than `scaleUp.queueLength`: workers were added.
    QueueTooLong,
    /// A larger share of the workers is busy than `scaleUp.utilizationPercent`: workers were added.
    WorkersBusy,
    /// The workers' mean CPU use is above `scaleUp.cpuPercent`: workers were added.
    HighCPU,
    /// There are more tasks than `target.tasksPerWorker` for each worker: workers were added.
    TasksPerWorker,
    /// More workers are needed to finish waiting and arriving tasks within `target.drainWithin`: workers were added.
    DrainWithin,
    /// The oldest task would wait longer than `target.maxWait`: workers were added.
    MaxWait,
    /// A task waits and there was no worker: the first one was added.
    ScaledFromZero,
    /// All conditions of `scaleDown` were met for `idleFor`: workers were removed.
    Idle,
    /// Fewer workers are enough for the target: workers were removed.
    FewerNeeded,
    /// Fewer workers are enough, but not for long enough yet: `idleFor`, or the idle timer of a target, is running.
    IdleWait,
    /// Fewer workers are enough for the target, but the conditions of `scaleDown` are not met.
    NotIdle,
    /// A rule recommends a different replica count, and a cooldown is running.
    CoolingDown,
    /// A rule recommends a different replica count, but not yet for a whole stabilization window of `behavior`.
    Stabilized,
    /// A rule recommends a different replica count, and the policies of `behavior` allow a smaller change for now.
    RateLimited,
    /// A rule recommends more workers than `maxReplicas`.
    AtMax,
    /// An active schedule requires more workers than the rules recommend.
    Scheduled,
    /// There were fewer replicas than `minReplicas`.
    TooFewReplicas,
    /// There were more replicas than `maxReplicas`.
    TooManyReplicas,
    /// Fewer workers are enough, but the others hold tasks.
    BusyWorkers,
    /// Fewer workers are enough: the selected workers claim no more tasks, and are removed once they have finished theirs.
    ScalingDown,
    /// A metric that a rule needs cannot be read: no scale-down.
    Unknown,
    /// Metrics have been unavailable for `onUnknown.after`: at least `onUnknown.replicas` run.
    Fallback,
    /// `spec.replicas` sets the replica count.
    Pinned,
    /// `spec.suspend` is set: nothing is changed.
    Suspended,
    /// `spec.dryRun` is set: nothing is written.
    DryRun,
    /// Another client changed the target's replicas; they were set back.
    TargetChanged,
    /// The target does not exist.
    TargetMissing,
    /// Something else scales this target: an older `WorkerPool` or a `HorizontalPodAutoscaler`.
    TargetConflict,
    /// The target's scale could not be written.
    WriteFailed,
    /// The pool's spec is not valid.
    InvalidSpec,
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule that decided, with its metric and its threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The rule.
    pub rule: Rule,
    /// The metric, in the rule's unit.
    pub value: i64,
    /// The threshold or target, in the rule's unit.
    pub threshold: i64,
    /// The name of the queue, where the rule belongs to one queue.
    pub queue: Option<Arc<str>>,
}

impl Trigger {
    fn code(&self) -> ReasonCode {
        match self.rule {
            Rule::QueueLength => ReasonCode::QueueTooLong,
            Rule::Utilization => ReasonCode::WorkersBusy,
            Rule::Cpu => ReasonCode::HighCPU,
            Rule::TasksPerWorker => ReasonCode::TasksPerWorker,
            Rule::DrainWithin => ReasonCode::DrainWithin,
            Rule::MaxWait => ReasonCode::MaxWait,
        }
    }
}

/// A reason with the data of its message. It contains instants, never ages: the message stays true until the reason changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// [`ReasonCode::WithinThresholds`].
    WithinThresholds,
    /// The reason of the rule: [`ReasonCode::QueueTooLong`] to [`ReasonCode::MaxWait`].
    ScaleUp(Trigger),
    /// [`ReasonCode::ScaledFromZero`], with the number of tasks that wait.
    ScaledFromZero(i64),
    /// [`ReasonCode::Idle`], with how long.
    Idle(Millis),
    /// [`ReasonCode::IdleWait`] by the timer of `scaleDown`.
    IdleWait {
        /// Since when all conditions are met.
        since: Time,
        /// When the next scale-down is due.
        until: Time,
        /// The replicas after it.
        recommended: i32,
    },
    /// [`ReasonCode::CoolingDown`] before a scale-up.
    ScaleUpCooldown {
        /// The rule that recommends more.
        trigger: Trigger,
        /// When the cooldown ends.
        until: Time,
        /// The recommended replicas.
        recommended: i32,
    },
    /// [`ReasonCode::CoolingDown`] before a scale-down.
    ScaleDownCooldown {
        /// When the cooldown ends.
        until: Time,
        /// The recommended replicas.
        recommended: i32,
    },
    /// [`ReasonCode::FewerNeeded`], with the target.
    FewerNeeded(Trigger),
    /// [`ReasonCode::NotIdle`].
    NotIdle {
        /// The replicas that are enough for the target.
        recommended: i32,
    },
    /// [`ReasonCode::IdleWait`] where a target retains workers that were busy recently.
    RecentlyBusy {
        /// The earliest instant of a change.
        until: Time,
        /// The replicas that are enough for the target.
        recommended: i32,
    },
    /// [`ReasonCode::CoolingDown`] between two small changes of a target.
    Dampened {
        /// When the cooldown ends.
        until: Time,
        /// The recommended replicas.
        recommended: i32,
    },
    /// [`ReasonCode::Stabilized`].
    Stabilized {
        /// The recommended replicas.
        recommended: i32,
        /// When the recommendation that holds it leaves the window.
        until: Option<Time>,
    },
    /// [`ReasonCode::RateLimited`].
    RateLimited {
        /// The recommended replicas.
        recommended: i32,
        /// When the policies may allow more of a change.
        until: Option<Time>,
    },
    /// [`ReasonCode::Scheduled`].
    Scheduled {
        /// The name of the schedule.
        name: Arc<str>,
        /// The end of its window.
        until: Time,
        /// Its minimum replicas.
        min: i32,
    },
    /// [`ReasonCode::AtMax`], with the rule that recommends more.
    AtMax(Trigger),
    /// [`ReasonCode::TooFewReplicas`], with the minimum.
    TooFewReplicas(i32),
    /// [`ReasonCode::TooManyReplicas`], with the maximum.
    TooManyReplicas(i32),
    /// [`ReasonCode::BusyWorkers`].
    BusyWorkers {
        /// How many workers hold tasks.
        busy: i32,
        /// The recommended replicas.
        recommended: i32,
    },
    /// [`ReasonCode::Unknown`], with what failed and since when.
    Unknown(String, Time),
    /// [`ReasonCode::Fallback`], with since when metrics are unavailable.
    Fallback(Time),
    /// [`ReasonCode::Pinned`], with when the pin ends automatically.
    Pinned(Option<Time>),
    /// [`ReasonCode::Suspended`], with by whom and until when.
    Suspended(Suspend),
    /// [`ReasonCode::DryRun`], with the decision that was not written.
    DryRun {
        /// The replicas that would have been written.
        replicas: i32,
        /// Why.
        reason: Box<Reason>,
    },
    /// [`ReasonCode::TargetChanged`], with the replicas that another client set.
    TargetChanged(i32),
}

impl Reason {
    /// The reason's code in the closed list.
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::WithinThresholds => ReasonCode::WithinThresholds,
            Self::ScaleUp(trigger) => trigger.code(),
            Self::ScaledFromZero(_) => ReasonCode::ScaledFromZero,
            Self::Idle(_) => ReasonCode::Idle,
            Self::FewerNeeded(_) => ReasonCode::FewerNeeded,
            Self::NotIdle { .. } => ReasonCode::NotIdle,
            Self::IdleWait { .. } | Self::RecentlyBusy { .. } => ReasonCode::IdleWait,
            Self::ScaleUpCooldown { .. }
            | Self::ScaleDownCooldown { .. }
            | Self::Dampened { .. } => ReasonCode::CoolingDown,
            Self::Stabilized { .. } => ReasonCode::Stabilized,
            Self::RateLimited { .. } => ReasonCode::RateLimited,
            Self::Scheduled { .. } => ReasonCode::Scheduled,
            Self::AtMax(_) => ReasonCode::AtMax,
            Self::TooFewReplicas(_) => ReasonCode::TooFewReplicas,
            Self::TooManyReplicas(_) => ReasonCode::TooManyReplicas,
            Self::BusyWorkers { .. } => ReasonCode::BusyWorkers,
            Self::Unknown(..) => ReasonCode::Unknown,
            Self::Fallback(_) => ReasonCode::Fallback,
            Self::Pinned(..) => ReasonCode::Pinned,
            Self::Suspended(_) => ReasonCode::Suspended,
            Self::DryRun { .. } => ReasonCode::DryRun,
            Self::TargetChanged(_) => ReasonCode::TargetChanged,
        }
    }
}
