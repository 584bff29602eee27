//! The cases of `decide`: Markdown tables in tests/cases, one row per case.

use super::cells::NOW;
use super::row::Row;
use decide::{Decision, Millis, Reason, ReasonCode, Time, decide};
use std::collections::BTreeSet;
use std::path::Path;

/// A row of a table, with the decision.
struct Case {
    /// The file and the line.
    location: String,
    row: Row,
    decision: Decision,
}

/// Every row of every table.
fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(directory).expect("tests/cases") {
        let path = entry.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if name != "README.md" {
            let text = std::fs::read_to_string(&path).expect("a text");
            add_cases(&mut cases, &name, &text);
        }
    }
    cases
}

fn add_cases(cases: &mut Vec<Case>, file: &str, text: &str) {
    let mut columns: Option<Vec<&str>> = None;
    for line in text.lines() {
        let row = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        let Some(row) = row else {
            columns = None;
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Some(columns) = &columns else {
            columns = Some(cells);
            continue;
        };
        if cells.iter().all(|cell| cell.starts_with("---")) {
            continue;
        }
        let location = format!("{file}: {line}");
        assert_eq!(cells.len(), columns.len(), "{location}");
        let row = Row::read(columns, &cells);
        assert!(row.expected.replicas.is_some(), "no column →: {location}");
        let decision = decide(&row.spec, &row.observation, &row.memory, NOW);
        cases.push(Case {
            location,
            row,
            decision,
        });
    }
}

/// The parameters of a reason as a table has them: `rule QueueLength, value 9, threshold 8`.
fn parameters(reason: &Reason) -> String {
    let mut text = format!("{reason:?}");
    for (noise, plain) in [
        ("Trigger { ", ""),
        ("Who { ", ""),
        ("Some(", ""),
        ("Time(", "@"),
        ("Millis(", "~"),
        (" }", ""),
        (")", ""),
        ("\"", ""),
    ] {
        text = text.replace(noise, plain);
    }
    let Some((_, parameters)) = text.split_once(" { ") else {
        return "none".to_owned();
    };
    let parameters = parameters.replace(" { ", ", ");
    let shown = parameters.split(", ").filter_map(|parameter| {
        let (name, value) = parameter.rsplit_once(": ").unwrap_or((parameter, ""));
        let name = name
            .trim_start_matches("trigger: ")
            .trim_start_matches("who: ");
        let number = |text: &str| text.parse().expect("a number");
        let value = match value.split_at_checked(1) {
            Some(("@", millis)) => Time(number(millis)).to_string(),
            Some(("~", millis)) => Millis(number(millis)).to_string(),
            _ if value == "None" => return None,
            _ => value.to_owned(),
        };
        Some(format!("{name} {value}").trim_end().to_owned())
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        "none".to_owned()
    } else {
        shown.join(", ")
    }
}

impl Case {
    /// What the decision is, where it is not what the row expects.
    fn failure(&self) -> Option<String> {
        let decision = &self.decision;
        let expected = &self.row.expected;
        let reason = decision.reason.code().as_str();
        let parameters = parameters(&decision.reason);
        let as_expected = expected.replicas == Some(decision.replicas)
            && expected.reason.as_ref().is_none_or(|text| text == reason)
            && expected
                .parameters
                .as_ref()
                .is_none_or(|text| *text == parameters)
            && expected
                .requeue_at
                .is_none_or(|at| decision.requeue_at == at);
        if as_expected {
            return None;
        }
        let requeue_in = decision.requeue_at.map(|at| (at - NOW).0);
        Some(format!(
            "{}\n  is {} {reason}, {parameters}, requeue in {requeue_in:?} ms\n  {:?}",
            self.location, decision.replicas, decision.steps
        ))
    }
}

#[test]
fn every_row_of_every_table_holds() {
    let cases = cases();
    let failures: Vec<String> = cases.iter().filter_map(Case::failure).collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    assert!(cases.len() > 200, "found only {} cases", cases.len());
}

#[test]
fn every_reason_of_a_decision_has_its_parameters_in_a_table() {
    let covered: BTreeSet<ReasonCode> = cases()
        .into_iter()
        .filter(|case| case.row.expected.parameters.is_some())
        .map(|case| case.decision.reason.code())
        .collect();
    // These come from the controller, not from a decision: tests/fleet.
    let others = [
        ReasonCode::TargetContested,
        ReasonCode::ScalingDown,
        ReasonCode::TargetMissing,
        ReasonCode::TargetConflict,
        ReasonCode::WriteFailed,
        ReasonCode::ScaleThrottled,
        ReasonCode::InvalidSpec,
    ];
    let missing: Vec<_> = ReasonCode::ALL
        .iter()
        .filter(|reason| !covered.contains(reason) && !others.contains(reason))
        .collect();
    assert!(
        missing.is_empty(),
        "no table has the parameters of {missing:?}"
    );
}
