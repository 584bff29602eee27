//! `demo --replay` and `monitor --replay`: the class's lines without a cluster, Redis or a network.

use crate::commands;
use std::time::{Duration, Instant};

fn run(args: &[&str]) -> String {
    commands::run(args, None)
}

#[test]
fn replays_the_demo_in_both_languages() {
    insta::assert_snapshot!(run(&["demo", "--replay", "--fast"]));
    insta::assert_snapshot!(run(&["demo", "--replay", "--fast", "--lang", "es"]));
    // The class's lines are the same in every language.
    let class_lines = |output: String| {
        let lines = output.lines().filter(|line| line.contains("] "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let monitor = |lang| class_lines(run(&["monitor", "--replay", "--fast", "--lang", lang]));
    assert_eq!(monitor("en"), monitor("es"));
    assert_eq!(
        monitor("en"),
        class_lines(run(&["demo", "--replay", "--fast"]))
    );
}

#[test]
fn rules_set_replicas_missing_from_the_trace() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.jsonl");
    let story = std::fs::read_to_string(testkit::root().join("examples/story.jsonl")).unwrap();
    let lines: Vec<&str> = story
        .lines()
        .filter_map(|line| line.split(",\"replicas\"").next())
        .collect();
    std::fs::write(&trace, lines.join("}\n") + "}\n").unwrap();
    let output = run(&["demo", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        output.starts_with("exit 0\n")
            && output.contains("filters: 3 → 5 → 7 → 5 → 3 workers; 25 of 25 tasks done"),
        "{output}"
    );
    // Other rules decide otherwise.
    let output = run(&[
        "demo",
        "--replay",
        trace.to_str().unwrap(),
        "--fast",
        "--pool",
        &format!("{}/manifests/class.yaml", testkit::root().display()),
    ]);
    assert!(
        output.contains("🔺 SCALING UP TO 5 WORKERS") && !output.contains("TO 7 WORKERS"),
        "a minute must pass: {output}"
    );
    std::fs::write(
        &trace,
        lines[..20].join("}\n") + "}\n{\"t\": 1, \"ready\": 3}\n",
    )
    .unwrap();
    let output = run(&["demo", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        output.starts_with("exit 1\n! error: ")
            && output.contains("trace.jsonl: line 21: t goes back"),
        "{output}"
    );
}

#[test]
fn unexplained_change_is_another_clients() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.jsonl");
    let line = |t: u32, replicas: u32| {
        format!(
            "{{\"t\":{t},\"ready\":0,\"inFlight\":0,\"live\":{replicas},\"busy\":0,\"cpu\":0,\"replicas\":{replicas}}}\n"
        )
    };
    std::fs::write(
        &trace,
        (0..12)
            .map(|t| line(t, if t < 5 { 3 } else { 6 }))
            .collect::<String>(),
    )
    .unwrap();
    let output = run(&["monitor", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        output.contains(
            "🔺 SCALING UP TO 6 WORKERS\n           not by the operator: another client set the replicas"
        ),
        "{output}"
    );
}

#[test]
fn speed_shortens_the_replay() {
    let started = Instant::now();
    let output = run(&["monitor", "--replay", "--speed", "100"]);
    let took = started.elapsed();
    assert!(output.contains("[STABLE]"), "{output}");
    assert!(
        (Duration::from_millis(1200)..Duration::from_secs(132)).contains(&took),
        "132 s at 100 times the speed: {took:?}"
    );
}
