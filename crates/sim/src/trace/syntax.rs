//! What all lines of JSON have in common: an object with the time `t` in seconds, in ascending order.

use decide::Time;
use serde_json::{Map, Number, Value, json};

/// The lines that are not empty, with their numbers from 1.
pub fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(index, text)| (index + 1, text))
}

/// Fails when `at` is before the time of the previous line.
pub fn check_order(number: usize, previous: Option<Time>, at: Time) -> Result<(), String> {
    match previous {
        Some(previous) if at < previous => Err(format!(
            "line {number}: t goes back from {} to {}: sort the lines by t",
            seconds(previous.0),
            seconds(at.0)
        )),
        _ => Ok(()),
    }
}

pub fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("not an object: write one such as {\"t\": 0, \"ready\": 3}".to_owned()),
        Err(error) => Err(format!(
            "not valid JSON ({error}): write one object per line, such as {{\"t\": 0, \"ready\": 3}}"
        )),
    }
}

/// Removes `t` from `fields` and parses it.
pub fn take_time(fields: &mut Map<String, Value>) -> Result<Time, String> {
    let value = fields
        .remove("t")
        .ok_or("t is missing: write the time in seconds, from 0 or since 1970")?;
    value
        .as_f64()
        .filter(|t| (0.0..1e11).contains(t))
        .map(|t| Time(millis(t)))
        .ok_or_else(|| format!("t is {value}: write seconds, from 0 or since 1970"))
}

/// Converts seconds to milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and the numbers were checked"
)]
pub fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// Formats milliseconds as seconds: whole ones without a decimal point.
#[expect(clippy::cast_precision_loss, reason = "times far below 2^52")]
pub fn seconds(millis: i64) -> Value {
    if millis % 1000 == 0 {
        json!(millis / 1000)
    } else {
        float(millis as f64 / 1000.0)
    }
}

/// A number rounded to three decimal places.
pub fn float(n: f64) -> Value {
    Number::from_f64((n * 1000.0).round() / 1000.0).map_or(Value::Null, Value::Number)
}
