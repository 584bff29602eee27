//! Durations in Go's syntax, as in YAML and in flags: `45s`, `5m`, `1h30m`.

use decide::Millis;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A duration in whole milliseconds; in the API a Go-style string that matches [`Duration::PATTERN`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Millis);

/// The text is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a duration: write numbers with units ms, s, m or h, like 45s, 5m or 1h30m")]
pub struct ParseDurationError(String);

impl Duration {
    /// The pattern that the API server enforces: what it accepts can be read, and added to an instant. Eleven years of
    /// hours are enough.
    pub const PATTERN: &str = "^([0-9]{1,10}ms|[0-9]{1,9}s|[0-9]{1,7}m|[0-9]{1,5}h)+$";

    /// A duration of `n` seconds.
    pub const fn seconds(n: i64) -> Self {
        Self(Millis::seconds(n))
    }

    /// The same as a standard duration; zero if negative.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.0.max(0).unsigned_abs())
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseDurationError(text.to_owned());
        let mut rest = text;
        let mut total = 0i64;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: i64 = rest[..digits].parse().map_err(|_| invalid())?;
            rest = &rest[digits..];
            let (unit, length) = match rest {
                _ if rest.starts_with("ms") => (1, 2),
                _ if rest.starts_with('s') => (1000, 1),
                _ if rest.starts_with('m') => (60_000, 1),
                _ if rest.starts_with('h') => (3_600_000, 1),
                _ => return Err(invalid()),
            };
            total = number
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(invalid)?;
            rest = &rest[length..];
        }
        if text.is_empty() {
            Err(invalid())
        } else {
            Ok(Self(Millis(total)))
        }
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN, "maxLength": 24})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_go_syntax() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("45s", 45_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
        ] {
            assert_eq!(text.parse(), Ok(Duration(Millis(millis))), "{text}");
        }
    }

    #[test]
    fn rejects_other_text_with_an_example() {
        for text in [
            "",
            "5",
            "m",
            "-5s",
            "1d",
            "1.5s",
            "5 s",
            "9999999999999999h",
        ] {
            let error = text.parse::<Duration>().expect_err(text);
            assert!(error.to_string().contains("like 45s"), "{error}");
        }
    }

    #[test]
    fn what_the_pattern_accepts_can_be_read() {
        let most = [
            "99999h99999h99999h99999h",
            "9999999999ms9999999999ms",
            "0h0m0s0ms",
        ];
        for text in most {
            assert!(
                text.len() <= 24 && text.parse::<Duration>().is_ok(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn round_trips(millis in 0i64..1_000_000_000_000) {
            let duration = Duration(Millis(millis));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
