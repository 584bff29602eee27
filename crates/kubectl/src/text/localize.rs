//! The operator's messages in the language and time zone of the user. The operator writes them in English with times
//! in UTC; the table of the Spanish translations is shared with the web page.

use super::lang::Lang;
use crate::text::class_format::local_times;
use jiff::{Timestamp, tz::TimeZone};
use regex_lite::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

/// The translations of the operator's messages; `@1` is the first group of the pattern.
const TABLE: &str = include_str!("../../../../web/src/spanish.json");

/// The pattern of each message with its translation, and the words of the steps.
#[derive(Default, Deserialize)]
struct Table<Pattern> {
    messages: Vec<(Pattern, String)>,
    steps: Vec<(String, String)>,
}

static TRANSLATIONS: LazyLock<Table<Regex>> = LazyLock::new(|| {
    let Table { messages, steps } =
        serde_json::from_str::<Table<String>>(TABLE).unwrap_or_default();
    let messages = messages
        .into_iter()
        .filter_map(|(pattern, spanish)| Some((Regex::new(&pattern).ok()?, spanish)))
        .collect();
    Table { messages, steps }
});

/// Translates a message; one that is not in the table stays English. `near` gives the day of its times.
pub fn localize(lang: Lang, text: &str, near: Timestamp, zone: &TimeZone) -> String {
    let translated = match lang {
        Lang::En => None,
        Lang::Es => spanish(text),
    };
    local_times(translated.as_deref().unwrap_or(text), near, zone)
}

/// Translates the words of a step; names and numbers stay.
pub fn localize_step(lang: Lang, text: &str, near: Timestamp, zone: &TimeZone) -> String {
    let step = local_times(text, near, zone);
    match lang {
        Lang::En => step,
        Lang::Es => TRANSLATIONS
            .steps
            .iter()
            .fold(step, |step, (english, spanish)| {
                step.replace(english, spanish)
            }),
    }
}

/// The Spanish message; `None` if no pattern of the table matches.
fn spanish(text: &str) -> Option<String> {
    TRANSLATIONS
        .messages
        .iter()
        .find_map(|(pattern, spanish_text)| {
            let found = pattern.captures(text)?;
            Some(found.iter().enumerate().skip(1).fold(
                spanish_text.clone(),
                |message, (group, part)| {
                    let part = part.map_or("", |part| part.as_str());
                    message.replace(
                        &format!("@{group}"),
                        &spanish(part).unwrap_or_else(|| part.to_owned()),
                    )
                },
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_table_is_valid() {
        let table: Table<String> = serde_json::from_str(TABLE).expect("a table");
        assert!(table.messages.len() > 40 && TRANSLATIONS.messages.len() == table.messages.len());
    }

    #[rstest::rstest]
    #[case(
        "17 tasks wait, more than 8: 5 → 7 workers at 09:16:58 (cooldown)",
        "17 tareas esperan, más de 8: 5 → 7 workers a las 10:16:58, al acabar el cooldown"
    )]
    #[case(
        "idle for 75s: 5 → 3 workers",
        "inactivo desde hace 75s: 5 → 3 workers"
    )]
    #[case(
        "dry run, not written: 1 task waits, more than 0: 3 → 5 workers",
        "simulación, sin escribir: 1 tarea espera, más de 0: 3 → 5 workers"
    )]
    #[case("something quite new", "something quite new")]
    fn translates_messages(#[case] text: &str, #[case] expected: &str) {
        let near = "2026-03-04T09:15:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(localize(Lang::Es, text, near, &zone), expected);
    }
}
