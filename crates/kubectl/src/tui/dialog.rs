//! What lies over the screen: the help, and the question before a write.

use super::app::{App, Mode};
use super::keys::{Action, help};
use crate::commands::scale::Pin;
use crate::text::lang::tr;
use crate::tui::prompt::{Operation, Prompt};
use crate::tui::style::{Role, line, span, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

/// Draws it, where there is anything.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let lang = app.out.lang;
    match &app.mode {
        Mode::Help => {
            let lines = help(lang, app.readonly);
            let width = lines
                .iter()
                .map(|(keys, _)| keys.chars().count())
                .max()
                .unwrap_or(0);
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(keys, says)| format!("{keys:width$}  {says}"))
                .collect();
            over(buffer, area, &tr!(lang, "Keys", "Teclas"), &lines);
        }
        Mode::Ask(ask) => over(buffer, area, "?", &question(app, ask)),
        Mode::Normal | Mode::Filter => {}
    }
}

fn question(app: &App, ask: &Prompt) -> Vec<String> {
    let lang = app.out.lang;
    let name = app.subject().map_or(String::new(), |key| key.to_string());
    let Some(deed) = &ask.deed else {
        let asked = match ask.action {
            Action::Stress => tr!(lang, "{name}: how many tasks?", "{name}: ¿cuántas tareas?"),
            Action::Scale => tr!(
                lang,
                "{name}: how many workers? Such as 5, or 5 30m for half an hour, or auto for the rules",
                "{name}: ¿cuántos workers? Por ejemplo 5, o 5 30m para media hora, o auto para las reglas"
            ),
            _ => tr!(
                lang,
                "{name}: pause for how long, and why? Such as 30m exam; nothing: until resumed",
                "{name}: ¿pausa de cuánto, y por qué? Por ejemplo 30m examen; nada: hasta reanudar"
            ),
        };
        let typed = format!("> {}█", ask.text);
        let keys = tr!(lang, "enter: go on · esc: no", "enter: seguir · esc: no");
        return [Some(asked), Some(typed), ask.wrong.clone(), Some(keys)]
            .into_iter()
            .flatten()
            .collect();
    };
    let will = match deed {
        Operation::Stress(tasks) => {
            tr!(
                lang,
                "Push {tasks} tasks into {name}?",
                "¿Enviar {tasks} tareas a {name}?"
            )
        }
        Operation::Scale(Pin::Auto, _) => {
            tr!(
                lang,
                "Leave {name} to its rules again?",
                "¿Dejar {name} de nuevo a sus reglas?"
            )
        }
        Operation::Scale(Pin::To(n), span) => match span.map(|span| span.0) {
            Some(span) => tr!(
                lang,
                "Pin {name} to {n} workers for {span}, regardless of load?",
                "¿Fijar {name} en {n} workers durante {span}, diga lo que diga la cola?"
            ),
            None => tr!(
                lang,
                "Pin {name} to {n} workers, regardless of load, until `auto`?",
                "¿Fijar {name} en {n} workers, diga lo que diga la cola, hasta `auto`?"
            ),
        },
        Operation::Pause(span, reason) => {
            let reason = reason
                .as_ref()
                .map_or(String::new(), |reason| format!(" ({reason})"));
            match span.map(|span| span.0) {
                Some(span) => tr!(
                    lang,
                    "Pause {name} for {span}{reason}: nothing changes its number?",
                    "¿Pausar {name} durante {span}{reason}: nada cambia su número?"
                ),
                None => tr!(
                    lang,
                    "Pause {name} until it is resumed{reason}: nothing changes its number?",
                    "¿Pausar {name} hasta que se reanude{reason}: nada cambia su número?"
                ),
            }
        }
        Operation::Resume => tr!(
            lang,
            "Resume {name}: its rules decide again?",
            "¿Reanudar {name}: sus reglas deciden de nuevo?"
        ),
    };
    vec![
        will,
        String::new(),
        tr!(lang, "y: yes · any other key: no", "s: sí · otra tecla: no"),
    ]
}

/// A box in the middle.
fn over(buffer: &mut Buffer, area: Rect, title: &str, lines: &[String]) {
    let most = usize::from(area.width) - 6;
    let lines: Vec<String> = lines
        .iter()
        .flat_map(|text| {
            if text.chars().count() > most {
                wrap(text, most)
            } else {
                vec![text.clone()]
            }
        })
        .collect();
    let wide = lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
        .max(24)
        + 4;
    let width = u16::try_from(wide).unwrap_or(area.width).min(area.width);
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(area.height)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(place, buffer);
    Block::bordered()
        .title(format!(" {title} "))
        .render(place, buffer);
    let inner = Rect {
        x: place.x + 2,
        y: place.y + 1,
        width: width - 4,
        height: height - 2,
    };
    for (row, text) in (0..inner.height).zip(lines) {
        line(buffer, inner, row, vec![span(Role::Plain, text)]);
    }
}
