//! Which key does what: one table, from which the help is made too.

use crate::text::lang::{Lang, tr};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// End the program.
    Quit,
    /// Show the keys.
    Help,
    /// Back to now, to all pools, to no filter.
    Back,
    /// Open the pool under the cursor.
    Open,
    /// Show all pools.
    Pools,
    /// Choose which are shown.
    Filter,
    /// Up or down by so many rows.
    Move(isize),
    /// Earlier or later by so many steps.
    Time(i64),
    /// To the decision before or after.
    Decision(i64),
    /// Stand still, or follow again.
    Freeze,
    /// To the first row, or the beginning of what is known.
    First,
    /// To the last row, or to now.
    Last,
    /// Show more or less time.
    Range(isize),
    /// Show one pane large, the next one, all.
    Pane,
    /// The other language.
    Language,
    /// Push a burst.
    Stress,
    /// Pin the number.
    Scale,
    /// Change nothing for a while.
    Pause,
    /// Let the rules decide again.
    Resume,
}

struct Binding {
    keys: &'static [KeyCode],
    action: Action,
}

const fn on(keys: &'static [KeyCode], action: Action) -> Binding {
    Binding { keys, action }
}

const BINDINGS: &[Binding] = &[
    on(&[KeyCode::Left, KeyCode::Char('h')], Action::Time(-1)),
    on(&[KeyCode::Right, KeyCode::Char('l')], Action::Time(1)),
    on(&[KeyCode::Char('[')], Action::Decision(-1)),
    on(&[KeyCode::Char(']')], Action::Decision(1)),
    on(&[KeyCode::Char(' ')], Action::Freeze),
    on(&[KeyCode::Home, KeyCode::Char('g')], Action::First),
    on(&[KeyCode::End, KeyCode::Char('G')], Action::Last),
    on(&[KeyCode::Char('+'), KeyCode::Char('=')], Action::Range(-1)),
    on(&[KeyCode::Char('-')], Action::Range(1)),
    on(&[KeyCode::Tab], Action::Pane),
    on(&[KeyCode::Up, KeyCode::Char('k')], Action::Move(-1)),
    on(&[KeyCode::Down, KeyCode::Char('j')], Action::Move(1)),
    on(&[KeyCode::PageUp], Action::Move(-10)),
    on(&[KeyCode::PageDown], Action::Move(10)),
    on(&[KeyCode::Enter], Action::Open),
    on(&[KeyCode::Esc, KeyCode::Backspace], Action::Back),
    on(&[KeyCode::Char('b')], Action::Pools),
    on(&[KeyCode::Char('/')], Action::Filter),
    on(&[KeyCode::Char('s')], Action::Stress),
    on(&[KeyCode::Char('n')], Action::Scale),
    on(&[KeyCode::Char('p')], Action::Pause),
    on(&[KeyCode::Char('r')], Action::Resume),
    on(&[KeyCode::Char('L')], Action::Language),
    on(&[KeyCode::Char('?'), KeyCode::F(1)], Action::Help),
    on(&[KeyCode::Char('q')], Action::Quit),
];

/// What a key asks for; Windows tells of keys that are let go, too.
#[must_use]
pub fn action(key: KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return (key.code == KeyCode::Char('c')).then_some(Action::Quit);
    }
    BINDINGS
        .iter()
        .find(|binding| binding.keys.contains(&key.code))
        .map(|binding| binding.action)
}

/// The keys and what they do, a line each.
#[must_use]
pub fn help(lang: Lang, readonly: bool) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for Binding { keys, action } in BINDINGS {
        let Some(says) = describe(*action, lang, readonly) else {
            continue;
        };
        let shown: Vec<String> = keys.iter().copied().map(name).collect();
        match lines.last_mut() {
            // Two directions of one thing share a line.
            Some((before, same)) if *same == says => {
                *before = format!("{before}  {}", shown.join(" "))
            }
            _ => lines.push((shown.join(" "), says)),
        }
    }
    lines
}

fn describe(action: Action, lang: Lang, readonly: bool) -> Option<String> {
    let writes = matches!(
        action,
        Action::Stress | Action::Scale | Action::Pause | Action::Resume
    );
    (!(readonly && writes)).then(|| match action {
        Action::Quit => tr!(lang, "quit (so does ctrl-c)", "salir (también ctrl-c)"),
        Action::Help => tr!(lang, "this help", "esta ayuda"),
        Action::Back => tr!(
            lang,
            "back: to now, to all pools, no filter",
            "volver: a ahora, a todos los pools, sin filtro"
        ),
        Action::Open => tr!(lang, "open the pool", "abrir el pool"),
        Action::Pools => tr!(lang, "all pools", "todos los pools"),
        Action::Filter => tr!(
            lang,
            "filter: name, reason, !not",
            "filtrar: nombre, motivo, !no"
        ),
        Action::Move(-1 | 1) => tr!(lang, "row, or scroll", "fila, o desplazar"),
        Action::Move(_) => tr!(lang, "ten rows", "diez filas"),
        Action::Time(_) => tr!(lang, "earlier, later", "antes, después"),
        Action::Decision(_) => tr!(
            lang,
            "decision before, after",
            "decisión anterior, siguiente"
        ),
        Action::Freeze => tr!(lang, "freeze and follow", "congelar y seguir"),
        Action::First => tr!(
            lang,
            "first row, or the beginning",
            "primera fila, o el comienzo"
        ),
        Action::Last => tr!(lang, "last row, or now", "última fila, o ahora"),
        Action::Range(_) => tr!(lang, "less or more time", "menos o más tiempo"),
        Action::Pane => {
            tr!(
                lang,
                "workers, decision or history large",
                "workers, decisión o historial en grande"
            )
        }
        Action::Language => tr!(lang, "en español", "in English"),
        Action::Stress => tr!(
            lang,
            "stress: push a burst of tasks",
            "stress: enviar una ráfaga de tareas"
        ),
        Action::Scale => {
            tr!(
                lang,
                "number: pin the workers, or auto",
                "número: fijar los workers, o auto"
            )
        }
        Action::Pause => {
            tr!(
                lang,
                "pause: change nothing for a while",
                "pausa: no cambiar nada por un tiempo"
            )
        }
        Action::Resume => {
            tr!(
                lang,
                "resume: the rules decide again",
                "reanudar: las reglas deciden de nuevo"
            )
        }
    })
}

fn name(key: KeyCode) -> String {
    match key {
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let mut all: Vec<KeyCode> = BINDINGS
            .iter()
            .flat_map(|binding| binding.keys)
            .copied()
            .collect();
        let count = all.len();
        all.sort_by_key(|key| format!("{key:?}"));
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_key_that_is_let_go_does_nothing() {
        let mut key = KeyEvent::from(KeyCode::Char('q'));
        assert_eq!(action(key), Some(Action::Quit));
        key.kind = KeyEventKind::Release;
        assert_eq!(action(key), None);
    }
}
