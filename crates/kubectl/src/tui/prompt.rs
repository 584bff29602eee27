//! The question before a write: what is typed, what is wrong with it, and the `y` without which nothing is written.

use super::app::{App, Effect, Mode};
use super::keys::Action;
use crate::commands::scale::Pin;
use crate::text::lang::{Lang, tr};
use api::Duration;
use ratatui::crossterm::event::KeyCode;

/// How many tasks a burst has, when nothing else is said, and how long each takes: as `stress` has it.
const TASKS: u32 = 25;

/// What may be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Push so many tasks.
    Stress(u32),
    /// Pin the number, for a while or until it is taken back.
    Scale(Pin, Option<Duration>),
    /// Change nothing, for a while or until it is taken back, and why.
    Pause(Option<Duration>, Option<String>),
    /// Let the rules decide again.
    Resume,
}

/// A question before a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// What is asked for.
    pub action: Action,
    /// What was typed.
    pub text: String,
    /// What is wrong with it.
    pub wrong: Option<String>,
    /// What will be done when it is confirmed.
    pub deed: Option<Operation>,
}

impl App {
    /// Asks before something is written.
    pub(super) fn ask(&mut self, action: Action) {
        if self.readonly {
            return self.notify(
                true,
                tr!(
                    self.out.lang,
                    "--readonly: nothing is written",
                    "--readonly: no se escribe nada"
                ),
            );
        }
        if self.subject().is_none() {
            return;
        }
        let text = match action {
            Action::Stress => TASKS.to_string(),
            _ => String::new(),
        };
        let deed = (action == Action::Resume).then_some(Operation::Resume);
        self.mode = Mode::Ask(Prompt {
            action,
            text,
            wrong: None,
            deed,
        });
    }

    /// First what is typed, then `y` and nothing else.
    pub(super) fn answer(&mut self, key: KeyCode) -> Option<Effect> {
        let (lang, subject) = (self.out.lang, self.subject());
        let Mode::Ask(ask) = &mut self.mode else {
            return None;
        };
        match (key, &ask.deed) {
            (KeyCode::Char('y' | 'Y' | 's' | 'S'), Some(deed)) => {
                let effect = subject.map(|key| Effect::Do(key, deed.clone()));
                self.mode = Mode::Normal;
                return effect;
            }
            (KeyCode::Esc, _) | (_, Some(_)) => self.mode = Mode::Normal,
            (KeyCode::Enter, None) => match operation(ask.action, &ask.text, lang) {
                Ok(deed) => (ask.deed, ask.wrong) = (Some(deed), None),
                Err(wrong) => ask.wrong = Some(wrong),
            },
            (KeyCode::Backspace, None) => drop(ask.text.pop()),
            (KeyCode::Char(letter), None) if ask.text.len() < 60 => ask.text.push(letter),
            _ => {}
        }
        None
    }
}

/// What was typed, as something to do.
fn operation(action: Action, text: &str, lang: Lang) -> Result<Operation, String> {
    let mut words = text.split_whitespace();
    let span = |word: Option<&str>| word.map(super::super::args::duration).transpose();
    match action {
        Action::Stress => match text.trim().parse() {
            Ok(tasks @ 1..=100_000) => Ok(Operation::Stress(tasks)),
            _ => Err(tr!(
                lang,
                "a number from 1 to 100000",
                "un número de 1 a 100000"
            )),
        },
        Action::Scale => {
            let wrong = || {
                tr!(
                    lang,
                    "such as 5, or 5 30m, or auto",
                    "por ejemplo 5, o 5 30m, o auto"
                )
            };
            let pin: Pin = words
                .next()
                .and_then(|word| word.parse().ok())
                .ok_or_else(wrong)?;
            Ok(Operation::Scale(
                pin,
                span(words.next()).map_err(|_| wrong())?,
            ))
        }
        Action::Pause => {
            let first = words.next();
            let wrong = || {
                tr!(
                    lang,
                    "such as 30m, then a reason",
                    "por ejemplo 30m, y un motivo"
                )
            };
            let span = span(first).map_err(|_| wrong())?;
            let reason = words.collect::<Vec<_>>().join(" ");
            Ok(Operation::Pause(
                span,
                (!reason.is_empty()).then_some(reason),
            ))
        }
        _ => Ok(Operation::Resume),
    }
}
