//! The input and output of the fleet: events and commands.

use crate::act;
use crate::dashboard::{PoolView, ViewQuery};
use crate::observe::target::{Target, TargetKey};
use crate::observe::{Epoch, ObjectRef, PollNumber, PollResult, Redis, Values};
use crate::report::{EventNote, PoolGauges};
use api::{Key, WorkerPool, WorkerPoolStatus};
use decide::victims::Pod;
use decide::{Millis, Unavailable};
use queues::Queue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A pool was created or changed.
    Pool(Box<WorkerPool>),
    /// A pool was deleted.
    PoolDeleted(Key),
    /// A target was created or changed; `None` if it was deleted.
    Target(TargetKey, Option<Target>),
    /// A target exists, but cannot be read, with this error.
    TargetUnreadable(TargetKey, String),
    /// A `HorizontalPodAutoscaler` scales a target; `None` if it was deleted.
    Autoscaler(Key, Option<TargetKey>),
    /// The initial list of one watch is complete.
    Synced(Watched, Scope),
    /// A watch fails, with this error; it is retried.
    WatchFailed(Watched, Scope, String),
    /// The results of polls.
    Metrics(Vec<PollResult>),
    /// The result of a [`Command::Scale`], and the time from the Redis notification that led to it.
    Scaled(PoolRef, Result<act::Scaled, act::Error>, Option<Millis>),
    /// The result of a [`Command::ListPods`].
    Pods(PoolRef, Result<Vec<Pod>, String>),
    /// The result of a [`Command::Mark`].
    Marked(PoolRef, Result<(), String>),
    /// The result of a [`Command::WriteStatus`].
    StatusWritten(PoolRef, Result<(), act::Error>),
    /// What an object that is watched holds, or why it cannot be read.
    Object(ObjectRef, Result<Values, Unavailable>),
    /// A scrape asks for all gauges.
    Scrape(oneshot::Sender<Vec<PoolGauges>>),
    /// The dashboard asks for pools.
    View(ViewQuery, oneshot::Sender<Vec<PoolView>>),
    /// The time of day was set forward or back by this much, and `now` with it.
    ClockStep(Millis),
    /// A timer expired.
    Tick,
}

/// The namespace that a watch shows; `None` if it shows all.
pub type Scope = Option<Arc<str>>;

/// A kind of object that is watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    /// `WorkerPool`s.
    Pools,
    /// `HorizontalPodAutoscaler`s.
    Autoscalers,
    /// A kind of target: its apiVersion and kind.
    Targets(String, String),
}

/// A pool in one epoch: of its source for what is observed, of its target for what is done to that, of itself for its
/// status. A command carries it and the answer brings it back, so that a late answer is known as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolRef {
    /// The pool.
    pub key: Key,
    /// The epoch.
    pub epoch: Epoch,
}

/// Something to do. Commands run concurrently; the result of each is an [`Event`].
#[derive(Debug)]
pub enum Command {
    /// Watch this kind of target, by its apiVersion and name.
    WatchTargets(String, String),
    /// Watch this kind of target no longer.
    UnwatchTargets(String, String),
    /// Start to poll these queues, at this interval.
    Observe(Redis, PoolRef, Vec<Queue>, Duration),
    /// Poll this pool's queues now.
    Poll(Redis, Key, PollNumber),
    /// Poll this pool's queues now, with the list of clients of their Redis.
    PollClients(Redis, Key),
    /// Request workers, each by the index of its queue and its ID, to drain (`true`) or to resume.
    Drain(Redis, Key, Vec<(usize, String)>, bool, PollNumber),
    /// Stop polling the pool's queues.
    StopObserving(Redis, Key),
    /// Connect to the same Redis with other credentials from now on.
    Renew(Redis),
    /// List the pods of the pool's namespace that match a label selector.
    ListPods(PoolRef, String),
    /// Mark pods of the pool's namespace for deletion first (`true`), or unmark them.
    Mark(PoolRef, Vec<(String, bool)>),
    /// Watch an object, and report what it holds now.
    WatchObject(ObjectRef),
    /// Stop watching an object.
    UnwatchObject(ObjectRef),
    /// Write a scale.
    Scale(Scale),
    /// Write a status.
    WriteStatus(PoolRef, Box<WorkerPoolStatus>),
    /// Publish an event.
    EmitEvent(EventNote),
}

/// A scale to write.
#[derive(Debug)]
pub struct Scale {
    /// The pool that scales.
    pub pool: PoolRef,
    /// The target's apiVersion.
    pub api_version: String,
    /// The target.
    pub target: TargetKey,
    /// The new `spec.replicas`.
    pub replicas: i32,
    /// When the Redis notification that led to it arrived.
    pub notified_at: Option<Instant>,
}
