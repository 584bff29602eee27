//! The language of the output: from `--lang`, else from the locale. The texts of every language are in the catalogue.

use messages::{Catalogue, LANGUAGES, Params};
use serde_json::Value;
use std::ffi::OsString;
use std::fmt::Display;
use std::sync::OnceLock;

/// The texts of each language, parsed when the language is first used.
static CATALOGUES: [OnceLock<Catalogue>; LANGUAGES.len()] =
    [const { OnceLock::new() }; LANGUAGES.len()];

/// A language of the output: its place in [`LANGUAGES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lang(usize);

impl Lang {
    /// English, the default.
    pub const EN: Self = Self(0);

    /// The language with this code, such as `es`.
    pub fn of(code: &str) -> Option<Self> {
        let is_it = |(known, _): &(&str, &str)| known.eq_ignore_ascii_case(code);
        LANGUAGES.iter().position(is_it).map(Self)
    }

    /// The codes of all languages.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        LANGUAGES.iter().map(|(code, _)| *code)
    }

    /// The code of the language.
    pub fn code(self) -> &'static str {
        LANGUAGES[self.0].0
    }

    /// The next language; after the last one, the first.
    pub fn next(self) -> Self {
        Self((self.0 + 1) % LANGUAGES.len())
    }

    /// The text of `key` with `params`.
    pub fn text(self, key: &str, params: &Params) -> String {
        // No text of the plugin formats an instant: its commands format times before.
        let catalogue =
            CATALOGUES[self.0].get_or_init(|| Catalogue::new(self.code(), |time| time.to_string()));
        let text = catalogue.text(key, params);
        debug_assert!(text.is_some(), "no text {key} with {params:?}");
        text.unwrap_or_else(|| key.to_owned())
    }

    /// The language of this process' locale.
    pub fn of_environment() -> Self {
        Self::of_locale(|name| std::env::var(name).ok())
    }

    /// The language of the locale variables, in the order of POSIX.
    fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        locale
            .and_then(|locale| Self::named(&locale))
            .unwrap_or_default()
    }

    /// The language of a locale such as `es_MX.UTF-8`: that of the country, else that of all countries.
    fn named(locale: &str) -> Option<Self> {
        let name = locale.split(['.', '@']).next()?.replace('_', "-");
        let language = name.split('-').next()?;
        Self::of(&name).or_else(|| Self::of(language))
    }

    /// The language of `--lang` in unparsed arguments, else of the locale.
    pub fn of_args(args: &[OsString]) -> Self {
        let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
        let separate = words.windows(2).find(|pair| pair[0] == "--lang");
        let joined = || words.iter().find_map(|word| word.strip_prefix("--lang="));
        let value = separate.map(|pair| pair[1].as_ref()).or_else(joined);
        value
            .and_then(Self::of)
            .unwrap_or_else(Self::of_environment)
    }
}

/// A parameter of a text. A whole number, of whatever type, selects the plural; it shows the same digits either way.
pub fn param(value: &(impl Display + ?Sized)) -> Value {
    let text = value.to_string();
    match text.parse::<i32>() {
        Ok(number) if number.to_string() == text => number.into(),
        _ => text.into(),
    }
}

/// A text of the catalogue in the given language, with named parameters: `tr!(lang, "cli-ask-tasks", name)`, or
/// `tr!(lang, "cli-ask-tasks", name = pool.name_any())`. A test finds the keys in the sources, so they are literals.
macro_rules! tr {
    (@param $name:ident) => { $crate::text::lang::param(&$name) };
    (@param $name:ident $value:expr) => { $crate::text::lang::param(&$value) };
    ($lang:expr, $key:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        $lang.text(
            $key,
            &messages::Params::from_iter([$((
                stringify!($name).to_owned(),
                $crate::text::lang::tr!(@param $name $($value)?),
            )),*]),
        )
    };
}
pub(crate) use tr;

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&[("LANG", "es_ES.UTF-8")], "es")]
    #[case(&[("LANG", "es_MX"), ("LC_ALL", "C")], "en")]
    #[case(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "es")], "es")]
    #[case(&[("LC_ALL", ""), ("LANG", "es@euro")], "es")]
    #[case(&[("LANG", "est_EE.UTF-8")], "en")]
    #[case(&[], "en")]
    fn reads_locale_variables_in_posix_order(#[case] set: &[(&str, &str)], #[case] expected: &str) {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name);
        let variable = |name: &str| variable(name).map(|(_, value)| (*value).to_owned());
        assert_eq!(Lang::of_locale(variable).code(), expected);
    }

    #[test]
    fn next_goes_through_all_languages() {
        let mut lang = Lang::EN;
        for code in Lang::codes() {
            assert_eq!(lang.code(), code);
            lang = lang.next();
        }
        assert_eq!(lang, Lang::EN);
    }

    #[rstest::rstest]
    #[case("1", 1.into())]
    #[case("-7", (-7).into())]
    #[case("007", "007".into())]
    #[case("+7", "+7".into())]
    #[case("99999999999", "99999999999".into())]
    #[case("1.0", "1.0".into())]
    fn only_what_shows_the_same_digits_is_a_number(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(param(text), expected);
    }
}
