//! `simulate` and `record`: exit code and output. `simulate` runs without a cluster and a kubeconfig.

use crate::check_cluster::deployments;
use crate::commands::{self, POOLS, list};
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::Command;
use testkit::api_server::ApiServer;
use testkit::local::transcript;
use testkit::redis::RedisServer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-workerpool");

/// A directory with these files, in which commands run with an empty environment.
struct Dir(tempfile::TempDir);

impl Dir {
    fn with<const N: usize>(files: [(&str, &str); N]) -> Self {
        let dir = Self(tempfile::tempdir().expect("a directory"));
        for (name, text) in files {
            std::fs::write(dir.0.path().join(name), text).expect("a file");
        }
        dir
    }

    /// The [`transcript`] of a run.
    fn run(&self, args: &str) -> String {
        let mut command = Command::new(PROGRAM);
        command.args(args.split(' ')).env_clear();
        let output = command.current_dir(self.0.path()).output();
        transcript(&output.expect("it runs"))
    }

    /// The JSON lines of a successful run.
    fn lines(&self, args: &str) -> Vec<Value> {
        let output = self.run(args);
        let lines = output
            .strip_prefix("exit 0\n")
            .unwrap_or_else(|| panic!("{args}: {output}"))
            .lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect()
    }
}

fn pool(spec: &str) -> String {
    format!(
        "{{apiVersion: workerpool.dev/v1alpha1, kind: WorkerPool, metadata: {{name: filters}}, spec: {{scaleTargetRef: {{name: w}}, redis: {{address: 'redis://r'}}, queues: [{{name: tasks}}], {spec}}}}}"
    )
}

/// The class's pool with more fields.
fn class(fields: &str) -> String {
    pool(&format!("minReplicas: 3, maxReplicas: 10{fields}"))
}

fn field<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().map(|line| &line[name]).collect()
}

/// A trace of `(t, ready, busy, live)`.
fn trace(polls: &[(i64, i64, i64, i64)]) -> String {
    let line = |(t, ready, busy, live): &(i64, i64, i64, i64)| {
        json!({"t": t, "ready": ready, "inFlight": busy, "busy": busy, "live": live}).to_string()
            + "\n"
    };
    polls.iter().map(line).collect()
}

#[test]
fn replays_the_default_rules() {
    let polls = [
        (0, 0, 0, 3),
        (1, 22, 3, 3),  // 25 tasks: 3 → 5
        (60, 15, 5, 5), // the cooldown of 60 s runs
        (61, 14, 5, 5), // and ends: 5 → 7
        (100, 1, 2, 7), // idle
        (399, 0, 0, 7), // not yet idle for 5 min
        (400, 0, 0, 7), // 7 → 5
        (579, 0, 0, 5), // the cooldown of 180 s runs
        (580, 0, 0, 5), // 5 → 3
    ];
    let dir = Dir::with([("wp.yaml", &class("")), ("t.jsonl", &trace(&polls))]);
    let lines = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
    assert_eq!(lines.len(), polls.len(), "one output line per input line");
    assert_eq!(field(&lines, "desired"), [3, 5, 5, 7, 7, 7, 5, 5, 3]);
    let reasons = [
        "WithinThresholds",
        "QueueTooLong",
        "CoolingDown",
        "QueueTooLong",
        "IdleWait",
        "IdleWait",
        "Idle",
        "CoolingDown",
        "Idle",
    ];
    assert_eq!(field(&lines, "reason"), reasons);
    assert_eq!(lines[1]["t"], 1);
    assert_eq!(
        lines[1]["message"],
        "22 tasks wait, more than 8: 3 → 5 workers"
    );
    let step = &lines[1]["steps"][0];
    assert_eq!(
        (&step["name"], &step["detail"]),
        (&json!("scaleUp.queueLength"), &json!("22 > 8 → 5"))
    );

    // A task in between restarts the idle time.
    let interrupted = [
        (0, 22, 3, 3),
        (300, 0, 0, 5),
        (599, 9, 0, 5),
        (600, 0, 0, 7),
        (899, 0, 0, 7),
        (900, 0, 0, 7),
    ];
    let dir = Dir::with([("wp.yaml", &class("")), ("t.jsonl", &trace(&interrupted))]);
    assert_eq!(
        field(
            &dir.lines("simulate --pool wp.yaml --trace t.jsonl"),
            "desired"
        ),
        [5, 5, 7, 7, 7, 5]
    );
}

