//! The only place that prints: data to standard output, talk to standard error, and patience with what is slow.

use super::lang::Lang;
use crate::text::localize;
use anyhow::{Context, bail};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is dumb.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// A colour by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Said beside the data.
    Dim,
    /// Fine.
    Good,
    /// Wrong.
    Bad,
}

/// Silence after which a person is told what is awaited.
const QUIET_FOR: Duration = Duration::from_secs(2);
/// After this long more an answer no longer comes.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where everything is printed.
#[derive(Clone, Debug)]
pub struct Out {
    /// In which language people are spoken to.
    pub lang: Lang,
    color: bool,
    zone: TimeZone,
    /// Where lines go instead, while a screen is drawn.
    take_captured: Option<Arc<Mutex<Vec<String>>>>,
}

impl Out {
    /// Decides once whether to colour.
    #[must_use]
    pub fn new(color: Color, lang: Lang) -> Self {
        Self::in_zone(color, lang, TimeZone::system())
    }

    /// The same by the clock of `zone`.
    #[must_use]
    pub fn in_zone(color: Color, lang: Lang, zone: TimeZone) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        #[cfg(windows)] // A console shows colours once it was asked to.
        let dumb = dumb || !ratatui::crossterm::ansi_support::supports_ansi();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        };
        Self {
            lang,
            color,
            zone,
            take_captured: None,
        }
    }

    /// The same, but lines are kept and not printed.
    #[must_use]
    pub fn captured(&self) -> Self {
        Self {
            color: false,
            take_captured: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// The lines that were kept so far.
    #[must_use]
    pub fn kept(&self) -> Vec<String> {
        let kept = self
            .take_captured
            .as_ref()
            .map(|kept| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)));
        kept.unwrap_or_default()
    }

    fn capture(&self, line: &str) -> bool {
        if let Some(kept) = &self.take_captured {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line.to_owned());
        }
        self.take_captured.is_some()
    }

    /// Whether to colour.
    #[must_use]
    pub fn color(&self) -> bool {
        self.color
    }

    /// One line of data.
    pub fn data(&self, line: &str) -> io::Result<()> {
        if self.capture(line) {
            Ok(())
        } else {
            writeln!(io::stdout().lock(), "{line}")
        }
    }

    /// One line of data at an instant, as the wall clock here shows it.
    pub fn data_at(&self, at: Timestamp, line: &str) -> io::Result<()> {
        self.data(&format!("[{}] {line}", self.clock(at)))
    }

    /// A value as JSON.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.data(&serde_json::to_string_pretty(value)?)?)
    }

    /// Talk, beside the data. Nobody may be there to hear it.
    pub fn info(&self, line: &str) {
        if !self.capture(line) {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// An instant as the wall clock here shows it.
    #[must_use]
    pub fn clock(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone())
            .strftime("%H:%M:%S")
            .to_string()
    }

    /// The zone of that clock.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// A sentence of the operator for the reader, in language and time zone. `near` tells the day of its times.
    #[must_use]
    pub fn message(&self, text: &str, near: Timestamp) -> String {
        localize::localize(self.lang, text, near, &self.zone)
    }

    /// A step of the operator's trail for the reader.
    #[must_use]
    pub fn step(&self, text: &str, near: Timestamp) -> String {
        localize::localize_step(self.lang, text, near, &self.zone)
    }

    /// Text in a colour, where colour is wanted.
    #[must_use]
    pub fn styled(&self, paint: Style, text: &str) -> String {
        let code = match paint {
            Style::Dim => 2,
            Style::Good => 32,
            Style::Bad => 31,
        };
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Awaits an answer, says after a while of `whom` it is awaited, and gives up in the end.
    pub async fn wait<T, E>(
        &self,
        whom: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        Result<T, E>: Context<T, E>,
        anyhow::Error: From<E>,
    {
        let mut answer = std::pin::pin!(answer);
        if let Ok(answer) = tokio::time::timeout(QUIET_FOR, &mut answer).await {
            return Ok(answer?);
        }
        self.info(&format!("waiting for {whom} …"));
        match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => bail!(
                "{whom} did not answer within {} s",
                (QUIET_FOR + TIMEOUT).as_secs()
            ),
        }
    }
}

/// Whether the reader of our output has gone, which is no failure.
#[must_use]
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
