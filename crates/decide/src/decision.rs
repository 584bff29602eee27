//! What a decision says: the number, the reason, each step that led there, and when to look again.

use super::memory::Memory;
use super::units::{Millis, Time};
use crate::reason::Reason;
use std::sync::Arc;

/// The outcome of one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What `spec.replicas` should be now.
    pub replicas: i32,
    /// What it was when we looked.
    pub from: i32,
    /// Why, from the closed list.
    pub reason: Reason,
    /// Every step in order, with its input and what it changed.
    pub steps: Vec<Step>,
    /// Share of the facts asked for that were known, in percent.
    pub confidence: u8,
    /// The earliest instant at which time alone can change the answer.
    pub requeue_at: Option<Time>,
    /// What the next call must be given, once `replicas` has been written.
    pub memory: Memory,
}

/// A rule that may ask for workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `queueLength`, in tasks.
    QueueLength,
    /// `utilizationPercent`.
    Utilization,
    /// `cpuPercent`.
    Cpu,
    /// `target.tasksPerWorker`, in tasks.
    TasksPerWorker,
    /// `target.drainWithin`, in milliseconds.
    DrainWithin,
    /// `target.maxWait`, in milliseconds.
    MaxWait,
}

/// What held a number back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// `scaleUp.cooldown`.
    CooldownUp,
    /// `scaleDown.cooldown`.
    CooldownDown,
    /// `behavior.scaleUp.stabilizationWindowSeconds`.
    WindowUp,
    /// `behavior.scaleDown.stabilizationWindowSeconds`.
    WindowDown,
    /// The policies of `behavior`.
    Policy,
    /// The rest between two small changes of a target.
    Dampening,
    /// The idle timer of a target.
    RecentlyBusy,
    /// `minReplicas`.
    Min,
    /// A schedule.
    Schedule,
    /// `maxReplicas`.
    Max,
    /// Workers that hold a task.
    Busy,
    /// Facts that could not be read.
    Unknown,
}

/// One step of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// What follows is of this queue's own rules.
    Queue(Arc<str>),
    /// Somebody else wrote `spec.replicas`; the rules start from what we last decided.
    OutsideChange {
        /// What it is now.
        found: i32,
        /// What we had decided.
        ours: i32,
    },
    /// A threshold of `scaleUp` compared with a fact; `answer` when it asks for more.
    Up {
        /// Which rule.
        rule: Rule,
        /// The fact, in the rule's unit, rounded down.
        value: i64,
        /// The threshold that it must exceed.
        limit: i64,
        /// The number it asks for.
        answer: Option<i32>,
    },
    /// A target's answer.
    Target {
        /// Which rule.
        rule: Rule,
        /// The fact: tasks, ready tasks, or how long the oldest has waited, in milliseconds.
        value: i64,
        /// The target, in the rule's unit.
        limit: i64,
        /// The number it asks for.
        answer: i32,
    },
    /// A condition of `scaleDown` compared with a fact.
    Down {
        /// Which rule.
        rule: Rule,
        /// The fact, in the rule's unit, rounded down.
        value: i64,
        /// The threshold that it must stay under.
        limit: i64,
        /// Whether it does.
        met: bool,
    },
    /// A rule without an answer because its fact is missing.
    MetricUnavailable {
        /// Which rule.
        rule: Rule,
    },
    /// A rule that this queue system cannot tell the fact for.
    MetricUnsupported {
        /// Which rule.
        rule: Rule,
    },
    /// The idle timer of `scaleDown`; `answer` once it has run out.
    IdleTimer {
        /// How long all conditions have held.
        idle: Millis,
        /// How long they must.
        needed: Millis,
        /// The number it asks for.
        answer: Option<i32>,
    },
    /// The pin took the place of the rules.
    Pinned {
        /// The pin.
        answer: i32,
        /// When it ends by itself.
        until: Option<Time>,
    },
    /// Facts have been missing for `onUnknown.after`.
    Fallback {
        /// The number it asks for.
        answer: i32,
    },
    /// A limit changed the number.
    Constrained {
        /// Which.
        by: Constraint,
        /// What was asked for.
        from: i32,
        /// What is left of it.
        to: i32,
        /// When the limit ends by itself, where it does.
        until: Option<Time>,
    },
    /// `suspend` or `dryRun`: nothing is written.
    NotWritten {
        /// What would have been.
        would: i32,
    },
}