#[test]
fn starts_from_the_saved_state_of_the_pool() {
    let status = |internal: &str| {
        class("").trim_end_matches('}').to_owned()
            + &format!("}}, status: {{replicas: 7, internal: {{{internal}}}}}}}")
    };
    let idle =
        status("desired: 7, idleSince: '1970-01-01T00:01:00Z', lastChange: '1970-01-01T00:01:00Z'");
    let dir = Dir::with([
        ("wp.yaml", &idle),
        ("t.jsonl", &trace(&[(359, 0, 0, 7), (360, 0, 0, 7)])),
    ]);
    let lines = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
    assert_eq!(
        field(&lines, "desired"),
        [7, 5],
        "idle since t = 60, for 300 s at t = 360"
    );
}

#[test]
fn never_scales_down_without_metrics() {
    let text = "{\"t\": 0, \"replicas\": 8, \"ready\": 0, \"live\": 8, \"busy\": 0}\n{\"t\": 100, \"ready\": null, \"live\": 8, \"busy\": 0}\n{\"t\": 101, \"replicas\": 4, \"ready\": 0, \"live\": 8, \"busy\": 0}\n";
    let dir = Dir::with([("wp.yaml", &class("")), ("t.jsonl", text)]);
    let lines = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
    assert_eq!(field(&lines, "desired"), [8, 8, 8]);
    assert_eq!(
        lines[1]["message"],
        "ready could not be read (since 00:01:40): keeping 8 workers (never scales down without metrics)"
    );
    assert_eq!(lines[2]["reason"], "TargetChanged");
}

#[test]
fn replays_two_queues_and_a_schedule() {
    let two = class(", schedules: [{name: class, cron: '50 8 * * 5', duration: 2h, timezone: Europe/Madrid, minReplicas: 6}]")
        .replace("{name: tasks}", "{name: a}, {name: b, scaleUp: {queueLength: 3, step: 4}}");
    // Friday, 27 November 2026, 8:49:59 and 8:50:00 in Madrid.
    let text = "{\"t\": 1795765799, \"queues\": {\"a\": {\"ready\": 5}, \"b\": {\"ready\": 0}}}\n{\"t\": 1795765800, \"queues\": {\"a\": {\"ready\": 5}, \"b\": {\"ready\": 0}}}\n{\"t\": 1795765801, \"queues\": {\"a\": {\"ready\": 5}, \"b\": {\"ready\": 4}}}\n";
    let dir = Dir::with([("wp.yaml", &two), ("t.jsonl", text)]);
    let lines = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
    assert_eq!(field(&lines, "desired"), [3, 6, 10]);
    assert_eq!(
        field(&lines, "reason"),
        ["WithinThresholds", "Scheduled", "QueueTooLong"]
    );
    assert!(
        lines[2]["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("queue b: 4 tasks wait"))
    );
}

#[test]
fn suspend_pin_and_dry_run_override_the_rules() {
    for (fields, desired, reason) in [
        (", suspend: true", 3, "Suspended"),
        (", replicas: 6", 6, "Pinned"),
        (", dryRun: true", 3, "DryRun"),
    ] {
        let dir = Dir::with([
            ("wp.yaml", &class(fields)),
            ("t.jsonl", &trace(&[(0, 20, 3, 3)])),
        ]);
        let lines = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
        assert_eq!(
            (&lines[0]["desired"], &lines[0]["reason"]),
            (&json!(desired), &json!(reason))
        );
    }
}

#[test]
fn same_seed_gives_the_same_simulation() {
    let dir = Dir::with([(
        "wp.yaml",
        &pool("minReplicas: 1, maxReplicas: 60, target: {drainWithin: 30s}"),
    )]);
    let args = "simulate --pool wp.yaml --arrivals shape:burst --service-time 2s";
    let (first, again) = (dir.run(args), dir.run(args));
    assert!(first == again, "the same seed gives the same bytes");
    assert!(dir.run(&format!("{args} --seed 2")) != first);
    let lines = dir.lines(args);
    let summary = lines.last().expect("a summary");
    let keys: Vec<&String> = summary.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "busyHours",
            "changes",
            "lateShare",
            "tasks",
            "waitMax",
            "waitP50",
            "waitP99",
            "workerHours"
        ]
    );
    assert_eq!(
        summary["changes"],
        json!(lines.len() - 1),
        "one line per change"
    );
    assert_eq!(
        (&summary["lateShare"], summary["tasks"].as_u64()),
        (&json!(0.0), Some(5288))
    );
}

