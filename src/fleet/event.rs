//! What the fleet hears and what it asks for.

use crate::act;
use crate::dashboard::{PoolView, ViewQuery};
use crate::observe::target::{Target, TargetKey};
use crate::observe::{Address, PollResult};
use crate::report::{EventNote, PoolGauges};
use api::{Key, SecretKeySelector, WorkerPool, WorkerPoolStatus};
use decide::Millis;
use decide::victims::Pod;
use queues::Queue;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A pool is new or changed.
    Pool(Box<WorkerPool>),
    /// A pool is gone.
    PoolDeleted(Key),
    /// A target is new or changed, or gone.
    Target(TargetKey, Option<Target>),
    /// A `HorizontalPodAutoscaler` scales a target, or is gone.
    Autoscaler(Key, Option<TargetKey>),
    /// The first list of one watch is complete.
    Synced(Watched),
    /// A watch fails, and why; it is tried again.
    WatchFailed(Watched, String),
    /// Looks at queues.
    Metrics(Vec<PollResult>),
    /// The answer to a [`Command::Scale`], and how long it came after the push that led to it.
    Scaled(Key, Result<act::Scaled, act::Error>, Option<Millis>),
    /// The answer to a [`Command::ListPods`], or why there is none.
    Pods(Key, Result<Vec<Pod>, String>),
    /// The answer to a [`Command::Mark`].
    Marked(Key, Result<(), String>),
    /// The answer to a [`Command::WriteStatus`]: whether it was written.
    StatusWritten(Key, bool),
    /// The answer to a [`Command::ReadSecret`].
    Secret(Key, Result<String, String>),
    /// Somebody wants all gauges.
    Scrape(oneshot::Sender<Vec<PoolGauges>>),
    /// Somebody looks at these pools, or at all of them.
    View(ViewQuery, oneshot::Sender<Vec<PoolView>>),
    /// A timer ran out.
    Tick,
}

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

/// Something to do. Each is done on the side; what comes of it is an [`Event`].
#[derive(Debug)]
pub enum Command {
    /// Watch this kind of target, if nobody does yet.
    WatchTargets(String, String),
    /// Look at these queues from now on.
    Observe(Address, Key, Vec<Queue>, Duration),
    /// Look at this pool's queues at once.
    Poll(Address, Key),
    /// Tell workers, each by its queue's number and its id, to take no more tasks (`true`) or to go on.
    Drain(Address, Key, Vec<(usize, String)>, bool),
    /// Look no more.
    StopObserving(Address, Key),
    /// List the pods of the pool's namespace that a selector selects.
    ListPods(Key, String),
    /// Mark pods of the pool's namespace as those to go (`true`), or take the mark away.
    Mark(Key, Vec<(String, bool)>),
    /// Read the address of a pool's Redis.
    ReadSecret(Key, SecretKeySelector),
    /// Write a scale.
    Scale(Scale),
    /// Write a status.
    WriteStatus(Key, Box<WorkerPoolStatus>),
    /// Publish an event.
    EmitEvent(EventNote),
}

/// A scale to write.
#[derive(Debug)]
pub struct Scale {
    /// For which pool.
    pub pool: Key,
    /// The target's apiVersion.
    pub api_version: String,
    /// The target.
    pub target: TargetKey,
    /// The number.
    pub replicas: i32,
    /// When Redis told of the change that led to it.
    pub notified_at: Option<Instant>,
}
