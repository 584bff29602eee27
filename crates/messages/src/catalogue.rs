//! A language's texts, and how a code with parameters becomes one of them.

use crate::encoded::{Encoded, Params};
use crate::span::span;
use decide::{Millis, Time};
use fluent_bundle::bundle::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use intl_memoizer::concurrent::IntlLangMemoizer;
use serde_json::Value;
use std::sync::LazyLock;

/// The languages: the code of each and its file. The first is English, the default.
pub const LANGUAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

static ENGLISH: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::new(LANGUAGES[0].0, |time| time.to_string()));

/// The texts of one language, with times in one time zone.
pub struct Catalogue {
    language: FluentBundle<FluentResource, IntlLangMemoizer>,
}

impl Catalogue {
    /// The texts of `language`, one of [`LANGUAGES`], or else in English; `time` formats an instant.
    pub fn new(language: &str, time: impl Fn(Time) -> String + Send + Sync + 'static) -> Self {
        let (code, source) = LANGUAGES
            .iter()
            .find(|(code, _)| *code == language)
            .unwrap_or(&LANGUAGES[0]);
        let mut bundle = FluentBundle::new_concurrent(vec![code.parse().unwrap_or_default()]);
        // The marks are for languages of both directions in one sentence, and terminals print them.
        bundle.set_use_isolating(false);
        // A test reads each file without an error; what English has alone is better than nothing.
        for source in [LANGUAGES[0].1, source] {
            bundle.add_resource_overriding(match FluentResource::try_new((*source).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            });
        }
        let added = [
            bundle.add_function("TIME", move |args, _| {
                whole(args).map_or(FluentValue::Error, |millis| time(Time(millis)).into())
            }),
            bundle.add_function("SPAN", |args, _| {
                whole(args).map_or(FluentValue::Error, |millis| span(Millis(millis)).into())
            }),
        ];
        debug_assert!(added.iter().all(Result::is_ok));
        Self { language: bundle }
    }

    /// English with times of day in UTC.
    pub fn english() -> &'static Self {
        &ENGLISH
    }

    /// The message of a decision that changes `from` replicas to `to`; `None` if no language has this reason with these
    /// parameters.
    pub fn reason(&self, reason: &Encoded, from: i32, to: i32) -> Option<String> {
        let mut params = Params::from_iter([
            ("from".to_owned(), from.into()),
            ("to".to_owned(), to.into()),
        ]);
        params.extend(reason.params.clone());
        self.text(&format!("reason-{}", reason.code), &params)
    }

    /// Whether a language has the message of this reason.
    pub fn knows(&self, reason: &Encoded) -> bool {
        self.language
            .has_message(&format!("reason-{}", reason.code))
    }

    /// Why a metric cannot be read; `None` if no language has this cause.
    pub fn cause(&self, cause: &Encoded) -> Option<String> {
        self.text(&format!("cause-{}", cause.code), &cause.params)
    }

    /// The message of a condition with this reason; `None` if it is another text's, such as the decision's.
    pub fn condition(&self, reason: &str) -> Option<String> {
        self.text(&format!("condition-{reason}"), &Params::new())
    }

    /// What the end of a pod does to its task; `None` if no language has this code.
    pub fn pod_end(&self, pod_end: &Encoded) -> Option<String> {
        self.text(&format!("condition-{}", pod_end.code), &pod_end.params)
    }

    /// The name of a step and its detail; `None` if no language has this step.
    pub fn step(&self, step: &Encoded) -> Option<(String, String)> {
        let text = |kind| self.text(&format!("{kind}-{}", step.code), &step.params);
        Some((text("name")?, text("step")?))
    }

    /// The text of `key` with `params`; `None` if no language has it, or if a parameter is missing. Of the attributes, the
    /// first whose parameters are all there takes the place of the text: `.by-until` needs `by` and `until`.
    pub fn text(&self, key: &str, params: &Params) -> Option<String> {
        let message = self.language.get_message(key)?;
        let pattern = message
            .attributes()
            .find(|attribute| {
                let mut names = attribute.id().split('-');
                names.all(|name| params.contains_key(name))
            })
            .map(|attribute| attribute.value())
            .or_else(|| message.value())?;
        let mut args = FluentArgs::with_capacity(params.len() + 1);
        for (name, value) in params {
            args.set(name.as_str(), self.argument(name, value, params)?);
        }
        args.set("moves", moves(params));
        let mut errors = Vec::new();
        let text = self
            .language
            .format_pattern(pattern, Some(&args), &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }

    /// A parameter of a text. One that has parameters itself is a text: with a code, that of `name-code`.
    fn argument<'a>(
        &self,
        name: &str,
        value: &'a Value,
        params: &Params,
    ) -> Option<FluentValue<'a>> {
        Some(match value {
            Value::String(text) => text.as_str().into(),
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Number(number) => number.as_i64().unwrap_or_default().into(),
            Value::Object(fields) => {
                let (key, own) = match (fields.get("code"), fields.get("params")) {
                    (Some(Value::String(code)), Some(Value::Object(own))) => {
                        (format!("{name}-{code}"), Some(own))
                    }
                    (Some(Value::String(code)), _) => (format!("{name}-{code}"), None),
                    _ => (name.to_owned(), Some(fields)),
                };
                let mut inner = params.clone();
                inner.remove(name);
                inner.extend(own.cloned().unwrap_or_default());
                self.text(&key, &inner)?.into()
            }
            _ => FluentValue::None,
        })
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let languages = &self.language.locales;
        f.debug_struct("Catalogue")
            .field("languages", languages)
            .finish_non_exhaustive()
    }
}

/// Whether the replica count changes: `no`, `yes`, or why the operator cannot protect busy workers.
fn moves(params: &Params) -> &'static str {
    if params.get("from") == params.get("to") {
        return "no";
    }
    let mut why = ["unguarded", "refused", "unmatched"].into_iter();
    why.find(|why| params.contains_key(*why)).unwrap_or("yes")
}

/// The number that a function of a catalogue got.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
fn whole(args: &[FluentValue]) -> Option<i64> {
    match args {
        [FluentValue::Number(number)] => Some(number.value as i64),
        _ => None,
    }
}
