//! `demo --replay` and `monitor --replay`: the lines of the class with no cluster, no Redis and no network.

use std::process::Command;
use std::time::{Duration, Instant};

/// What a person sees, where there is nothing but the program and the files it is given.
fn run(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    let output = command
        .args(args)
        .env_clear()
        .env("TZ", "UTC")
        .output()
        .unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    let talk: Vec<String> = talk.lines().map(|line| format!("! {line}")).collect();
    let code = output.status.code().unwrap();
    format!(
        "exit {code}\n{}{}",
        String::from_utf8(output.stdout).unwrap(),
        talk.join("\n")
    )
}

#[test]
fn the_class_s_story_is_told_without_anything() {
    insta::assert_snapshot!(run(&["demo", "--replay", "--fast"]));
    insta::assert_snapshot!(run(&["demo", "--replay", "--fast", "--lang", "es"]));
    // The words of the class are the same in every language.
    let signs = |text: String| {
        let lines = text.lines().filter(|line| line.contains("] "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let monitor = |lang| signs(run(&["monitor", "--replay", "--fast", "--lang", lang]));
    assert_eq!(monitor("en"), monitor("es"));
    assert_eq!(monitor("en"), signs(run(&["demo", "--replay", "--fast"])));
}

#[test]
fn without_numbers_in_the_trace_the_rules_give_them() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
    let story = std::fs::read_to_string("examples/story.jsonl").unwrap();
    let facts: Vec<&str> = story
        .lines()
        .filter_map(|line| line.split(",\"replicas\"").next())
        .collect();
    std::fs::write(&trace, facts.join("}\n") + "}\n").unwrap();
    let said = run(&["demo", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        said.starts_with("exit 0\n")
            && said.contains("filters: 3 → 5 → 7 → 5 → 3 workers; 25 of 25 tasks done"),
        "{said}"
    );
    // Other rules, another story.
    let said = run(&[
        "demo",
        "--replay",
        trace.to_str().unwrap(),
        "--fast",
        "--pool",
        "manifests/class.yaml",
    ]);
    assert!(
        said.contains("🔺 SCALING UP TO 5 WORKERS") && !said.contains("TO 7 WORKERS"),
        "a minute must pass: {said}"
    );
    std::fs::write(
        &trace,
        facts[..20].join("}\n") + "}\n{\"t\": 1, \"ready\": 3}\n",
    )
    .unwrap();
    let said = run(&["demo", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        said.starts_with("exit 1\n! error: ") && said.contains("trace.jsonl: line 21: t goes back"),
        "{said}"
    );
}

#[test]
fn what_nobody_can_explain_was_somebody_else() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.jsonl");
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
    let said = run(&["monitor", "--replay", trace.to_str().unwrap(), "--fast"]);
    assert!(
        said.contains(
            "🔺 SCALING UP TO 6 WORKERS\n           not the operator's doing: somebody else set this number"
        ),
        "{said}"
    );
}

#[test]
fn it_takes_its_time_or_less() {
    let begun = Instant::now();
    let said = run(&["monitor", "--replay", "--speed", "100"]);
    let took = begun.elapsed();
    assert!(said.contains("[STABLE]"), "{said}");
    assert!(
        (Duration::from_millis(1200)..Duration::from_secs(10)).contains(&took),
        "132 s at 100 times: {took:?}"
    );
}
