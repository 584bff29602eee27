//! The only module that prints: data to standard output, messages to standard error; and waiting with a timeout.

use super::lang::{Lang, tr};
use anyhow::{Context, bail};
use api::{Explanation, StepStatus, timestamp};
use futures::FutureExt;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use messages::{Catalogue, Encoded};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is dumb.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
}

/// The meaning of a coloured text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A note beside the data.
    Dim,
    /// Success.
    Good,
    /// Something to look at.
    Warning,
    /// Failure.
    Bad,
}

/// How long to wait before a message says what for.
const QUIET_FOR: Duration = Duration::from_secs(2);
/// How long to wait after that message before giving up.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Prints all output.
#[derive(Clone, Debug)]
pub struct Out {
    /// The language of the messages; [`Self::set_lang`] changes it.
    pub lang: Lang,
    catalogue: Arc<Catalogue>,
    color: bool,
    zone: TimeZone,
    /// Times of another day than this one's have their date; without it, none has.
    now: Option<fn() -> Timestamp>,
    /// Collects the lines instead of printing them, while a screen is drawn.
    lines: Option<Arc<Mutex<Vec<String>>>>,
}

impl Out {
    /// An output in the system's time zone.
    pub fn new(color: Color, lang: Lang) -> Self {
        Self::with_clock(color, lang, TimeZone::system(), Some(Timestamp::now))
    }

    /// An output without colours in the time zone `zone`, whose messages have times of day without dates.
    #[cfg(test)]
    pub fn plain(lang: Lang, zone: TimeZone) -> Self {
        Self::with_clock(Color::Never, lang, zone, None)
    }

