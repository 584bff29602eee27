//! The key table: which key runs which action. The help is built from it.

use crate::text::lang::{Lang, tr};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Quit the program.
    Quit,
    /// Show the keys.
    Help,
    /// Back to the present, to the list of pools, to the whole list.
    Back,
    /// Open the selected pool.
    Open,
    /// Show the list of pools.
    Pools,
    /// Filter the list of pools.
    Filter,
    /// Move the cursor, or scroll, by so many rows.
    Move(isize),
    /// Move through time by so many steps.
    Time(i64),
    /// Go to the previous or the next change.
    Change(i64),
    /// Freeze the screen, or follow the present again.
    Freeze,
    /// Go to the first row, or to the begin of the timeline.
    First,
    /// Go to the last row, or to the present.
    Last,
    /// Show more or less time.
    Range(isize),
    /// Enlarge the next pane, or show all.
    Pane,
    /// Switch the language.
    Language,
    /// Push a burst of tasks.
    Stress,
    /// Pin the replicas.
    Scale,
    /// Suspend scaling.
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
    on(&[KeyCode::Char('[')], Action::Change(-1)),
    on(&[KeyCode::Char(']')], Action::Change(1)),
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

/// The action of a key. Windows also reports the release of keys, which is ignored.
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

/// The keys and their descriptions, one line each; read-only, without the write operations.
pub fn help(lang: Lang, readonly: bool) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    for Binding { keys, action } in BINDINGS {
        if readonly && is_write(*action) {
            continue;
        }
        let description = describe(*action, lang);
        let names: Vec<String> = keys.iter().map(|key| name(*key, lang)).collect();
        match lines.last_mut() {
            // Both directions of an action share a line.
            Some((before, same)) if *same == description => {
                *before = format!("{before}  {}", names.join(" "));
            }
            _ => lines.push((names.join(" "), description)),
        }
    }
    lines
}

fn is_write(action: Action) -> bool {
    matches!(
        action,
        Action::Stress | Action::Scale | Action::Pause | Action::Resume
    )
}

fn describe(action: Action, lang: Lang) -> String {
    match action {
        Action::Quit => tr!(lang, "cli-key-quit"),
        Action::Help => tr!(lang, "cli-key-help"),
        Action::Back => tr!(lang, "cli-key-back"),
        Action::Open => tr!(lang, "cli-key-open"),
        Action::Pools => tr!(lang, "cli-key-pools"),
        Action::Filter => tr!(lang, "cli-key-filter"),
        Action::Move(-1 | 1) => tr!(lang, "cli-key-move"),
        Action::Move(_) => tr!(lang, "cli-key-move-ten"),
        Action::Time(_) => tr!(lang, "cli-key-time"),
        Action::Change(_) => tr!(lang, "cli-key-change"),
        Action::Freeze => tr!(lang, "cli-key-freeze"),
        Action::First => tr!(lang, "cli-key-first"),
        Action::Last => tr!(lang, "cli-key-last"),
        Action::Range(_) => tr!(lang, "cli-key-range"),
        Action::Pane => tr!(lang, "cli-key-pane"),
        Action::Language => tr!(lang.next(), "cli-key-language"),
        Action::Stress => tr!(lang, "cli-key-stress"),
        Action::Scale => tr!(lang, "cli-key-scale"),
        Action::Pause => tr!(lang, "cli-key-pause"),
        Action::Resume => tr!(lang, "cli-key-resume"),
    }
}

fn name(key: KeyCode, lang: Lang) -> String {
    match key {
        KeyCode::Left => "←".to_owned(),
        KeyCode::Right => "→".to_owned(),
        KeyCode::Up => "↑".to_owned(),
        KeyCode::Down => "↓".to_owned(),
        KeyCode::Char(' ') => tr!(lang, "cli-key-space"),
        KeyCode::PageUp => "PgUp".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_one_action() {
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
    fn key_releases_are_ignored() {
        let mut key = KeyEvent::from(KeyCode::Char('q'));
        assert_eq!(action(key), Some(Action::Quit));
        key.kind = KeyEventKind::Release;
        assert_eq!(action(key), None);
    }
}
