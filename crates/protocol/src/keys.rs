//! The names of a queue's keys. The queue's name stands in braces, so that all of them share one cluster slot.

/// Names the keys of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// The keys of the queue `queue`. The name must not be empty: Redis takes `{}` for no hash tag at all.
    #[must_use]
    pub fn new(queue: &str) -> Self {
        Self {
            prefix: format!("wp:{{{queue}}}:"),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// List of tasks that wait: pushed on the left, taken from the right.
    #[must_use]
    pub fn ready(&self) -> String {
        self.key("ready")
    }

    /// List of tasks that the worker `id` has taken and not finished; a string (the fence) once its lease is over.
    #[must_use]
    pub fn claimed(&self, id: &str) -> String {
        self.key(&format!("claimed:{id}"))
    }

    /// Set of the ids of registered workers, dead ones included until they are reaped.
    #[must_use]
    pub fn workers(&self) -> String {
        self.key("workers")
    }

    /// Hash of what the worker `id` says of itself; its time to live is the lease.
    #[must_use]
    pub fn worker(&self, id: &str) -> String {
        self.key(&format!("worker:{id}"))
    }

    /// Hash of counters: arrived, processed, failed (tasks), millis (milliseconds of work done).
    #[must_use]
    pub fn stats(&self) -> String {
        self.key("stats")
    }

    /// Hash by task id: how many attempts ended badly.
    #[must_use]
    pub fn attempts(&self) -> String {
        self.key("attempts")
    }

    /// Counter of registrations.
    #[must_use]
    pub fn generation(&self) -> String {
        self.key("generation")
    }

    /// List of tasks that were given up, each with its error and attempts, newest on the left.
    #[must_use]
    pub fn failed(&self) -> String {
        self.key("failed")
    }

    /// String: the result of the task `task`, for an hour.
    #[must_use]
    pub fn result(&self, task: &str) -> String {
        self.key(&format!("results:{task}"))
    }

    /// String: when the HTTP front pushed the task `task`, for a day.
    #[must_use]
    pub fn pushed(&self, task: &str) -> String {
        self.key(&format!("pushed:{task}"))
    }

    /// Hash: by the minute in which they end, how many results nobody has collected.
    #[must_use]
    pub fn unread(&self) -> String {
        self.key("unread")
    }

    /// String: why nothing may be pushed, or empty; for a second.
    #[must_use]
    pub fn pressure(&self) -> String {
        self.key("pressure")
    }

    /// String that lets one look for the dead a second through.
    #[must_use]
    pub fn reaper(&self) -> String {
        self.key("reaper")
    }
}
