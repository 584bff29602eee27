//! One queue: what to read of it, and what the replies mean.

use crate::QueueSystem;
use crate::error::describe_server_error;
use decide::victims::Worker;
use decide::{QueueMetrics, Unavailable};
use protocol::{Reaped, ScriptCall};
use redis::{Cmd, Value};
use std::fmt::Debug;
use std::sync::Arc;

/// What identifies a queue within its system, from `spec.queues`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Its name; for a system without names, its key.
    pub name: String,
    /// The consumer group of a stream.
    pub group: Option<String>,
}

impl QueueOptions {
    /// A queue that its name identifies.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

/// How a queue system reads one queue. It does no IO: whoever has a connection sends the commands.
pub(crate) trait Reader: Debug + Send + Sync {
    /// The keys whose change wakes the operator: those that change when tasks arrive or are claimed.
    fn wake_keys(&self) -> &[String];

    /// The reads of these keys, by which Redis tracks them: the cheapest that the rights for [`Self::reads`] include.
    fn tracked_reads(&self) -> &[Cmd];

    /// The commands of one poll. `scripts_in_full` includes the text of a script, for a server that has not cached it.
    fn reads(&self, scripts_in_full: bool) -> Vec<Cmd>;

    /// Whether one of [`Self::reads`] is a script.
    fn has_script(&self) -> bool {
        false
    }

    /// What `replies` mean; `queue` is the queue's position in its pool. Where they are not enough, it asks for a second
    /// read, and is called again with the replies of both. It may take replies out once they are enough.
    ///
    /// # Errors
    /// What Redis answered instead.
    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String>;

    /// How its workers are drained and rescued, where that is possible.
    fn drain(&self) -> Option<&dyn Drain> {
        None
    }
}

/// Drains the workers of a queue, and rescues what dead ones held.
pub trait Drain: Send + Sync {
    /// Asks the worker `id` to stop claiming tasks, or withdraws that request.
    fn request(&self, id: &str, drain: bool) -> ScriptCall<bool>;

    /// Finds the dead workers, unless they have just been looked up.
    fn find_dead(&self) -> ScriptCall<Vec<String>>;

    /// Returns a batch of the tasks of the dead worker `id` to the queue.
    fn reap(&self, id: &str) -> ScriptCall<Reaped>;
}

/// What the replies to a read mean.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one statement")]
pub enum Parsed {
    /// They are enough.
    Done(Reading),
    /// These must be read, too.
    More(Vec<Cmd>),
}

/// The result of one read of a queue.
#[derive(Debug)]
pub struct Reading {
    /// The metrics of the queue.
    pub metrics: QueueMetrics,
    /// The workers in its registry.
    pub workers: Vec<Worker>,
    /// The queue's clock, in milliseconds since 1970, where it is known.
    pub time: Option<i64>,
    /// Whether the next task has a time of its producer that is no instant, such as one in seconds.
    pub odd_time: bool,
    /// Whether dead workers still hold tasks or are still registered, or no one has looked for them.
    pub dead: bool,
}

impl Reading {
    /// The reading of a system without a registry of workers.
    pub(crate) fn of(metrics: QueueMetrics) -> Self {
        Self {
            metrics,
            workers: Vec::new(),
            time: None,
            odd_time: false,
            dead: false,
        }
    }
}

/// A queue of a pool.
#[derive(Clone, Debug)]
pub struct Queue {
    system: QueueSystem,
    options: QueueOptions,
    reader: Arc<dyn Reader>,
}

impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        (self.system, &self.options) == (other.system, &other.options)
    }
}

impl Queue {
    /// A queue of `system`.
    pub fn new(system: QueueSystem, options: &QueueOptions) -> Self {
        Self {
            system,
            options: options.clone(),
            reader: system.open(options),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// The keys whose change wakes the operator.
    pub fn wake_keys(&self) -> &[String] {
        self.reader.wake_keys()
    }

    /// The reads of [`Self::wake_keys`], by which Redis tracks them.
    pub fn tracked_reads(&self) -> &[Cmd] {
        self.reader.tracked_reads()
    }

    /// The commands of one poll; `scripts_in_full` includes the text of a script, for a server that has not cached it.
    pub fn reads(&self, scripts_in_full: bool) -> Vec<Cmd> {
        self.reader.reads(scripts_in_full)
    }

    /// Whether the queue is read by a script.
    pub fn has_script(&self) -> bool {
        self.reader.has_script()
    }

    /// What the replies to [`Self::reads`], and to a second read that this asked for, mean; `index` is the queue's
    /// position in its pool.
    ///
    /// # Errors
    /// The key, and what Redis answered instead.
    pub fn parse(&self, replies: &mut [Value], index: usize) -> Result<Parsed, Unavailable> {
        let parsed = self.reader.parse(replies, index);
        parsed.map_err(|error| self.unreadable(error))
    }

    pub(crate) fn unreadable(&self, error: String) -> Unavailable {
        Unavailable::QueueUnreadable {
            key: self.wake_keys().first().cloned().unwrap_or_default(),
            error,
        }
    }

    /// How its workers are drained and rescued, where that is possible.
    pub fn drain(&self) -> Option<&dyn Drain> {
        self.reader.drain()
    }
}

/// The error among `replies`, or else `otherwise`.
pub(crate) fn error_text(replies: &[Value], otherwise: &str) -> String {
    let error = replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(describe_server_error(error.code(), error.details())),
        _ => None,
    });
    error.unwrap_or_else(|| otherwise.to_owned())
}
