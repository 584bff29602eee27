//! The operator's sentences in the reader's language and by the reader's clock. They come in English with times in
//! UTC; the table of their Spanish is the web page's own.

use super::lang::Lang;
use crate::text::class_format::local_times;
use jiff::{Timestamp, tz::TimeZone};
use regex_lite::Regex;
use serde::Deserialize;
use std::sync::LazyLock;

/// The one table of the operator's words in Spanish; `@1` is the first group of the form.
const TABLE: &str = include_str!("../../../../web/src/spanish.json");

/// Each form of a sentence with its words in Spanish, and the few words of the trail.
#[derive(Default, Deserialize)]
struct Table<Form> {
    #[serde(rename = "messages")]
    sentences: Vec<(Form, String)>,
    steps: Vec<(String, String)>,
}

static WORDS: LazyLock<Table<Regex>> = LazyLock::new(|| {
    let Table { sentences, steps } =
        serde_json::from_str::<Table<String>>(TABLE).unwrap_or_default();
    let forms = sentences.into_iter();
    let sentences = forms
        .filter_map(|(form, words)| Some((Regex::new(&form).ok()?, words)))
        .collect();
    Table { sentences, steps }
});

/// A sentence for the reader; one that the table does not know stays English. `near` tells the day of its times.
#[must_use]
pub fn localize(lang: Lang, text: &str, near: Timestamp, zone: &TimeZone) -> String {
    let said = match lang {
        Lang::En => None,
        Lang::Es => spanish(text),
    };
    local_times(said.as_deref().unwrap_or(text), near, zone)
}

/// A step of the trail: its names and numbers stay.
#[must_use]
pub fn localize_step(lang: Lang, text: &str, near: Timestamp, zone: &TimeZone) -> String {
    let said = local_times(text, near, zone);
    match lang {
        Lang::En => said,
        Lang::Es => WORDS.steps.iter().fold(said, |said, (english, spanish)| {
            said.replace(english, spanish)
        }),
    }
}

/// `None` where no form of the table fits.
fn spanish(text: &str) -> Option<String> {
    WORDS.sentences.iter().find_map(|(form, words)| {
        let found = form.captures(text)?;
        Some(
            found
                .iter()
                .enumerate()
                .skip(1)
                .fold(words.clone(), |said, (group, part)| {
                    let part = part.map_or("", |part| part.as_str());
                    said.replace(
                        &format!("@{group}"),
                        &spanish(part).unwrap_or_else(|| part.to_owned()),
                    )
                }),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_table_can_be_read() {
        let table: Table<String> = serde_json::from_str(TABLE).expect("a table");
        assert!(table.sentences.len() > 40 && WORDS.sentences.len() == table.sentences.len());
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
    fn a_sentence_is_said_in_spanish(#[case] text: &str, #[case] expected: &str) {
        let near = "2026-03-04T09:15:00Z".parse().expect("a time");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(localize(Lang::Es, text, near, &zone), expected);
    }
}
