//! The names of a queue's keys. The queue's name is in braces, so that all keys are in the same cluster slot.

/// The names of the keys of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// The keys of the queue `queue`. The name must not be empty, because Redis ignores `{}` as a hash tag.
    pub fn new(queue: &str) -> Self {
        Self {
            prefix: format!("wp:{{{queue}}}:"),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// List of ready tasks: pushed on the left, taken from the right.
    pub fn ready(&self) -> String {
        self.key("ready")
    }

    /// Sorted set of tasks between two attempts, by when they become ready: a number, a colon and the element.
    pub fn delayed(&self) -> String {
        self.key("delayed")
    }

    /// List of ready tasks whose worker died. Each runs alone on its worker; pushed and taken on the right.
    pub fn suspects(&self) -> String {
        self.key("suspects")
    }

    /// String: the claims of the worker that lets its tasks end, to run a suspect alone.
    pub fn turn(&self) -> String {
        self.key("turn")
    }

    /// List of tasks that the worker `id` has claimed and not finished; a string (the fence) after it was reaped.
    pub fn claimed(&self, id: &str) -> String {
        self.key(&format!("claimed:{id}"))
    }

    /// Set of the ids of the registered workers, including dead ones until they are reaped.
    pub fn workers(&self) -> String {
        self.key("workers")
    }

    /// Hash with the state and the lease of the worker `id`, until it is reaped.
    pub fn worker(&self, id: &str) -> String {
        self.key(&format!("worker:{id}"))
    }

    /// Hash of counters: arrived, processed, failed (tasks), millis (milliseconds of work on processed tasks).
    pub fn stats(&self) -> String {
        self.key("stats")
    }

    /// Hash of the number of failed attempts by task id.
    pub fn attempts(&self) -> String {
        self.key("attempts")
    }

    /// Counter of worker registrations.
    pub fn generation(&self) -> String {
        self.key("generation")
    }

    /// List of permanently failed tasks, each with its error and attempts, newest on the left.
    pub fn failed(&self) -> String {
        self.key("failed")
    }

    /// String: the result of the task `task`; by default for an hour.
    pub fn result(&self, task: &str) -> String {
        self.key(&format!("results:{task}"))
    }

    /// String: a collected result, for a minute more, in case its reader has not got it.
    pub fn collected(&self, task: &str) -> String {
        self.key(&format!("collected:{task}"))
    }

    /// String: when the HTTP front pushed the task `task`, for a day.
    pub fn pushed(&self, task: &str) -> String {
        self.key(&format!("pushed:{task}"))
    }

    /// String: a picture that tasks name by this key, under a hash of its bytes, so that it is stored once.
    pub fn picture(&self, hash: &str) -> String {
        self.key(&format!("picture:{hash}"))
    }

    /// Hash: the batch that the HTTP front pushed under a client's key, for a day.
    pub fn batch(&self, key: &str) -> String {
        self.key(&format!("batch:{key}"))
    }

    /// Hash of the number of uncollected results by the minute in which they expire.
    pub fn unread(&self) -> String {
        self.key("unread")
    }

    /// String: why pushes are refused, or empty; cached for a second.
    pub fn pressure(&self) -> String {
        self.key("pressure")
    }

    /// String: when dead workers were last looked up.
    pub fn reaper(&self) -> String {
        self.key("reaper")
    }
}
