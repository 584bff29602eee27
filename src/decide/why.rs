//! The closed list of reasons, each with its one sentence: status, events, metrics and every screen use these words.

use super::decision::Rule;
use super::pool::Suspend;
use super::units::{Millis, Time};
use std::fmt;
use std::sync::Arc;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// Why the number is what it is. One word each, CamelCase, as Kubernetes writes reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[doc = $doc])+ $name),+ }

        impl Reason {
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
    Steady,
    /// More tasks wait than `scaleUp.queueLength`: workers were added.
    QueueTooLong,
    /// A larger share of the workers is busy than `scaleUp.utilizationPercent`: workers were added.
    WorkersBusy,
    /// The workers' mean CPU use is above `scaleUp.cpuPercent`: workers were added.
    CpuHigh,
    /// There are more tasks than `target.tasksPerWorker` for each worker: workers were added.
    TasksPerWorker,
    /// More workers are needed to finish what waits and what arrives within `target.drainWithin`: workers were added.
    DrainWithin,
    /// The oldest task would wait longer than `target.maxWait`: workers were added.
    MaxWait,
    /// A task waits and there was no worker: the first one was added.
    Woken,
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
    BelowMin,
    /// The number was above `maxReplicas`.
    AboveMax,
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule that spoke, with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Which rule.
    pub rule: Rule,
    /// The fact, in the rule's unit.
    pub value: i64,
    /// The threshold or target, in the rule's unit.
    pub limit: i64,
    /// The queue, where the rule is its own.
    pub of: Option<Arc<str>>,
}

impl Cause {
    fn reason(&self) -> Reason {
        match self.rule {
            Rule::QueueLength => Reason::QueueTooLong,
            Rule::Utilization => Reason::WorkersBusy,
            Rule::Cpu => Reason::CpuHigh,
            Rule::TasksPerWorker => Reason::TasksPerWorker,
            Rule::DrainWithin => Reason::DrainWithin,
            Rule::MaxWait => Reason::MaxWait,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            value,
            limit,
            of,
        } = self;
        if let Some(queue) = of {
            write!(f, "queue {queue}: ")?;
        }
        let limit_span = Millis(*limit);
        match rule {
            Rule::QueueLength if *value == 1 => write!(f, "1 task waits, more than {limit}"),
            Rule::QueueLength => write!(f, "{value} tasks wait, more than {limit}"),
            Rule::Utilization => {
                write!(f, "{value} % of the workers are busy, more than {limit} %")
            }
            Rule::Cpu => write!(f, "the workers use {value} % CPU, more than {limit} %"),
            Rule::TasksPerWorker if *value == 1 => write!(f, "1 task, {limit} for each worker"),
            Rule::TasksPerWorker => write!(f, "{value} tasks, {limit} for each worker"),
            Rule::DrainWithin if *value == 0 => {
                write!(
                    f,
                    "no task waits, and what arrives is to be done within {limit_span}"
                )
            }
            Rule::DrainWithin if *value == 1 => {
                write!(f, "1 task waits, to be done within {limit_span}")
            }
            Rule::DrainWithin => write!(f, "{value} tasks wait, to be done within {limit_span}"),
            Rule::MaxWait => {
                let waited = Millis(value / 1000 * 1000);
                write!(
                    f,
                    "the oldest task has waited {waited}, {limit_span} at most are wanted"
                )
            }
        }
    }
}

/// A reason with what its sentence needs. It holds instants, never ages: a sentence stays true until it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// [`Reason::Steady`]
    Steady,
    /// The reason of the rule: [`Reason::QueueTooLong`] to [`Reason::MaxWait`]
    Up(Cause),
    /// [`Reason::Woken`] with how many tasks wait
    Woken(i64),
    /// [`Reason::Idle`]
    Idle(Millis),
    /// [`Reason::IdleWait`]
    IdleWait {
        /// Since when all conditions hold.
        since: Time,
        /// When the next step down is due.
        until: Time,
        /// What it will be.
        wants: i32,
    },
    /// [`Reason::CoolingDown`] after a scale-up
    CoolingUp {
        /// The rule that asks for more.
        cause: Cause,
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`Reason::CoolingDown`] before a scale-down
    CoolingDown {
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`Reason::FewerNeeded`]
    Fewer(Cause),
    /// [`Reason::NotIdle`] with how many would be enough
    NotIdle {
        /// How many workers would be enough.
        wants: i32,
    },
    /// [`Reason::IdleWait`] where a target keeps workers that were busy of late
    RecentlyBusy {
        /// The earliest instant of a change.
        until: Time,
        /// How many workers are enough.
        wants: i32,
    },
    /// [`Reason::CoolingDown`] between two small changes of a target
    Pacing {
        /// When it may.
        until: Time,
        /// What it asks for.
        wants: i32,
    },
    /// [`Reason::Stabilized`]
    Stabilized {
        /// What is asked for now.
        wants: i32,
        /// When the answer that holds it leaves the window.
        until: Option<Time>,
    },
    /// [`Reason::RateLimited`]
    RateLimited {
        /// What is asked for.
        wants: i32,
        /// When the policies allow more.
        until: Option<Time>,
    },
    /// [`Reason::Scheduled`]
    Scheduled {
        /// The schedule.
        name: Arc<str>,
        /// Its end.
        until: Time,
        /// Its least number of workers.
        least: i32,
    },
    /// [`Reason::AtMax`]
    AtMax(Cause),
    /// [`Reason::BelowMin`]
    BelowMin(i32),
    /// [`Reason::AboveMax`]
    AboveMax(i32),
    /// [`Reason::BusyWorkers`]
    Busy {
        /// How many hold tasks.
        busy: i32,
        /// What was asked for.
        wants: i32,
    },
    /// [`Reason::Unknown`] with the sentence of the place that failed and since when
    Unknown(String, Time),
    /// [`Reason::Fallback`] with since when facts are missing
    Fallback(Time),
    /// [`Reason::Pinned`] and when it ends by itself
    Pinned(Option<Time>),
    /// [`Reason::Suspended`], by whom and until when
    Suspended(Suspend),
    /// [`Reason::DryRun`] with what would have been
    DryRun {
        /// The number that would have been written.
        would: i32,
        /// Why.
        why: Box<Why>,
    },
    /// [`Reason::TargetChanged`] with what was found
    TargetChanged(i32),
}