    fn with_clock(
        color: Color,
        lang: Lang,
        zone: TimeZone,
        now: Option<fn() -> Timestamp>,
    ) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        #[cfg(windows)] // A console must be asked to support colours.
        let dumb = dumb || !ratatui::crossterm::ansi_support::supports_ansi();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        };
        Self {
            lang,
            catalogue: catalogue(lang, zone.clone(), now),
            color,
            zone,
            now,
            lines: None,
        }
    }

    /// Switches to another language.
    pub fn set_lang(&mut self, lang: Lang) {
        self.lang = lang;
        self.catalogue = catalogue(lang, self.zone.clone(), self.now);
    }

    /// The same output, but it captures the lines and does not print them.
    pub fn captured(&self) -> Self {
        Self {
            color: false,
            lines: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// Takes the lines that were captured so far.
    pub fn take_captured(&self) -> Vec<String> {
        self.captured_lines()
            .map(|mut lines| std::mem::take(&mut *lines))
            .unwrap_or_default()
    }

    /// Captures a line; false if lines are printed.
    fn capture(&self, line: &str) -> bool {
        let lines = self.captured_lines();
        lines.map(|mut lines| lines.push(line.to_owned())).is_some()
    }

    fn captured_lines(&self) -> Option<MutexGuard<'_, Vec<String>>> {
        let lines = self.lines.as_ref()?;
        Some(lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether to use colour.
    pub fn color(&self) -> bool {
        self.color
    }

    /// Prints one line of data.
    pub fn data(&self, line: &str) -> io::Result<()> {
        if self.capture(line) {
            Ok(())
        } else {
            writeln!(io::stdout().lock(), "{line}")
        }
    }

    /// Prints one line of data with its local time.
    pub fn data_at(&self, at: Timestamp, line: &str) -> io::Result<()> {
        self.data(&format!("[{}] {line}", self.clock(at)))
    }

    /// Prints a value as JSON.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.data(&serde_json::to_string_pretty(value)?)?)
    }

    /// Prints a message to standard error; ignores an error, since standard error may be closed.
    pub fn info(&self, line: &str) {
        if !self.capture(line) {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// The local time of day.
    pub fn clock(&self, at: Timestamp) -> String {
        self.local(at).strftime("%H:%M:%S").to_string()
    }

    /// The time in the time zone of the output.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// Why the replica count is what it is, in the language and time zone of the output.
    pub fn message(&self, explanation: impl Into<Explanation>) -> String {
        explanation.into().text(&self.catalogue)
    }

    /// The name and the detail of a decision's step in the language and time zone of the output.
    pub fn step(&self, step: &StepStatus) -> (String, String) {
        self.catalogue
            .step(&step.encoded())
            .unwrap_or_else(|| (step.name.clone(), step.detail.clone()))
    }

    /// Why metrics are missing, in the language and time zone of the output.
    pub fn cause(&self, cause: &Encoded) -> String {
        let text = self.catalogue.cause(cause);
        text.unwrap_or_else(|| cause.code.clone())
    }

    /// The message of a condition with this reason in the language of the output.
    pub fn condition(&self, reason: &str) -> Option<String> {
        self.catalogue.condition(reason)
    }

    /// Text in a style, if the output uses colour.
    pub fn styled(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Dim => 2,
            Style::Good => 32,
            Style::Warning => 33,
            Style::Bad => 31,
        };
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Lines with a label and a text each, the texts below each other.
    pub fn rows(&self, rows: &[(String, String)]) -> Vec<String> {
        let width = width(rows.iter().map(|(label, _)| label));
        let row = |(label, text): &(String, String)| {
            let gap = " ".repeat(width - label.chars().count());
            format!("  {}{gap}  {text}", self.styled(Style::Dim, label))
        };
        rows.iter().map(row).collect()
    }

    /// The same as [`Self::wait`], with the response's own error for the caller.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        response: impl Future<Output = T>,
    ) -> anyhow::Result<T> {
        self.wait(what, response.map(anyhow::Ok)).await
    }

    /// Awaits a response; after a while prints that it waits for `what`, and in the end times out.
    pub async fn wait<T, E>(
        &self,
        what: &str,
        response: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        Result<T, E>: Context<T, E>,
        anyhow::Error: From<E>,
    {
        let mut response = std::pin::pin!(response);
        if let Ok(response) = tokio::time::timeout(QUIET_FOR, &mut response).await {
            return Ok(response?);
        }
        self.info(&tr!(self.lang, "cli-waiting", what));
        if let Ok(response) = tokio::time::timeout(TIMEOUT, response).await {
            return Ok(response?);
        }
        let seconds = (QUIET_FOR + TIMEOUT).as_secs();
        bail!(tr!(self.lang, "cli-waited", what, seconds))
    }
}

/// The texts of a language with times of day in `zone`.
fn catalogue(lang: Lang, zone: TimeZone, now: Option<fn() -> Timestamp>) -> Arc<Catalogue> {
    let clock = move |time| {
        let at = timestamp(time);
        local_time(at, now.map_or(at, |now| now()), &zone)
    };
    Arc::new(Catalogue::new(lang.code(), clock))
}

/// The width of the widest of these texts.
pub fn width(texts: impl IntoIterator<Item = impl AsRef<str>>) -> usize {
    let widths = texts.into_iter().map(|text| text.as_ref().chars().count());
    widths.max().unwrap_or(0)
}

/// Whether an error means that standard output was closed, which is not a failure.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The local time of day, with the date if it is not today's. The times of a trace that is older than a month go without:
/// there the day is known.
fn local_time(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let is_near = (at.as_second() - now.as_second()).abs() < 30 * 86_400;
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if is_near && at.date() != now.date() {
        "%Y-%m-%d %H:%M:%S"
    } else {
        "%H:%M:%S"
    };
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_messages_are_local_and_have_a_date_if_needed() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let parse = |text: &str| text.parse().expect("a time");
        let now = parse("2026-11-27T08:16:30Z");
        let local = |text: &str| local_time(parse(text), now, &zone);
        assert_eq!(local("2026-11-27T08:14:05Z"), "09:14:05");
        assert_eq!(local("2026-11-27T23:00:00Z"), "2026-11-28 00:00:00");
        assert_eq!(local("2023-11-14T22:13:20Z"), "23:13:20", "of an old trace");
    }
}
