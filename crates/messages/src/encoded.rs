//! A code with its parameters: what travels instead of a sentence.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Named parameters: numbers, foreign texts, and codes with parameters of their own. Spans are in milliseconds, instants
/// in milliseconds since 1970.
pub type Params = Map<String, Value>;

/// No foreign text in a message is longer than this many characters.
const MAX_TEXT: usize = 200;

/// A code of the catalogue with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoded {
    /// The code.
    pub code: String,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Params,
}

impl Encoded {
    /// Encodes a value that serializes as a code with parameters, for example a reason or a step. Foreign text is bounded, and has no hidden characters.
    pub fn new(value: &impl Serialize) -> Self {
        let mut value = serde_json::to_value(value).unwrap_or_default();
        tame(&mut value);
        serde_json::from_value(value).unwrap_or_default()
    }
}

/// Bounds foreign text, and takes away what a screen does not show: a second line behind who received it.
fn tame(value: &mut Value) {
    match value {
        Value::String(text) => {
            // An escape sequence would reach a terminal.
            if text.contains(decide::is_hidden) {
                *text = text.replace(decide::is_hidden, " ");
            }
            if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tame),
        Value::Object(fields) => fields.values_mut().for_each(tame),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::{Reason, Time, Unavailable};

    #[test]
    fn reasons_are_codes_with_parameters() {
        let cause = Unavailable::RedisDown {
            address: "redis:6379".to_owned(),
            error: "e".repeat(5_000),
        };
        let since = Time(1_000);
        let Encoded { code, params } = Encoded::new(&Reason::Unknown { cause, since });
        assert_eq!(
            (code.as_str(), &params["since"]),
            ("Unknown", &1_000.into())
        );
        let cause = &params["cause"];
        assert_eq!(cause["code"], "RedisDown");
        assert_eq!(cause["params"]["address"], "redis:6379");
        let error = cause["params"]["error"].as_str().expect("a text");
        assert_eq!(error.chars().count(), MAX_TEXT + 1);
    }
}
