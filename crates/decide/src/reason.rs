//! The closed list of reasons, each with its one sentence: status, events, metrics and every screen use these words.

use super::decision::Rule;
use super::units::{Millis, Time};
use crate::spec::Suspend;
use std::fmt;
use std::sync::Arc;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// Why the number is what it is. One word each, CamelCase, as Kubernetes writes reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ReasonCode { $($(#[doc = $doc])+ $name),+ }

        impl ReasonCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word that people and machines see.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// What it means, for the reference documentation.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

reasons! {
    /// No rule asks for another number.
    WithinThresholds,
    /// More tasks wait than `scaleUp.queueLength`: workers were added.
    QueueTooLong,
    /// A larger share of the workers is busy than `scaleUp.utilizationPercent`: workers were added.
    WorkersBusy,
    /// The workers' mean CPU use is above `scaleUp.cpuPercent`: workers were added.
    HighCPU,
    /// There are more tasks than `target.tasksPerWorker` for each worker: workers were added.
    TasksPerWorker,
    /// More workers are needed to finish what waits and what arrives within `target.drainWithin`: workers were added.
    DrainWithin,
    /// The oldest task would wait longer than `target.maxWait`: workers were added.
    MaxWait,
    /// A task waits and there was no worker: the first one was added.
    ScaledFromZero,
    /// All conditions of `scaleDown` held for `idleFor`: workers were removed.
    Idle,
    /// Fewer workers are enough for the target: workers were removed.
    FewerNeeded,
    /// Fewer workers are enough, but not for long enough yet: `idleFor`, or the idle timer of a target, is running.
    IdleWait,
    /// Fewer workers are enough for the target, but the conditions of `scaleDown` do not hold.
    NotIdle,
    /// A rule asks for another number, and a cooldown is running.
    CoolingDown,
    /// A rule asks for another number, but did not for the whole of a stabilization window of `behavior`.
    Stabilized,
    /// A rule asks for another number, and the policies of `behavior` allow less of a change for now.
    RateLimited,
    /// A rule asks for more than `maxReplicas`.
    AtMax,
    /// A schedule is active and asks for at least so many workers.
    Scheduled,
    /// The number was below `minReplicas`.
    TooFewReplicas,
    /// The number was above `maxReplicas`.
    TooManyReplicas,
    /// Fewer are wanted, but these workers hold tasks.
    BusyWorkers,
    /// Fewer are wanted: those that will go take no more tasks, and they are removed when they have finished theirs.
    ScalingDown,
    /// A fact that a rule needs cannot be read: nothing is lowered.
    Unknown,
    /// Facts have been missing for `onUnknown.after`: at least `onUnknown.replicas` run.
    Fallback,
    /// `spec.replicas` holds the number.
    Pinned,
    /// `spec.suspend` is set: nothing is changed.
    Suspended,
    /// `spec.dryRun` is set: nothing is written.
    DryRun,
    /// Somebody else changed the target's replicas; they were set back.
    TargetChanged,
    /// The target does not exist.
    TargetMissing,
    /// Something else scales this target: an older `WorkerPool` or a `HorizontalPodAutoscaler`.
    TargetConflict,
    /// The target's scale could not be written.
    WriteFailed,
    /// The pool's own specification cannot work.
    InvalidSpec,
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule that spoke, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Which rule.
    pub rule: Rule,
    /// The fact, in the rule's unit.
    pub value: i64,
    /// The threshold or target, in the rule's unit.
    pub threshold: i64,
    /// The queue, where the rule is its own.
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

/// A reason with what its sentence needs. It holds instants, never ages: a sentence stays true until it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// [`ReasonCode::WithinThresholds`]
    WithinThresholds,
    /// The reason of the rule: [`ReasonCode::QueueTooLong`] to [`ReasonCode::MaxWait`]
    ScaleUp(Trigger),
    /// [`ReasonCode::ScaledFromZero`] with how many tasks wait
    ScaledFromZero(i64),
    /// [`ReasonCode::Idle`]
    Idle(Millis),
    /// [`ReasonCode::IdleWait`]
    IdleWait {
        /// Since when all conditions hold.
        since: Time,
        /// When the next step down is due.
        until: Time,
        /// What it will be.
        wants: i32,
    },
    /// [`ReasonCode::CoolingDown`] after a scale-up
    ScaleUpCooldown {
        /// The rule that asks for more.
        cause: Trigger,
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`ReasonCode::CoolingDown`] before a scale-down
    ScaleDownCooldown {
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`ReasonCode::FewerNeeded`]
    FewerNeeded(Trigger),
    /// [`ReasonCode::NotIdle`] with how many would be enough
    NotIdle {
        /// How many workers would be enough.
        wants: i32,
    },
    /// [`ReasonCode::IdleWait`] where a target keeps workers that were busy of late
    RecentlyBusy {
        /// The earliest instant of a change.
        until: Time,
        /// How many workers are enough.
        wants: i32,
    },
    /// [`ReasonCode::CoolingDown`] between two small changes of a target
    Pacing {
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`ReasonCode::Stabilized`]
    Stabilized {
        /// What is asked for now.
        wants: i32,
        /// When the answer that holds it leaves the window.
        until: Option<Time>,
    },
    /// [`ReasonCode::RateLimited`]
    RateLimited {
        /// What is asked for.
        wants: i32,
        /// When the policies allow more.
        until: Option<Time>,
    },
    /// [`ReasonCode::Scheduled`]
    Scheduled {
        /// The schedule.
        name: Arc<str>,
        /// Its end.
        until: Time,
        /// Its least number of workers.
        least: i32,
    },
    /// [`ReasonCode::AtMax`]
    AtMax(Trigger),
    /// [`ReasonCode::TooFewReplicas`]
    TooFewReplicas(i32),
    /// [`ReasonCode::TooManyReplicas`]
    TooManyReplicas(i32),
    /// [`ReasonCode::BusyWorkers`]
    BusyWorkers {
        /// How many hold tasks.
        busy: i32,
        /// What was asked for.
        wants: i32,
    },
    /// [`ReasonCode::Unknown`] with the sentence of the place that failed and since when
    Unknown(String, Time),
    /// [`ReasonCode::Fallback`] with since when facts are missing
    Fallback(Time),
    /// [`ReasonCode::Pinned`] and when it ends by itself
    Pinned(Option<Time>),
    /// [`ReasonCode::Suspended`], by whom and until when
    Suspended(Suspend),
    /// [`ReasonCode::DryRun`] with what would have been
    DryRun {
        /// The number that would have been written.
        would: i32,
        /// Why.
        why: Box<Reason>,
    },
    /// [`ReasonCode::TargetChanged`] with what was found
    TargetChanged(i32),
}

impl Reason {
    /// The word of the closed list.
    #[must_use]
    pub fn code(&self) -> ReasonCode {
        match self {
            Self::WithinThresholds => ReasonCode::WithinThresholds,
            Self::ScaleUp(cause) => cause.code(),
            Self::Idle(_) => ReasonCode::Idle,
            Self::ScaledFromZero(_) => ReasonCode::ScaledFromZero,
            Self::FewerNeeded(_) => ReasonCode::FewerNeeded,
            Self::NotIdle { .. } => ReasonCode::NotIdle,
            Self::IdleWait { .. } | Self::RecentlyBusy { .. } => ReasonCode::IdleWait,
            Self::ScaleUpCooldown { .. } | Self::ScaleDownCooldown { .. } | Self::Pacing { .. } => {
                ReasonCode::CoolingDown
            }
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