#[test]
fn simulates_three_tasks_exactly() {
    // Three tasks of 10 s at once, one worker, no scale-up: they wait 0, 10 and 20 s; 30 s of worker time, all busy.
    let quiet = pool(
        "minReplicas: 1, maxReplicas: 5, scaleUp: {queueLength: 100}, scaleDown: {queueLength: 2}",
    );
    let arrivals = "{\"t\": 100, \"n\": 3}\n";
    let dir = Dir::with([("wp.yaml", &quiet), ("a.jsonl", arrivals)]);
    let args = "simulate --pool wp.yaml --arrivals a.jsonl --service-time 10s --service-cv 0";
    let summary = dir
        .lines(&format!("{args} --slo 15s"))
        .pop()
        .expect("a summary");
    assert_eq!(
        summary,
        json!({"tasks": 3, "waitP50": 10.0, "waitP99": 20.0, "waitMax": 20.0, "lateShare": 0.333_333, "workerHours": 0.0083, "busyHours": 0.0083, "changes": 0})
    );
    // One worker per task, started within 5 s: they wait 0, 5 and 5 s; three workers for 15 s.
    let eager = pool("minReplicas: 1, maxReplicas: 5, target: {tasksPerWorker: 1}");
    let dir = Dir::with([("wp.yaml", &eager), ("a.jsonl", arrivals)]);
    let lines = dir.lines(args);
    assert_eq!(
        (&lines[0]["t"], &lines[0]["desired"], &lines[0]["reason"]),
        (&json!(100), &json!(3), &json!("TasksPerWorker"))
    );
    let summary = lines.last().expect("a summary");
    assert_eq!(
        (
            &summary["waitP50"],
            &summary["waitMax"],
            &summary["workerHours"]
        ),
        (&json!(5.0), &json!(5.0), &json!(0.0125))
    );
}

#[test]
fn simulates_a_million_tasks_in_seconds() {
    let many: String = (0..100_000).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "{{\"t\": {}, \"n\": 10}}", f64::from(i) / 20.0);
        text
    });
    let dir = Dir::with([
        (
            "wp.yaml",
            &pool("minReplicas: 1, maxReplicas: 1000, target: {drainWithin: 30s}"),
        ),
        ("a.jsonl", &many),
    ]);
    let started = std::time::Instant::now();
    let lines = dir.lines("simulate --pool wp.yaml --arrivals a.jsonl --service-time 1s");
    assert_eq!(lines.last().expect("a summary")["tasks"], 1_000_000);
    assert!(
        started.elapsed().as_secs() < 60,
        "{:?} in a debug build",
        started.elapsed()
    );
}

#[test]
fn compares_two_policies() {
    let drain = pool("minReplicas: 1, maxReplicas: 60, target: {drainWithin: 30s}");
    let dir = Dir::with([
        ("wp.yaml", &drain),
        ("class.yaml", &class("").replace("filters", "class")),
    ]);
    let args =
        "simulate --pool wp.yaml --compare class.yaml --arrivals shape:burst --service-time 2s";
    let text = dir.run(args);
    assert!(
        text.contains("filters (wp.yaml)   class (class.yaml)\n")
            && text.contains("\n99 % waited at most   "),
        "{text}"
    );
    let svg = dir.run(&format!("{args} -o svg"));
    assert!(
        svg.starts_with("exit 0\n<svg ") && svg.ends_with("</svg>"),
        "{svg}"
    );
    for text in [
        "filters (wp.yaml)",
        "class (class.yaml)",
        "waiting tasks",
        "DrainWithin",
        "WorkersBusy",
        "10 min",
    ] {
        assert!(svg.contains(text), "{text} is not in the plot");
    }
    let lines = dir.lines(&format!("{args} -o json"));
    assert_eq!(
        (
            &lines[0]["pool"],
            lines
                .iter()
                .filter(|line| line.get("tasks").is_some())
                .count()
        ),
        (&json!("filters (wp.yaml)"), 2)
    );
}

