//! Cases of `decide` as people read them: Markdown tables in tests/cases, one row a case.

use super::cells::{NOW, Row};
use decide::{Decision, ReasonCode, decide};
use std::collections::BTreeSet;

/// Every row of every table, with its file and its decision.
fn rows() -> Vec<(String, Row, Decision)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder).expect("tests/cases") {
        let path = entry.expect("a file").path();
        let file = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if file == "README.md" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let mut head: Option<Vec<&str>> = None;
        for line in text.lines() {
            let Some(cells) = line
                .strip_prefix('|')
                .and_then(|line| line.strip_suffix('|'))
            else {
                head = None;
                continue;
            };
            let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
            match &head {
                None => head = Some(cells),
                Some(_)
                    if cells.iter().all(|cell| cell.chars().all(|c| c == '-'))
                        && cells[0].len() > 1 => {}
                Some(head) => {
                    assert_eq!(cells.len(), head.len(), "{file}: {line}");
                    let row = Row::read(&file, head, &cells);
                    let decision = decide(&row.pool, &row.seen, &row.memory, NOW);
                    rows.push((format!("{file}: {line}"), row, decision));
                }
            }
        }
    }
    rows
}

#[test]
fn the_tables() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (place, row, decision) in &rows {
        let reason = decision.reason.code().as_str();
        let sentence = messages::message(&decision.reason, decision.from, decision.replicas);
        let fine = decision.replicas == row.to
            && row.reason.as_deref().is_none_or(|wanted| wanted == reason)
            && row
                .sentence
                .as_ref()
                .is_none_or(|wanted| *wanted == sentence)
            && row.again.is_none_or(|again| decision.requeue_at == again);
        if !fine {
            let again = decision.requeue_at.map(|at| (at - NOW).0);
            let trail: Vec<_> = decision
                .steps
                .iter()
                .map(|step| {
                    format!(
                        "{}: {}",
                        messages::step_name(step),
                        messages::step_detail(step)
                    )
                })
                .collect();
            wrong.push(format!(
                "{place}\n  is {} {reason}, {sentence}, again in {again:?} ms\n  {trail:?}",
                decision.replicas
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    assert!(rows.len() > 200, "only {} cases were found", rows.len());
}

#[test]
fn every_reason_that_a_decision_can_have_is_in_a_table_with_its_sentence() {
    let told: BTreeSet<ReasonCode> = rows()
        .into_iter()
        .filter(|(_, row, _)| row.sentence.is_some())
        .map(|(_, _, decision)| decision.reason.code())
        .collect();
    // What stands in the way of a decision is the controller's to say: tests/fleet.rs.
    let others = [
        ReasonCode::ScalingDown,
        ReasonCode::TargetMissing,
        ReasonCode::TargetConflict,
        ReasonCode::WriteFailed,
        ReasonCode::InvalidSpec,
    ];
    let missing: Vec<_> = ReasonCode::ALL
        .iter()
        .filter(|reason| !told.contains(reason) && !others.contains(reason))
        .collect();
    assert!(
        missing.is_empty(),
        "no table has a sentence for {missing:?}"
    );
}
