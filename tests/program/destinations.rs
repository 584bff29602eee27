//! No packet reaches a destination that a pool may not have: counted in a network of its own, in which the DNS gives
//! another answer to each question.

use crate::OPERATOR;
use serde_json::Value;
use std::process::{Command, Stdio};

/// What the script reports.
fn report(arguments: &[&str]) -> Value {
    let run = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "python3"])
        .arg(testkit::root().join("tests/program/destinations.py"))
        .arg(OPERATOR)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn no_packet_reaches_what_is_forbidden() {
    let report = report(&[]);
    assert_eq!(report["counts"]["forbidden"], 0, "{report:#}");
    assert_ne!(report["counts"]["allowed"], 0, "{report:#}");
    let messages = report["messages"].as_object().unwrap();
    for (pool, message) in messages {
        let message = message.as_str().unwrap();
        let expected = match &**pool {
            "flip" | "metadata" | "mapped" | "loopback" | "api" => "no pool may connect to",
            _ => "pools of shop may not connect to",
        };
        assert!(message.contains(expected), "{pool}: {message}");
    }
    assert_eq!(messages.len(), 10, "{report:#}");
}

/// Without the check the same pools reach all of them: the count is able to see it.
#[test]
fn the_packets_are_seen_where_they_are_allowed() {
    let report = report(&["--allow-addresses=0.0.0.0/0"]);
    assert_ne!(report["counts"]["forbidden"], 0, "{report:#}");
}
