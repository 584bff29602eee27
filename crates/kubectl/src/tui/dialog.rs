//! Boxes over the screen: the help, and the prompt of a write operation.

use super::app::{App, Mode};
use super::keys::{Action, help};
use super::prompt::{Operation, Prompt};
use super::style::{line, wrap};
use crate::commands::scale::Pin;
use crate::text::lang::{Lang, tr};
use crate::text::output::width;
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::widgets::{Block, Clear, Widget};

/// The smallest width of a box, without its border.
const MIN_WIDTH: usize = 24;

/// Draws the box of the current mode, if it has one.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    match &app.mode {
        Mode::Help => {
            let title = tr!(lang, "cli-screen-keys");
            draw_box(buffer, area, &title, &help_lines(lang, app.readonly));
        }
        Mode::Prompt(prompt) => {
            let name = app.subject().map_or(String::new(), |key| key.to_string());
            let lines = match &prompt.operation {
                Some(operation) => confirmation(lang, &name, operation),
                None => input(lang, &name, prompt),
            };
            draw_box(buffer, area, "?", &lines);
        }
        Mode::Normal | Mode::Filter => {}
    }
}

fn help_lines(lang: Lang, readonly: bool) -> Vec<String> {
    let lines = help(lang, readonly);
    let width = width(lines.iter().map(|(keys, _)| keys));
    lines
        .into_iter()
        .map(|(keys, description)| format!("{keys:width$}  {description}"))
        .collect()
}

/// The question, the input so far, what is wrong with it, and the keys.
fn input(lang: Lang, name: &str, prompt: &Prompt) -> Vec<String> {
    let question = match prompt.action {
        Action::Stress => tr!(lang, "cli-ask-tasks", name),
        Action::Scale => tr!(lang, "cli-ask-workers", name),
        _ => tr!(lang, "cli-ask-pause", name),
    };
    let typed = format!("> {}█", prompt.text);
    let keys = tr!(lang, "cli-ask-keys");
    [
        Some(question),
        Some(typed),
        prompt.error.clone(),
        Some(keys),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What will be done, and the keys to confirm.
fn confirmation(lang: Lang, name: &str, operation: &Operation) -> Vec<String> {
    let question = match operation {
        Operation::Stress(tasks) => tr!(lang, "cli-confirm-push", tasks, name),
        Operation::Scale(Pin::Auto, _) => tr!(lang, "cli-confirm-auto", name),
        Operation::Scale(Pin::To(n), Some(span)) => {
            let span = messages::span(span.0);
            tr!(lang, "cli-confirm-pin-for", name, n, span)
        }
        Operation::Scale(Pin::To(n), None) => tr!(lang, "cli-confirm-pin", name, n),
        Operation::Pause(span, reason) => {
            let reason = reason
                .as_ref()
                .map_or(String::new(), |reason| format!(" ({reason})"));
            match span.map(|span| messages::span(span.0)) {
                Some(span) => tr!(lang, "cli-confirm-suspend-for", name, span, reason),
                None => tr!(lang, "cli-confirm-suspend", name, reason),
            }
        }
        Operation::Resume => tr!(lang, "cli-confirm-resume", name),
    };
    let keys = tr!(lang, "cli-confirm-keys");
    vec![question, String::new(), keys]
}

/// Draws a box in the middle of `area`.
fn draw_box(buffer: &mut Buffer, area: Rect, title: &str, lines: &[String]) {
    let max_width = usize::from(area.width) - 6;
    let lines: Vec<String> = lines
        .iter()
        .flat_map(|text| {
            if text.chars().count() > max_width {
                wrap(text, max_width)
            } else {
                vec![text.clone()]
            }
        })
        .collect();
    let at_most = |n: usize, most: u16| u16::try_from(n).map_or(most, |n| n.min(most));
    let width = at_most(width(&lines).max(MIN_WIDTH) + 4, area.width);
    let height = at_most(lines.len() + 2, area.height);
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(frame, buffer);
    Block::bordered()
        .title(format!(" {title} "))
        .render(frame, buffer);
    let inner = frame.inner(Margin::new(2, 1));
    for (row, text) in (0..inner.height).zip(lines) {
        line(buffer, inner, row, text);
    }
}
