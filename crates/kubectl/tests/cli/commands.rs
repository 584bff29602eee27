//! `kubectl workerpool` as people run it: exit status, standard output and standard error, against a scripted API
//! server and, where tasks are pushed, a real redis-server.

use serde_json::{Value, json};
use std::process::Command;
use testkit::api_server::ApiServer;
use testkit::redis::RedisServer;

pub const POOLS: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
const TARGET: &str = "/apis/apps/v1/namespaces/default/deployments/filter-worker";

/// Runs the program and shows all that a person sees of it.
pub fn run(args: &[&str], api: Option<&ApiServer>) -> String {
    let home = tempfile::tempdir().expect("a directory");
    let kubeconfig = home.path().join("config");
    if let Some(api) = api {
        std::fs::write(&kubeconfig, api.kubeconfig()).expect("a kubeconfig");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
        .args(args)
        .env_clear()
        .envs([("KUBECONFIG", kubeconfig.as_path()), ("HOME", home.path())])
        .env("TZ", "UTC")
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("a code");
    let talk: Vec<String> = text(output.stderr)
        .lines()
        .map(|line| format!("! {line}"))
        .collect();
    let all = format!("exit {code}\n{}{}", text(output.stdout), talk.join("\n"));
    all.replace(&home.path().display().to_string(), "HOME")
        .trim_end()
        .to_owned()
}

pub fn pool(name: &str, redis: &str) -> Value {
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": name, "namespace": "default", "generation": 2, "resourceVersion": "1"},
        "spec": {
            "scaleTargetRef": {"name": "filter-worker"}, "minReplicas": 3, "maxReplicas": 10,
            "redis": {"address": redis}, "queues": [{"name": "tasks"}],
        },
    })
}

pub fn list(pools: &[Value]) -> Value {
    json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPoolList", "metadata": {"resourceVersion": "1"}, "items": pools})
}

fn scale(replicas: i32) -> Value {
    json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "filter-worker", "namespace": "default"},
        "spec": {"replicas": replicas}, "status": {"replicas": replicas, "selector": "app=filter-worker"},
    })
}

fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message})
}

#[test]
fn the_help_is_complete() {
    let commands = [
        "",
        "check",
        "metrics",
        "explain",
        "history",
        "stress",
        "scale",
        "monitor",
        "interactive",
        "simulate",
        "record",
        "demo",
    ];
    let all: Vec<String> = commands
        .iter()
        .map(|command| {
            run(
                &[command, "--help"][usize::from(command.is_empty())..],
                None,
            )
        })
        .collect();
    insta::assert_snapshot!(all.join("\n\n════\n"));
}

#[test]
fn wrong_usage_is_said_and_ends_with_2() {
    for (args, said) in [
        (
            &["scale", "filters", "many"][..],
            "say how many workers, such as 5, or `auto`",
        ),
        (&["scale"], "<N|auto>"),
        (&["stress", "--tasks", "0"], "0 is not in 1..=100000"),
        (
            &["monitor", "--duration", "soon"],
            "`soon` is not a duration: write numbers with units",
        ),
        (&["explode"], "unrecognized subcommand 'explode'"),
        (&[], "Usage: kubectl workerpool"),
    ] {
        let seen = run(args, None);
        assert!(
            seen.starts_with("exit 2\n! ") && seen.contains(said),
            "{args:?}: {seen}"
        );
    }
}

