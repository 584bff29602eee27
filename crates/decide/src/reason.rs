//! Why a decision came out as it did: a closed list of reasons, each a code with its parameters.

use crate::decision::Rule;
use crate::spec::Who;
use crate::unavailable::Unavailable;
use crate::units::{Millis, Time};
use std::fmt;
use std::sync::Arc;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident $({ $($(#[$meta:meta])+ $field:ident: $type:ty,)+ })?,)+) => {
        /// The codes of the closed list, each one word in CamelCase, as in Kubernetes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        pub enum ReasonCode { $($(#[doc = $doc])+ $name),+ }

        impl ReasonCode {
            /// All codes, in the order of the documentation.
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

        /// A reason: its code, and the parameters that a message needs. It contains instants, never ages: a message
        /// stays true until the reason changes. [`crate::decide`] returns all but the last six; the operator has those.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(tag = "code", content = "params", rename_all_fields = "camelCase"))]
        pub enum Reason { $($(#[doc = $doc])+ $name $({ $($(#[$meta])+ $field: $type),+ })?),+ }

        impl Reason {
            /// The reason's code in the closed list.
            pub fn code(&self) -> ReasonCode {
                match self { $(Self::$name { .. } => ReasonCode::$name),+ }
            }
        }
    };
}

reasons! {
    /// No rule recommends a different replica count.
    WithinThresholds,
    /// More tasks wait than `scaleUp.queueLength`: workers were added.
    QueueTooLong {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// A larger share of the workers is busy than `scaleUp.utilizationPercent`: workers were added.
    WorkersBusy {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// The workers' mean CPU use is above `scaleUp.cpuPercent`: workers were added.
    HighCPU {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// There are more tasks than `target.tasksPerWorker` for each worker: workers were added.
    TasksPerWorker {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// More workers are needed to finish waiting and arriving tasks within `target.drainWithin`: workers were added.
    DrainWithin {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// The oldest task would wait longer than `target.maxWait`: workers were added.
    MaxWait {
        /// The rule that decided.
        trigger: Trigger,
    },
    /// A task waits and there was no worker: the first one was added.
    ScaledFromZero {
        /// How many tasks wait.
        tasks: i64,
    },
    /// Tasks wait and no worker is running, but they are no more than `scaleFromZero.queueLength`.
    TooFewToStart {
        /// How many tasks wait.
        tasks: i64,
        /// The threshold that they must exceed.
        threshold: i64,
    },
    /// Tasks wait in a queue that is paused, and no rule recommends a different replica count: no worker takes them.
    QueuePaused {
        /// How many tasks wait.
        tasks: i64,
    },
    /// All conditions of `scaleDown` were met for `idleFor`: workers were removed.
    Idle {
        /// How long they were met.
        idle: Millis,
    },
    /// Fewer workers are enough for the target: workers were removed.
    FewerNeeded {
        /// The target that decided.
        trigger: Trigger,
    },
    /// Fewer workers are enough, but not for long enough yet: `idleFor`, or the idle timer of a target, is running.
    IdleWait {
        /// Since when all conditions of `scaleDown` are met; absent for the idle timer of a target.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        since: Option<Time>,
        /// The earliest instant of a change.
        until: Time,
        /// The replicas after it.
        recommended: i32,
    },
    /// Fewer workers are enough for the target, but the conditions of `scaleDown` are not met.
    NotIdle {
        /// The replicas that are enough for the target.
        recommended: i32,
    },
    /// Fewer workers are enough for the target, but the queue is not empty, and the busy workers are unknown.
    QueueNotEmpty {
        /// The replicas that are enough for the target.
        recommended: i32,
        /// How long the queue must be empty.
        idle_for: Millis,
    },
    /// A rule recommends a different replica count, and a cooldown is running.
    CoolingDown {
        /// The rule that recommends more, before a scale-up by a threshold.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        trigger: Option<Trigger>,
        /// When the cooldown ends.
        until: Time,
        /// The recommended replicas.
        recommended: i32,
    },
    /// A rule recommends a different replica count, but not yet for a whole stabilization window of `behavior`.
    Stabilized {
        /// The recommended replicas.
        recommended: i32,
        /// When the recommendation that holds it leaves the window.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// A rule recommends a different replica count, and the policies of `behavior` allow a smaller change for now.
    RateLimited {
        /// The recommended replicas.
        recommended: i32,
        /// When the policies may allow more of a change.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// A rule recommends more workers than `maxReplicas`.
    AtMax {
        /// The rule that recommends more.
        trigger: Trigger,
    },
    /// A rule recommends more workers than the queue system lets run tasks of the queue at once: they would run none.
    AtQueueLimit {
        /// The rule that recommends more.
        trigger: Trigger,
        /// How many tasks run at once.
        limit: i64,
    },
    /// An active schedule requires more workers than the rules recommend.
    Scheduled {
        /// The name of the schedule.
        schedule: Arc<str>,
        /// The end of its window.
        until: Time,
        /// Its minimum replicas.
        min: i32,
    },
    /// There were fewer replicas than `minReplicas`.
    TooFewReplicas {
        /// The minimum.
        min: i32,
    },
    /// There were more replicas than `maxReplicas`.
    TooManyReplicas {
        /// The maximum.
        max: i32,
    },
    /// Fewer workers are enough, but the others hold tasks.
    BusyWorkers {
        /// How many workers hold tasks.
        busy: i32,
        /// The recommended replicas.
        recommended: i32,
    },
    /// A metric that a rule needs cannot be read: no scale-down.
    Unknown {
        /// What cannot be read, and why.
        cause: Unavailable,
        /// Since when.
        since: Time,
    },
    /// Metrics have been unavailable for `onUnknown.after`: at least `onUnknown.replicas` run.
    Fallback {
        /// Since when metrics are unavailable.
        since: Time,
    },
    /// `spec.replicas` sets the replica count.
    Pinned {
        /// When the pin ends automatically.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// `spec.suspend` is set: nothing is changed.
    Suspended {
        /// Who suspended the pool and why.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        who: Option<Who>,
        /// When it ends automatically.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        until: Option<Time>,
    },
    /// `spec.dryRun` is set: nothing is written.
    DryRun {
        /// The replicas that would have been written.
        to: i32,
        /// Why.
        reason: Box<Reason>,
    },
    /// Another client changed the target's replicas; they were set back.
    TargetChanged {
        /// The replicas that it set.
        found: i32,
        /// Who it was and what it changed, where that is known.
        #[cfg_attr(feature = "serde", serde(flatten, skip_serializing_if = "Option::is_none"))]
        change: Option<TargetChange>,
    },
    /// Another client sets the target's replicas again and again: they are set back after growing pauses.
    TargetContested {
        /// The field manager of its writes, foreign text.
        writer: String,
        /// Kind and name of the target.
        target: String,
        /// The replicas that it sets.
        found: i32,
        /// When they are set back next.
        until: Time,
    },
    /// Fewer workers are enough: the selected workers claim no more tasks, and are removed once they have finished theirs.
    ScalingDown {
        /// What the scale-down waits for.
        waiting: Waiting,
    },
    /// The target does not exist, or it cannot be read.
    TargetMissing {
        /// Kind and name of the target.
        target: String,
        /// Its namespace.
        namespace: String,
        /// Why it cannot be read, if that is the cause.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        error: Option<String>,
    },
    /// Something else scales this target: an older `WorkerPool` or a `HorizontalPodAutoscaler`.
    TargetConflict {
        /// Kind and name of the target.
        target: String,
        /// The name of the older pool.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        pool: Option<String>,
        /// The name of the autoscaler.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        autoscaler: Option<String>,
    },
    /// The target's scale could not be written.
    WriteFailed {
        /// The replicas that should have been written.
        to: i32,
        /// Why.
        reason: Box<Reason>,
        /// The error of the API server.
        error: String,
    },
    /// The pools of the namespace change replicas so often that this change has to wait.
    ScaleThrottled {
        /// The replicas to write.
        to: i32,
        /// Why.
        reason: Box<Reason>,
        /// When they are written.
        until: Time,
    },
    /// The pool's spec is not valid.
    InvalidSpec {
        /// What is wrong, where, and how to fix it.
        error: String,
    },
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rule that decided, with its metric and its threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Trigger {
    /// The rule.
    pub rule: Rule,
    /// The metric, in the rule's unit.
    pub value: i64,
    /// The threshold or target, in the rule's unit.
    pub threshold: i64,
    /// The name of the queue, where the rule belongs to one queue.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub queue: Option<Arc<str>>,
}

impl Trigger {
    /// The reason of a scale-up by this rule.
    pub fn scale_up(self) -> Reason {
        let trigger = self;
        match trigger.rule {
            Rule::QueueLength => Reason::QueueTooLong { trigger },
            Rule::Utilization => Reason::WorkersBusy { trigger },
            Rule::Cpu => Reason::HighCPU { trigger },
            Rule::TasksPerWorker => Reason::TasksPerWorker { trigger },
            Rule::DrainWithin => Reason::DrainWithin { trigger },
            Rule::MaxWait => Reason::MaxWait { trigger },
        }
    }
}

/// What another client changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TargetChange {
    /// The field manager of its write, foreign text.
    pub writer: String,
    /// Kind and name of the target.
    pub target: String,
    /// The name of the pool.
    pub pool: String,
}

/// What a scale-down waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "code", content = "params"))]
pub enum Waiting {
    /// A current list of pods and workers: the ones to be removed must be idle.
    Check,
    /// The target's controller deletes pods.
    PodsTerminating,
    /// The target's controller creates pods.
    PodsStarting,
    /// A rollout of the target.
    Rollout {
        /// Kind and name of the target.
        target: String,
    },
    /// Workers that still hold a task.
    Tasks {
        /// The pod of the first.
        pod: String,
        /// The pod of the other, if there are two.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        other: Option<String>,
        /// How many others there are, if there are more than two.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        more: Option<usize>,
    },
    /// A worker that takes tasks from a list without waiting for them: nothing shows when it is idle.
    Polling {
        /// Its pod.
        pod: String,
    },
    /// Workers that hold a task and name none of the target's pods: they may run in pods for which no worker registered.
    Unregistered {
        /// The names of the first of these pods.
        pods: String,
        /// How many others there are, if there are more.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        more: Option<usize>,
    },
    /// The registrations of workers disappeared a moment ago, or were first read: whoever lives and has not registered does
    /// so soon.
    Registrations {
        /// The names of the first pods that such a worker may run in.
        pods: String,
        /// How many others there are, if there are more.
        #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
        more: Option<usize>,
    },
    /// Redis refuses to drain workers: no worker may hold a task when pods are removed.
    DrainRefused {
        /// What Redis answers, with the right that is missing.
        error: String,
    },
    /// The target counts more pods than are listed with an owner of its name: it is not known which the others are.
    PodsHidden {
        /// Kind and name of the target.
        target: String,
        /// How many pods its status counts.
        counted: i32,
        /// How many of the listed pods are its own.
        found: i32,
    },
    /// The pods cannot be listed.
    PodsUnreadable {
        /// The error of the API server.
        error: String,
    },
    /// The pods cannot be marked.
    PodsUnmarkable {
        /// The error of the API server.
        error: String,
    },
}
