//! The arrivals of a simulation, from lines such as `{"t": 12.5, "n": 3}`.

use super::syntax::{check_order, numbered_lines, parse_object, take_time};
use decide::Time;
use serde_json::Value;

/// The maximum number of tasks of a simulation.
const MAX_TASKS: usize = 5_000_000;

/// The start of the simulation and the arrival time of each task, in microseconds.
///
/// # Errors
/// The number of the first line that is invalid, and what to write instead.
pub fn parse_arrivals(text: &str) -> Result<(i64, Vec<i64>), String> {
    let mut arrivals = Vec::new();
    let mut start: Option<Time> = None;
    let mut previous = None;
    for (number, text) in numbered_lines(text) {
        let (at, tasks) = parse_line(text).map_err(|error| format!("line {number}: {error}"))?;
        check_order(number, previous, at)?;
        if arrivals.len().saturating_add(tasks) > MAX_TASKS {
            return Err(format!(
                "line {number}: more than {MAX_TASKS} tasks: simulate a part of them"
            ));
        }
        previous = Some(at);
        start = start.or(previous);
        arrivals.extend(std::iter::repeat_n(at.0 * 1000, tasks));
    }
    let start = start.ok_or(
        "there are no arrivals: write when how many tasks arrive, such as {\"t\": 0, \"n\": 3}",
    )?;
    Ok((start.0 * 1000, arrivals))
}

/// The time of a line and its number of tasks.
fn parse_line(text: &str) -> Result<(Time, usize), String> {
    let mut fields = parse_object(text)?;
    let at = take_time(&mut fields)?;
    let tasks = fields
        .remove("n")
        .as_ref()
        .and_then(Value::as_u64)
        .and_then(|n| usize::try_from(n).ok())
        .ok_or("n, the number of tasks that arrive at t, must be a whole number from 0")?;
    match fields.keys().next() {
        Some(key) => Err(format!(
            "unknown field {key}: a line of arrivals is {{\"t\": seconds, \"n\": tasks}}"
        )),
        None => Ok((at, tasks)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_arrive_at_the_times_of_their_lines() {
        assert_eq!(
            parse_arrivals("{\"t\": 1, \"n\": 2}\n{\"t\": 1.5, \"n\": 1}"),
            Ok((1_000_000, vec![1_000_000, 1_000_000, 1_500_000]))
        );
    }

    #[test]
    fn invalid_arrivals_are_rejected() {
        for (text, expected) in [
            (
                "{\"t\": 1}",
                "line 1: n, the number of tasks that arrive at t, must be",
            ),
            (
                "{\"t\": 1, \"n\": 1}\n{\"t\": 0, \"n\": 1}",
                "line 2: t goes back",
            ),
            ("{\"t\": 1, \"n\": 1, \"m\": 2}", "line 1: unknown field m"),
            (
                "{\"t\": 1, \"n\": 6000000}",
                "line 1: more than 5000000 tasks",
            ),
            ("", "there are no arrivals"),
        ] {
            let error = parse_arrivals(text).expect_err(text);
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