#[test]
fn without_a_cluster_it_says_what_to_do() {
    insta::assert_snapshot!(run(&["metrics"], None), @"
    exit 1
    ! error: no usable kubeconfig (failed to read kubeconfig from '\"HOME/config\"': No such file or directory (os error 2)): set KUBECONFIG, or give --kubeconfig FILE
    ");
    let api = ApiServer::start([]);
    let address = api.address();
    api.close();
    insta::assert_snapshot!(run(&["metrics"], Some(&api)).replace(&address, "ADDRESS"), @"
    exit 1
    ! error: reading the WorkerPools: the API server http://ADDRESS does not answer (connection refused); is the cluster running, and is class the context you mean? `kubectl config get-contexts` lists them
    ");
    insta::assert_snapshot!(run(&["metrics", "--context", "other"], Some(&api)), @"
    exit 1
    ! error: failed to load current context: other; `kubectl config get-contexts` lists what there is
    ");
}

#[test]
fn a_name_is_needed_only_where_there_is_a_choice() {
    let two = ApiServer::start([(
        "GET",
        POOLS,
        200,
        list(&[pool("filters", "redis://r"), pool("reports", "redis://r")]),
    )]);
    insta::assert_snapshot!(run(&["stress"], Some(&two)), @"
    exit 1
    ! error: namespace default has 2 WorkerPools, name the one you mean: filters, reports
    ");
    insta::assert_snapshot!(run(&["stress", "filter"], Some(&two)), @"
    exit 1
    ! error: there is no WorkerPool filter in namespace default; there are: filters, reports
    ");
    let none = ApiServer::start([("GET", POOLS, 200, list(&[]))]);
    insta::assert_snapshot!(run(&["stress"], Some(&none)), @"
    exit 1
    ! error: there is no WorkerPool in namespace default; name another with -n, or make one: `kubectl apply -f manifests/demo.yaml`
    ");
    let forbidden = refusal(
        403,
        "Forbidden",
        r#"workerpools.workerpool.dev is forbidden: User "ana" cannot list resource "workerpools" in API group "workerpool.dev""#,
    );
    let forbidden = ApiServer::start([("GET", POOLS, 403, forbidden)]);
    insta::assert_snapshot!(run(&["stress"], Some(&forbidden)), @"
    exit 1
    ! error: reading the WorkerPools: you may not list workerpools; an administrator can give you the role `edit` in namespace default, which allows it
    ");
    let unknown = ApiServer::start([]);
    insta::assert_snapshot!(run(&["stress"], Some(&unknown)), @"
    exit 1
    ! error: this cluster (class) does not know WorkerPools: install them with `helm install workerpool charts/workerpool`
    ");
}

#[test]
fn a_refused_number_is_said_in_the_rule_s_own_words() {
    let mut status = refusal(
        422,
        "Invalid",
        "WorkerPool.workerpool.dev \"filters\" is invalid: spec: Invalid value: …",
    );
    let said =
        "Invalid value: replicas 12 is above maxReplicas 10: pin at most 10, or raise maxReplicas";
    status["details"] =
        json!({"causes": [{"reason": "FieldValueInvalid", "message": said, "field": "spec"}]});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pool("filters", "redis://r")])),
        ("PATCH", &format!("{POOLS}/filters"), 422, status),
    ]);
    insta::assert_snapshot!(run(&["scale", "12"], Some(&api)), @"
    exit 1
    ! error: scaling WorkerPool filters: replicas 12 is above maxReplicas 10: pin at most 10, or raise maxReplicas
    ");
}

#[test]
fn an_operator_that_lives_answers_for_the_pin() {
    let mut pinned = pool("filters", "redis://r");
    pinned["status"] = json!({"observedGeneration": 2, "decision": {
        "reason": "Pinned", "message": "pinned by spec.replicas: 3 → 5 workers", "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 3, "to": 5,
    }});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pinned.clone()])),
        ("PATCH", &format!("{POOLS}/filters"), 200, pinned),
    ]);
    let seen = run(&["scale", "filters", "5"], Some(&api));
    assert!(
        seen.starts_with(
            "exit 0\nfilters: pinned by spec.replicas: 3 → 5 workers\n! The operator answered in "
        ),
        "{seen}"
    );
    let pin = |replicas: Value, until: &Value| json!({"metadata": {"annotations": {"workerpool.dev/pin-until": until}}, "spec": {"replicas": replicas}});
    assert_eq!(api.bodies("PATCH"), [pin(json!(5), &Value::Null)]);
    run(&["scale", "auto"], Some(&api));
    assert_eq!(api.bodies("PATCH")[1], pin(Value::Null, &Value::Null));
    let seen = run(&["scale", "5", "--for", "30m"], Some(&api));
    assert!(
        seen.contains("It stays at 5 until ")
            && seen.contains(", or `kubectl workerpool scale filters auto`"),
        "{seen}"
    );
    let body = &api.bodies("PATCH")[2];
    let until = body["metadata"]["annotations"]["workerpool.dev/pin-until"]
        .as_str()
        .expect("an end")
        .to_owned();
    let left = until
        .parse::<jiff::Timestamp>()
        .expect("a time")
        .duration_since(jiff::Timestamp::now());
    assert!((1700..=1800).contains(&left.as_secs()), "{until}");
}

#[test]
fn kubectl_is_told_what_may_follow_with_the_names_that_live() {
    let api = ApiServer::start([(
        "GET",
        POOLS,
        200,
        list(&[pool("filters", "redis://r"), pool("reports", "redis://r")]),
    )]);
    let home = tempfile::tempdir().expect("a directory");
    let (config, program) = (
        home.path().join("config"),
        home.path().join("kubectl_complete-workerpool"),
    );
    std::fs::write(&config, api.kubeconfig()).expect("a kubeconfig");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-workerpool"), &program).expect("a link");
    let complete = |words: &[&str]| {
        let answer = Command::new(&program)
            .args(words)
            .env("KUBECONFIG", &config)
            .output()
            .expect("an answer");
        String::from_utf8(answer.stdout).expect("text")
    };
    assert_eq!(complete(&["explain", "f"]), "filters\n:4\n");
    assert_eq!(complete(&["explain", ""]), "filters\nreports\n:4\n");
    assert!(
        complete(&["expl"]).starts_with("explain\tTell why"),
        "{}",
        complete(&["expl"])
    );
    api.close();
    assert_eq!(
        complete(&["explain", ""]),
        ":4\n",
        "no words in the middle of a line"
    );
}