#[test]
fn invalid_input_is_an_error_with_its_position() {
    let valid = class("");
    for (yaml, trace, error) in [
        (
            &*valid,
            "{\"t\": 0}\n{\"t\": 1, \"redy\": 4}",
            "! error: t.jsonl: line 2: unknown field redy: a line may have t, ready,",
        ),
        (
            &valid,
            "{\"t\": 7}\n{\"t\": 6}",
            "! error: t.jsonl: line 2: t goes back from 7 to 6: sort the lines by t",
        ),
        (
            &valid.replace("minReplicas: 3", "minReplicas: 30"),
            "{\"t\": 0}",
            "! error: wp.yaml: minReplicas 30 must lie between 0 and maxReplicas 10",
        ),
        (
            &valid.replace("minReplicas: 3", "minReplcas: 3"),
            "{\"t\": 0}",
            "! error: wp.yaml: unknown field spec.minReplcas: `kubectl explain wp.spec` lists the fields",
        ),
        (
            "kind: Deployment",
            "{\"t\": 0}",
            "! error: wp.yaml: expected kind WorkerPool, found Deployment: `kubectl get wp NAME -o yaml` prints one",
        ),
        (
            "a: [",
            "{\"t\": 0}",
            "! error: wp.yaml: not a single YAML document: ",
        ),
    ] {
        let dir = Dir::with([("wp.yaml", yaml), ("t.jsonl", trace)]);
        let output = dir.run("simulate --pool wp.yaml --trace t.jsonl");
        assert!(
            output.starts_with("exit 1\n") && output.contains(error),
            "{output}"
        );
    }
}

#[test]
fn wrong_arguments_are_errors() {
    let dir = Dir::with([("wp.yaml", &class(""))]);
    for (args, error) in [
        (
            "simulate --pool wp.yaml",
            "<--trace <FILE>|--arrivals <FILE|shape:NAME>>",
        ),
        (
            "simulate --pool wp.yaml --arrivals shape:sine",
            "--service-time <TIME>",
        ),
        (
            "simulate --pool wp.yaml --arrivals shape:sine --service-time 2",
            "`2` is not a duration",
        ),
        (
            "simulate --pool wp.yaml --arrivals shape:sine --service-time 2s --service-cv 99",
            "expected a number from 0",
        ),
        (
            "simulate --pool wp.yaml --trace t --arrivals shape:sine --service-time 2s",
            "cannot be used with",
        ),
    ] {
        let output = dir.run(args);
        assert!(
            output.starts_with("exit 2\n") && output.contains(error),
            "{args}: {output}"
        );
    }
    let output = dir.run("simulate --pool wp.yaml --arrivals shape:square-dance --service-time 2s");
    assert!(
        output.starts_with(
            "exit 1\n! error: unknown shape square-dance: use one of steady, sine, burst,"
        ),
        "{output}"
    );
    let output = dir.run("simulate --pool none.yaml --trace t.jsonl");
    assert!(
        output.starts_with("exit 1\n! error: cannot read none.yaml: "),
        "{output}"
    );
}

#[test]
fn tasks_that_are_never_taken_are_an_error() {
    let none = pool("minReplicas: 0, maxReplicas: 5, suspend: true");
    let dir = Dir::with([("wp.yaml", &none), ("a.jsonl", "{\"t\": 0, \"n\": 3}")]);
    let output = dir.run("simulate --pool wp.yaml --arrivals a.jsonl --service-time 1s");
    assert_eq!(
        output,
        "exit 1\n! error: 3 tasks are never processed: the pool stays at 0 workers (suspended: keeping 0 workers, regardless of load)"
    );
}

#[test]
fn a_recorded_trace_can_be_replayed() {
    let redis = RedisServer::start();
    let object = commands::pool("filters", &redis.url());
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "filter-worker", "namespace": "default"}, "spec": {"replicas": 4}});
    let targets = "/apis/apps/v1/namespaces/default/deployments";
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(std::slice::from_ref(&object))),
        ("GET", targets, 200, deployments(&[target])),
    ]);
    let dir = Dir::with([
        ("config", &api.kubeconfig()),
        ("wp.yaml", &object.to_string()),
    ]);
    let output = dir.run("--kubeconfig config record filters --duration 3");
    let lines = output
        .strip_prefix("exit 0\n")
        .unwrap_or_else(|| panic!("{output}"));
    let lines: Vec<&str> = lines
        .lines()
        .filter(|line| !line.starts_with('!'))
        .collect();
    let first: Value = serde_json::from_str(lines.first().expect("a line")).expect("JSON");
    assert_eq!(
        (&first["replicas"], &first["ready"], &first["live"]),
        (&json!(4), &json!(0), &json!(0))
    );
    std::fs::write(dir.0.path().join("t.jsonl"), lines.join("\n")).expect("a trace");
    let decided = dir.lines("simulate --pool wp.yaml --trace t.jsonl");
    assert_eq!(decided.len(), lines.len());
    assert_eq!(decided[0]["desired"], 4);
}
