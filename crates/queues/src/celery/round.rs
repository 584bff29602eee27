//! A round of questions to Celery's workers, and who has answered them.

use super::control::{self, Answer, Question};
use std::collections::HashMap;

/// The most workers of one broker.
const MAX_WORKERS: usize = 5_000;

/// A round of questions.
#[derive(Debug)]
pub(super) struct Round {
    pub number: u64,
    pub asked_at: i64,
    pub questions: &'static [Question],
    /// How many were listening when the question was published that most heard.
    pub listeners: usize,
    /// Whether its end has come. Answers may still follow.
    pub ended: bool,
    /// What each worker has answered so far.
    pub answers: HashMap<String, Vec<(Question, Answer)>>,
}

impl Round {
    pub(super) fn is_full(&self) -> bool {
        self.questions.len() == control::ALL.len()
    }

    /// Takes one answer, and returns whether it is the worker's last.
    pub(super) fn take(&mut self, worker: &str, question: Question, answer: Answer) -> bool {
        if self.answers.len() >= MAX_WORKERS && !self.answers.contains_key(worker) {
            return false;
        }
        let answers = self.answers.entry(worker.to_owned()).or_default();
        answers.retain(|(answered, _)| *answered != question);
        answers.push((question, answer));
        answers.len() == self.questions.len()
    }

    pub(super) fn is_answered_by(&self, worker: &str) -> bool {
        let answers = self.answers.get(worker);
        answers.is_some_and(|answers| answers.len() == self.questions.len())
    }

    /// Whether all who listen have answered.
    pub(super) fn is_complete(&self) -> bool {
        let answered = self.answers.keys();
        answered.filter(|name| self.is_answered_by(name)).count() >= self.listeners
    }
}
