//! What is known of one worker of Celery.

use super::control::{Answer, ConsumedQueue, Question, Task};
use decide::victims::DrainState;

/// A change of the queues that a worker takes tasks from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// Whether it is asked to take tasks, or to take none.
    pub takes: bool,
    /// Until when the request is valid, in milliseconds since 1970.
    pub until: i64,
}

/// What is known of one worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    pub active: Vec<Task>,
    pub reserved: Vec<Task>,
    pub scheduled: Vec<Task>,
    /// The queues that it takes tasks from; `None` until it has said so.
    pub queues: Option<Vec<ConsumedQueue>>,
    /// The queues that it took tasks from when it last did.
    pub consumed: Vec<ConsumedQueue>,
    /// In how many rounds in succession it has said that it takes tasks from no queue.
    pub drained: u8,
    /// What it was asked for and has not been seen to do.
    pub change: Option<Change>,
    /// The last round that it has answered, when, and how long it took, in milliseconds.
    pub round: u64,
    pub answered_at: i64,
    pub took: i64,
    pub slots: u32,
    /// Tasks that it has ended since its start.
    pub processed: i64,
    /// Since when it has been idle or busy, in milliseconds since 1970.
    pub since: i64,
    /// Whether it is late with its answers. It lives: otherwise it would be missed among those that listen.
    pub silent: bool,
}

impl Host {
    /// Whether it runs a task, or may run one.
    pub(super) fn is_busy(&self) -> bool {
        self.silent || !self.active.is_empty() || !self.reserved.is_empty()
    }

    /// When it began the oldest of its tasks, in milliseconds since 1970.
    pub(super) fn began(&self) -> Option<i64> {
        self.active.iter().filter_map(|task| task.began).min()
    }

    /// Whether it takes tasks from `queue`.
    pub(super) fn consumes(&self, queue: &str) -> bool {
        let mut queues = self.queues.iter().flatten();
        queues.any(|consumed| consumed.name == queue)
    }

    /// Whether it takes tasks from `queue`, or did so before it was drained. One that was drained before this process
    /// started may be of any queue.
    pub(super) fn is_of(&self, queue: &str) -> bool {
        let mut consumed = self.consumed.iter();
        self.is_asked() && self.consumed.is_empty() || consumed.any(|it| it.name == queue)
    }

    /// Whether it takes tasks from no queue, as one does that was drained.
    pub(super) fn is_asked(&self) -> bool {
        self.queues.as_ref().is_some_and(Vec::is_empty)
    }

    /// How far its drain has come. A task that was on its way when it stopped is in its answers of the next round.
    pub(super) fn drain(&self) -> DrainState {
        match self.drained {
            _ if !self.is_asked() => DrainState::None,
            2.. if !self.is_busy() => DrainState::Drained,
            _ => DrainState::Requested,
        }
    }

    /// Whether `task`, which it has, came from `queue`.
    pub(super) fn has_from(&self, queue: &str, task: &Task) -> bool {
        let consumed = &*self.consumed;
        let mut from = consumed
            .iter()
            .filter(|consumed| consumed.routing_key == task.routing_key);
        match (from.next(), consumed) {
            (Some(from), _) => from.name == queue,
            (None, [only]) => only.name == queue,
            (None, _) => task.routing_key == queue,
        }
    }

    /// Whether it must say which queues it takes tasks from.
    pub(super) fn owes_queues(&self) -> bool {
        self.queues.is_none() || self.is_asked() || self.change.is_some()
    }

    /// Takes what it answered at `now`.
    pub(super) fn take(&mut self, question: Question, answer: Answer, now: i64) {
        match (question, answer) {
            (Question::Active, Answer::Tasks(tasks)) => self.active = tasks,
            (Question::Reserved, Answer::Tasks(tasks)) => self.reserved = tasks,
            (Question::Scheduled, Answer::Tasks(tasks)) => self.scheduled = tasks,
            (_, Answer::Queues(queues)) => self.take_queues(queues, now),
            (_, Answer::Stats { slots, begun }) => {
                self.slots = slots;
                self.processed = begun;
            }
            _ => {}
        }
    }

    /// It leaves its queues one after the other, and takes them back so: an answer between does not have all of them.
    fn take_queues(&mut self, queues: Vec<ConsumedQueue>, now: i64) {
        let mut consumed = self.consumed.iter();
        let is_done = self.change.is_none_or(|change| match change.takes {
            _ if now >= change.until => true,
            true => consumed.all(|queue| queues.contains(queue)),
            false => queues.is_empty(),
        });
        if is_done {
            self.change = None;
            if !queues.is_empty() {
                self.consumed.clone_from(&queues);
            }
        }
        self.queues = Some(queues);
    }
}