#[test]
fn a_pause_says_who_wants_it_what_for_and_until_when() {
    let mut paused = pool("filters", "redis://r");
    paused["status"] = json!({"observedGeneration": 2, "decision": {
        "reason": "Suspended", "message": "suspended by ana (exam): keeping 3 workers, regardless of load",
        "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 3, "to": 3,
    }});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[paused.clone()])),
        ("PATCH", &format!("{POOLS}/filters"), 200, paused),
    ]);
    let seen = run(&["pause", "--for", "30m", "--reason", "exam"], Some(&api));
    assert!(
        seen.starts_with("exit 0\nfilters: suspended by ana (exam): keeping 3 workers, regardless of load\n! It stays so until ")
            && seen.ends_with(", or `kubectl workerpool resume filters`"),
        "{seen}"
    );
    let body = &api.bodies("PATCH")[0];
    let notes = &body["metadata"]["annotations"];
    assert_eq!(
        (&body["spec"], &notes["workerpool.dev/suspend-reason"]),
        (&json!({"suspend": true}), &json!("exam"))
    );
    let until = notes["workerpool.dev/suspend-until"]
        .as_str()
        .expect("an end");
    let left = until
        .parse::<jiff::Timestamp>()
        .expect("a time")
        .duration_since(jiff::Timestamp::now());
    assert!((1700..=1800).contains(&left.as_secs()), "{until}");

    let seen = run(&["resume", "filters", "--lang", "es"], Some(&api));
    assert_eq!(
        seen,
        "exit 0\nfilters: suspendido por ana (exam): siguen 3 workers, sea cual sea la carga\n! Las reglas deciden de nuevo."
    );
    let notes = ["suspend-reason", "suspend-until", "suspended-by"]
        .map(|name| (format!("workerpool.dev/{name}"), Value::Null));
    let notes: serde_json::Map<_, _> = notes.into_iter().collect();
    assert_eq!(
        api.bodies("PATCH")[1],
        json!({"metadata": {"annotations": notes}, "spec": {"suspend": false}})
    );
}

#[test]
fn without_an_operator_the_deployment_itself_is_scaled() {
    let pool = pool("filters", "redis://r");
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(std::slice::from_ref(&pool))),
        ("PATCH", &format!("{POOLS}/filters"), 200, pool),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
        ("PATCH", &format!("{TARGET}/scale"), 200, scale(5)),
    ]);
    let seen = run(&["scale", "5"], Some(&api));
    assert!(
        seen.starts_with("exit 0\n[")
            && seen.contains("] 🔺 SCALING UP TO 5 WORKERS\n! No operator answered within 5 s"),
        "{seen}"
    );
    assert_eq!(api.bodies("PATCH")[1], json!({"spec": {"replicas": 5}}));
}

#[test]
fn tasks_reach_a_redis_outside_the_cluster() {
    let redis = RedisServer::start();
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pool("filters", &redis.url())])),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
    ]);
    let seen = run(&["stress", "--tasks", "2500"], Some(&api));
    assert!(
        seen.starts_with("exit 0\n[") && seen.ends_with("] 🔥 STRESS TEST TRIGGERED (2500 tasks)"),
        "{seen}"
    );
    let metrics = run(&["metrics", "-o", "json"], Some(&api));
    let panel: Value =
        serde_json::from_str(metrics.strip_prefix("exit 0\n").expect("fine")).expect("JSON");
    assert_eq!(
        (&panel["queueLength"], &panel["activeWorkers"]),
        (&json!(2500), &json!(0))
    );
    let text = run(&["metrics"], Some(&api));
    assert!(
        text.contains(
            "📊 Queue Length: 2500 tasks\n👷 Active Workers: 0\n⚡ Busy Workers: 0 (0%)\n⏱️  Avg Time: -\n"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "🔺 Recommendation: SCALE UP (QueueTooLong)\n   2500 tasks wait, more than 8: 3 → 5 workers"
        ),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_a_question_mark_and_a_failure() {
    let api = ApiServer::start([
        (
            "GET",
            POOLS,
            200,
            list(&[pool("filters", "redis://127.0.0.1:1")]),
        ),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
    ]);
    let seen = run(&["metrics"], Some(&api));
    assert!(
        seen.starts_with(
            "exit 1\n📊 Queue Length: ? tasks\n👷 Active Workers: ?\n⚡ Busy Workers: ? (?)\n"
        ),
        "{seen}"
    );
    assert!(
        seen.contains("! ? is unknown: Redis 127.0.0.1:1: Connection refused"),
        "{seen}"
    );
}
