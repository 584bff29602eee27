//! The plugin's `probe` as a program.

use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// What `kubectl workerpool probe` says about a queue.
pub fn probe(redis: &str, system: &str, queue: &str, options: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
        .args([
            "probe", "--redis", redis, "--system", system, "--queue", queue,
        ])
        .args(["-o", "json"])
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Probes until each of `expected` is a value of the answer, exact or not, or fails with the last answer.
pub fn until(probe: impl Fn() -> Value, expected: &Value) -> Value {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = probe();
        let wrong: Vec<String> = expected
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, value)| answer[name.as_str()]["value"] != **value)
            .map(|(name, value)| format!("{name}: {} is not {value}", answer[name.as_str()]))
            .collect();
        if wrong.is_empty() {
            return answer;
        }
        assert!(Instant::now() < end, "{wrong:#?}\n{}", json!(answer));
    }
}
