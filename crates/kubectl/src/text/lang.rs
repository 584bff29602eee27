//! The language of the output: from `--lang`, else from the locale.

use clap::ValueEnum;
use std::ffi::OsString;

/// A language of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

impl Lang {
    /// The code of the language.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// The language of the locale variables, in the order of POSIX.
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        match ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set) {
            Some(locale) if locale.to_ascii_lowercase().starts_with("es") => Self::Es,
            _ => Self::En,
        }
    }

    /// The language of `--lang` in unparsed arguments, else of the locale.
    pub fn of_args(args: &[OsString]) -> Self {
        let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
        let separate = words
            .windows(2)
            .find(|pair| pair[0] == "--lang")
            .map(|pair| pair[1].as_ref());
        let value = separate.or_else(|| words.iter().find_map(|word| word.strip_prefix("--lang=")));
        let lang = value.and_then(|word| Self::from_str(word, true).ok());
        lang.unwrap_or_else(|| Self::of_locale(|name| std::env::var(name).ok()))
    }
}

/// A text in the given language, with `format!`'s arguments from the scope: `tr!(lang, "{n} wait", "{n} esperan")`.
macro_rules! tr {
    ($lang:expr, $en:literal, $es:literal $(,)?) => {
        match $lang {
            $crate::text::lang::Lang::En => format!($en),
            $crate::text::lang::Lang::Es => format!($es),
        }
    };
}
pub(crate) use tr;

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&[("LANG", "es_ES.UTF-8")], Lang::Es)]
    #[case(&[("LANG", "es_MX"), ("LC_ALL", "C")], Lang::En)]
    #[case(&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "es")], Lang::Es)]
    #[case(&[("LC_ALL", ""), ("LANG", "es")], Lang::Es)]
    #[case(&[], Lang::En)]
    fn reads_locale_variables_in_posix_order(#[case] set: &[(&str, &str)], #[case] expected: Lang) {
        let variable = |name: &str| {
            set.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Lang::of_locale(variable), expected);
    }
}