impl Why {
    /// The word of the closed list.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Steady => Reason::Steady,
            Self::Up(cause) => cause.reason(),
            Self::Idle(_) => Reason::Idle,
            Self::Woken(_) => Reason::Woken,
            Self::Fewer(_) => Reason::FewerNeeded,
            Self::NotIdle { .. } => Reason::NotIdle,
            Self::IdleWait { .. } | Self::RecentlyBusy { .. } => Reason::IdleWait,
            Self::CoolingUp { .. } | Self::CoolingDown { .. } | Self::Pacing { .. } => {
                Reason::CoolingDown
            }
            Self::Stabilized { .. } => Reason::Stabilized,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::Scheduled { .. } => Reason::Scheduled,
            Self::AtMax(_) => Reason::AtMax,
            Self::BelowMin(_) => Reason::BelowMin,
            Self::AboveMax(_) => Reason::AboveMax,
            Self::Busy { .. } => Reason::BusyWorkers,
            Self::Unknown(..) => Reason::Unknown,
            Self::Fallback(_) => Reason::Fallback,
            Self::Pinned(..) => Reason::Pinned,
            Self::Suspended(_) => Reason::Suspended,
            Self::DryRun { .. } => Reason::DryRun,
            Self::TargetChanged(_) => Reason::TargetChanged,
        }
    }

    /// The plain sentence, without a full stop, for a decision `from` → `to` workers.
    #[must_use]
    pub fn sentence(&self, from: i32, to: i32) -> String {
        let change = if from == to {
            format!("{to} workers stay")
        } else {
            format!("{from} → {to} workers")
        };
        match self {
            Self::Steady => format!("no rule asks for another number: {change}"),
            Self::Up(cause) | Self::Fewer(cause) => format!("{cause}: {change}"),
            Self::Woken(1) => format!("1 task waits and no worker runs: {change}"),
            Self::Woken(tasks) => format!("{tasks} tasks wait and no worker runs: {change}"),
            Self::NotIdle { wants } => {
                format!(
                    "{} enough for the target, but the conditions of scaleDown do not hold: {change}",
                    are(*wants)
                )
            }
            Self::RecentlyBusy { until, wants } => {
                format!(
                    "{} enough, but more were busy a moment ago: {change} until {until} at least",
                    are(*wants)
                )
            }
            Self::Pacing { until, wants } => {
                format!(
                    "{} needed: {to} → {wants} workers at {until}, after a short rest",
                    are(*wants)
                )
            }
            Self::Stabilized { wants, until } => {
                format!(
                    "{} wanted, but not for the whole stabilization window: {change}{}",
                    are(*wants),
                    till(*until)
                )
            }
            Self::RateLimited { wants, until } => {
                format!(
                    "{} wanted, and behavior allows {to} for now: {change}{}",
                    are(*wants),
                    till(*until)
                )
            }
            Self::Scheduled { name, until, least } => {
                format!("schedule {name} wants at least {least} workers until {until}: {change}")
            }
            Self::Idle(span) => format!("idle for {}: {change}", Millis(span.0 / 1000 * 1000)),
            Self::IdleWait {
                since,
                until,
                wants,
            } => {
                format!("idle since {since}: {to} → {wants} workers at {until} if it stays so")
            }
            Self::CoolingUp {
                cause,
                until,
                wants,
            } => {
                format!("{cause}: {to} → {wants} workers at {until}, when the cooldown ends")
            }
            Self::CoolingDown { until, wants } => {
                format!("idle: {to} → {wants} workers at {until}, when the cooldown ends")
            }
            Self::AtMax(cause) => format!("{cause}, but maxReplicas is {to}: {change}"),
            Self::BelowMin(min) => format!("fewer than minReplicas {min}: {change}"),
            Self::AboveMax(max) => format!("more than maxReplicas {max}: {change}"),
            Self::Busy { busy, wants } => {
                format!(
                    "{wants} workers are wanted, but {busy} are busy and none of them is stopped: {change}"
                )
            }
            Self::Unknown(what, since) => {
                format!("{what} (since {since}): {change}, nothing is lowered blindly")
            }
            Self::Fallback(since) => format!("no facts since {since}: {change} by onUnknown"),
            Self::Pinned(until) => format!("pinned by spec.replicas{}: {change}", till(*until)),
            Self::Suspended(Suspend { by, until }) => {
                let by = by.as_ref().map_or(String::new(), |by| format!(" {by}"));
                format!(
                    "suspended{by}{}: {change}, whatever the queue says",
                    till(*until)
                )
            }
            Self::DryRun { would, why } if *would == from => {
                format!("dry run: {}", why.sentence(from, *would))
            }
            Self::DryRun { would, why } => {
                format!("dry run, not written: {}", why.sentence(from, *would))
            }
            Self::TargetChanged(found) => format!("somebody else set {found}: {change} again"),
        }
    }
}

fn are(workers: i32) -> String {
    if workers == 1 {
        "1 worker is".to_owned()
    } else {
        format!("{workers} workers are")
    }
}

fn till(until: Option<Time>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}
