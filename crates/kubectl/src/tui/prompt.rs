//! The prompt of a write operation: input, validation, and the confirmation without which nothing is written.

use super::app::{App, Effect, Mode};
use super::keys::Action;
use crate::args::duration;
use crate::commands::scale::Pin;
use crate::commands::stress::TASKS;
use crate::text::lang::{Lang, tr};
use api::Duration;
use ratatui::crossterm::event::KeyCode;

/// The longest input in bytes.
const MAX_INPUT: usize = 60;

/// A write operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Push so many tasks.
    Stress(u32),
    /// Pin the replicas, for a while or until they are unpinned.
    Scale(Pin, Option<Duration>),
    /// Suspend scaling, for a while or until it is resumed, with a reason.
    Pause(Option<Duration>, Option<String>),
    /// Let the rules decide again.
    Resume,
}

/// The state of the prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The operation that was selected.
    pub action: Action,
    /// The input.
    pub text: String,
    /// Why the input is invalid.
    pub error: Option<String>,
    /// The operation, once the input is valid and waits for confirmation.
    pub operation: Option<Operation>,
}

impl App {
    /// Opens the prompt of a write operation.
    pub(super) fn open_prompt(&mut self, action: Action) {
        if self.readonly {
            let text = tr!(self.out.lang, "cli-prompt-readonly");
            return self.notify(true, text);
        }
        if self.subject().is_none() {
            return;
        }
        let text = match action {
            Action::Stress => TASKS.to_string(),
            _ => String::new(),
        };
        let operation = (action == Action::Resume).then_some(Operation::Resume);
        self.mode = Mode::Prompt(Prompt {
            action,
            text,
            error: None,
            operation,
        });
    }

    /// Handles a key of the input, or the confirmation: `y` (or `s` for "sí"), and any other key cancels.
    pub(super) fn on_prompt_key(&mut self, key: KeyCode) -> Option<Effect> {
        let (lang, subject) = (self.out.lang, self.subject());
        let Mode::Prompt(prompt) = &mut self.mode else {
            return None;
        };
        match (key, &prompt.operation) {
            (KeyCode::Char('y' | 'Y' | 's' | 'S'), Some(operation)) => {
                let effect = subject.map(|key| Effect::Run(key, operation.clone()));
                self.mode = Mode::Normal;
                return effect;
            }
            (KeyCode::Esc, _) | (_, Some(_)) => self.mode = Mode::Normal,
            (KeyCode::Enter, None) => match parse(prompt.action, &prompt.text, lang) {
                Ok(operation) => {
                    prompt.operation = Some(operation);
                    prompt.error = None;
                }
                Err(error) => prompt.error = Some(error),
            },
            (KeyCode::Backspace, None) => drop(prompt.text.pop()),
            (KeyCode::Char(letter), None) if prompt.text.len() < MAX_INPUT => {
                prompt.text.push(letter);
            }
            _ => {}
        }
        None
    }
}

/// Parses the input of an operation.
fn parse(action: Action, text: &str, lang: Lang) -> Result<Operation, String> {
    match action {
        Action::Stress => match text.trim().parse() {
            Ok(tasks @ 1..=100_000) => Ok(Operation::Stress(tasks)),
            _ => Err(tr!(lang, "cli-prompt-number")),
        },
        Action::Scale => parse_scale(text).ok_or_else(|| tr!(lang, "cli-prompt-workers")),
        Action::Pause => parse_pause(text).ok_or_else(|| tr!(lang, "cli-prompt-pause")),
        _ => Ok(Operation::Resume),
    }
}

fn parse_scale(text: &str) -> Option<Operation> {
    let mut words = text.split_whitespace();
    let pin: Pin = words.next()?.parse().ok()?;
    let span = words.next().map(duration).transpose().ok()?;
    Some(Operation::Scale(pin, span))
}

fn parse_pause(text: &str) -> Option<Operation> {
    let mut words = text.split_whitespace();
    let span = words.next().map(duration).transpose().ok()?;
    let reason = words.collect::<Vec<_>>().join(" ");
    Some(Operation::Pause(
        span,
        (!reason.is_empty()).then_some(reason),
    ))
}
