//! The commands in a cluster: exit code, standard output and standard error, with a scripted API server and, where tasks
//! are pushed, a real redis-server.

use serde_json::{Value, json};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;
use testkit::api_server::ApiServer;
use testkit::local::{transcript, until_true};
use testkit::redis::RedisServer;
use testkit::wait::TIMEOUT;

pub const POOLS: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
const TARGET: &str = "/apis/apps/v1/namespaces/default/deployments/filter-worker";

/// The exit code and the output of the program; lines of standard error are marked.
pub fn run(args: &[&str], api: Option<&ApiServer>) -> String {
    run_with(args, api.map(ApiServer::kubeconfig).as_deref(), &[])
}

/// The same with a kubeconfig and further variables.
pub fn run_with(args: &[&str], config: Option<&str>, env: &[(&str, &str)]) -> String {
    let (home, mut program) = program(config, env);
    let output = program.args(args).output().expect("the program runs");
    transcript(&output).replace(&home.path().display().to_string(), "HOME")
}

/// The program with these variables alone, and a home that has this kubeconfig.
pub fn program(config: Option<&str>, env: &[(&str, &str)]) -> (TempDir, Command) {
    let home = tempfile::tempdir().expect("a directory");
    let kubeconfig = home.path().join("config");
    if let Some(config) = config {
        std::fs::write(&kubeconfig, config).expect("a kubeconfig");
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    program
        .env_clear()
        .envs([("KUBECONFIG", kubeconfig.as_path()), ("HOME", home.path())])
        .envs(env.iter().copied())
        .env("TZ", "UTC");
    (home, program)
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

/// An API server with two pools.
pub fn two_pools() -> ApiServer {
    let pools = ["filters", "reports"].map(|name| pool(name, "redis://r"));
    ApiServer::start([("GET", POOLS, 200, list(&pools))])
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
fn help_of_all_commands() {
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
fn wrong_usage_has_exit_code_2() {
    for (args, error) in [
        (
            &["scale", "filters", "many"][..],
            "expected a number of workers, such as 5, or `auto`",
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
        let output = run(args, None);
        assert!(
            output.starts_with("exit 2\n! ") && output.contains(error),
            "{args:?}: {output}"
        );
    }
}

#[test]
fn connection_errors_name_a_fix() {
    insta::assert_snapshot!(run(&["metrics"], None), @"
    exit 1
    ! error: no usable kubeconfig (failed to read kubeconfig from '\"HOME/config\"': No such file or directory (os error 2)): set KUBECONFIG or use --kubeconfig FILE
    ");
    let api = ApiServer::start([]);
    let address = api.address();
    api.close();
    insta::assert_snapshot!(run(&["metrics"], Some(&api)).replace(&address, "ADDRESS"), @"
    exit 1
    ! error: reading the WorkerPools: the API server http://ADDRESS does not answer (connection refused); is the cluster running, and is class the right context? `kubectl config get-contexts` lists all contexts
    ");
    insta::assert_snapshot!(run(&["metrics", "--context", "other"], Some(&api)), @"
    exit 1
    ! error: failed to load current context: other; `kubectl config get-contexts` lists all contexts
    ");
    let spanish = run(&["metrics", "--lang", "es"], Some(&api));
    insta::assert_snapshot!(spanish.replace(&address, "ADDRESS"), @"
    exit 1
    ! error: al leer los WorkerPools: el servidor API http://ADDRESS no responde (conexión rechazada); ¿funciona el clúster, y es class el contexto correcto? `kubectl config get-contexts` los muestra todos
    ");
}

#[test]
fn name_is_required_if_there_are_several_pools() {
    let two = two_pools();
    insta::assert_snapshot!(run(&["stress"], Some(&two)), @"
    exit 1
    ! error: namespace default has 2 WorkerPools, choose one: filters, reports
    ");
    insta::assert_snapshot!(run(&["stress", "filter"], Some(&two)), @"
    exit 1
    ! error: namespace default has no WorkerPool filter; it has: filters, reports
    ");
    let none = ApiServer::start([("GET", POOLS, 200, list(&[]))]);
    insta::assert_snapshot!(run(&["stress"], Some(&none)), @"
    exit 1
    ! error: namespace default has no WorkerPools; choose another with -n, or create one: `kubectl apply -f manifests/demo.yaml`
    ");
    let forbidden = refusal(
        403,
        "Forbidden",
        r#"workerpools.workerpool.dev is forbidden: User "ana" cannot list resource "workerpools" in API group "workerpool.dev""#,
    );
    let forbidden = ApiServer::start([("GET", POOLS, 403, forbidden)]);
    insta::assert_snapshot!(run(&["stress"], Some(&forbidden)), @"
    exit 1
    ! error: reading the WorkerPools: you may not list workerpools; ask an administrator for the role `edit` in namespace default, which allows it
    ");
    let unknown = ApiServer::start([]);
    insta::assert_snapshot!(run(&["stress"], Some(&unknown)), @"
    exit 1
    ! error: this cluster (class) has no WorkerPool API: install it with `helm install workerpool charts/workerpool`
    ");
}

#[test]
fn rejected_replicas_show_the_rules_message() {
    let mut status = refusal(
        422,
        "Invalid",
        "WorkerPool.workerpool.dev \"filters\" is invalid: spec: Invalid value: …",
    );
    let message =
        "Invalid value: replicas 12 is above maxReplicas 10: pin at most 10, or raise maxReplicas";
    status["details"] =
        json!({"causes": [{"reason": "FieldValueInvalid", "message": message, "field": "spec"}]});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pool("filters", "redis://r")])),
        ("PATCH", &format!("{POOLS}/filters"), 422, status),
    ]);
    insta::assert_snapshot!(run(&["scale", "12"], Some(&api)), @"
    exit 1
    ! error: scaling WorkerPool filters: replicas 12 is above maxReplicas 10: pin at most 10, or raise maxReplicas
    ");
}

fn assert_in_half_an_hour(time: &Value) {
    let end: jiff::Timestamp = serde_json::from_value(time.clone()).expect("a time");
    let left = end.duration_since(jiff::Timestamp::now());
    assert!((1700..=1800).contains(&left.as_secs()), "{time}");
}

#[test]
fn scale_pins_the_pool() {
    let mut pinned = pool("filters", "redis://r");
    pinned["status"] = json!({"observedGeneration": 2, "decision": {
        "reason": "Pinned", "message": "pinned by spec.replicas: 3 → 5 workers", "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 3, "to": 5,
    }});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pinned.clone()])),
        ("PATCH", &format!("{POOLS}/filters"), 200, pinned),
    ]);
    let output = run(&["scale", "filters", "5"], Some(&api));
    assert!(
        output.starts_with(
            "exit 0\nfilters: pinned by spec.replicas: 3 → 5 workers\n! The operator answered in "
        ),
        "{output}"
    );
    let pin = |replicas: Value, until: &Value| json!({"metadata": {"annotations": {"workerpool.dev/pin-until": until}}, "spec": {"replicas": replicas}});
    assert_eq!(api.bodies("PATCH"), [pin(json!(5), &Value::Null)]);
    run(&["scale", "auto"], Some(&api));
    assert_eq!(api.bodies("PATCH")[1], pin(Value::Null, &Value::Null));
    let output = run(&["scale", "5", "--for", "30m"], Some(&api));
    assert!(
        output.contains("It stays at 5 until ")
            && output.contains(", or until `kubectl workerpool scale filters auto`"),
        "{output}"
    );
    let body = &api.bodies("PATCH")[2];
    assert_in_half_an_hour(&body["metadata"]["annotations"]["workerpool.dev/pin-until"]);
}

#[test]
fn completes_commands_and_names_of_pools() {
    let api = two_pools();
    let home = tempfile::tempdir().expect("a directory");
    let (config, program) = (
        home.path().join("config"),
        home.path().join("kubectl_complete-workerpool"),
    );
    std::fs::write(&config, api.kubeconfig()).expect("a kubeconfig");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-workerpool"), &program).expect("a link");
    let complete = |words: &[&str]| {
        let output = Command::new(&program)
            .args(words)
            .env("KUBECONFIG", &config)
            .output()
            .expect("the program runs");
        String::from_utf8(output.stdout).expect("text")
    };
    // Names that come later than a person waits are left out, and a busy machine takes longer.
    let completes = |words: &[&str], names: &str| {
        until_true(names, || complete(words) == names);
    };
    completes(&["explain", "f"], "filters\n:4\n");
    completes(&["explain", ""], "filters\nreports\n:4\n");
    assert!(
        complete(&["expl"]).starts_with("explain\tExplain the number"),
        "{}",
        complete(&["expl"])
    );
    api.close();
    assert_eq!(
        complete(&["explain", ""]),
        ":4\n",
        "no error in the middle of a line"
    );
}

#[test]
fn pause_records_user_reason_and_end() {
    let mut paused = pool("filters", "redis://r");
    paused["status"] = json!({"observedGeneration": 2, "decision": {
        "reason": "Suspended", "message": "suspended by ana (exam): keeping 3 workers, regardless of load",
        "params": {"who": {"by": "ana", "note": "exam"}},
        "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 3, "to": 3,
    }});
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[paused.clone()])),
        ("PATCH", &format!("{POOLS}/filters"), 200, paused),
    ]);
    let output = run(&["pause", "--for", "30m", "--reason", "exam"], Some(&api));
    assert!(
        output.starts_with("exit 0\nfilters: suspended by ana (exam): keeping 3 workers, regardless of load\n! The pool stays paused until ")
            && output.ends_with(", or until `kubectl workerpool resume filters`"),
        "{output}"
    );
    let body = &api.bodies("PATCH")[0];
    let annotations = &body["metadata"]["annotations"];
    assert_eq!(
        (&body["spec"], &annotations["workerpool.dev/suspend-reason"]),
        (&json!({"suspend": true}), &json!("exam"))
    );
    assert_in_half_an_hour(&annotations["workerpool.dev/suspend-until"]);

    let output = run(&["resume", "filters", "--lang", "es"], Some(&api));
    assert_eq!(
        output,
        "exit 0\nfilters: suspendido por ana (exam): siguen 3 workers, sea cual sea la carga\n! Las reglas deciden de nuevo."
    );
    let annotations = ["suspend-reason", "suspend-until", "suspended-by"]
        .map(|name| (format!("workerpool.dev/{name}"), Value::Null));
    let annotations: serde_json::Map<_, _> = annotations.into_iter().collect();
    assert_eq!(
        api.bodies("PATCH")[1],
        json!({"metadata": {"annotations": annotations}, "spec": {"suspend": false}})
    );
}

#[test]
fn scales_the_deployment_without_an_operator() {
    let pool = pool("filters", "redis://r");
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(std::slice::from_ref(&pool))),
        ("PATCH", &format!("{POOLS}/filters"), 200, pool),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
        ("PATCH", &format!("{TARGET}/scale"), 200, scale(5)),
    ]);
    let output = run(&["scale", "5"], Some(&api));
    assert!(
        output.starts_with("exit 0\n[")
            && output.contains("] 🔺 SCALING UP TO 5 WORKERS\n! No operator answered within 5 s"),
        "{output}"
    );
    assert_eq!(api.bodies("PATCH")[1], json!({"spec": {"replicas": 5}}));
}

/// An API server with a pool, its target, and an operator that is ready. It announces each search for the operator.
fn with_operator() -> (ApiServer, Receiver<()>) {
    let operator = json!({
        "metadata": {"name": "workerpool", "namespace": "ops"}, "status": {"readyReplicas": 1},
    });
    let (announce, searches) = channel();
    let api = ApiServer::answering(move |method, path, _| {
        let body = match (method, path) {
            ("GET", POOLS) => list(&[pool("filters", "redis://r")]),
            ("GET", "/apis/apps/v1/deployments") => {
                announce.send(()).expect("the test runs");
                json!({"metadata": {}, "items": [operator]})
            }
            ("PATCH", _) if path.starts_with(POOLS) => pool("filters", "redis://r"),
            ("GET", _) if path == format!("{TARGET}/scale") => scale(3),
            _ => return None,
        };
        Some((200, body))
    });
    (api, searches)
}

#[test]
fn waits_for_an_operator_that_answers_late() {
    let (api, searches) = with_operator();
    let output = std::thread::scope(|scope| {
        let output = scope.spawn(|| run(&["scale", "5"], Some(&api)));
        searches
            .recv_timeout(TIMEOUT)
            .expect("a search for the operator");
        api.wait_for_watchers(POOLS, 1);
        let mut decided = pool("filters", "redis://r");
        decided["metadata"]["resourceVersion"] = "2".into();
        decided["status"] = json!({"observedGeneration": 2, "decision": {
            "reason": "Pinned", "params": {}, "message": "pinned by spec.replicas: 3 → 5 workers",
            "confidence": 1.0, "at": "2026-11-27T09:16:00Z", "from": 3, "to": 5,
        }});
        api.send_event(POOLS, "MODIFIED", &decided);
        output.join().expect("no panic")
    });
    assert!(
        output.contains("! the operator ops/workerpool is ready, but has not answered yet")
            && output.contains("\n! The operator answered in "),
        "{output}"
    );
    assert_eq!(api.bodies("PATCH").len(), 1, "the pool alone");
}

#[test]
fn leaves_the_deployment_to_an_operator_that_is_ready() {
    let (api, _searches) = with_operator();
    let output = run(&["scale", "1"], Some(&api));
    assert!(
        output.starts_with("exit 1\n")
            && output.contains("the operator ops/workerpool has not answered within 30 s"),
        "{output}"
    );
    assert_eq!(api.bodies("PATCH").len(), 1, "the pool alone");
}

#[test]
fn leaves_a_deployment_alone_that_has_these_workers() {
    let pool = pool("filters", "redis://r");
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(std::slice::from_ref(&pool))),
        ("PATCH", &format!("{POOLS}/filters"), 200, pool),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
    ]);
    let output = run(&["scale", "3"], Some(&api));
    assert!(
        output.starts_with("exit 0\n[")
            && output.contains(
                "] Deployment/filter-worker already has 3 workers\n! No operator answered within 5 s. The"
            ),
        "{output}"
    );
}

#[test]
fn pushes_tasks_to_redis_outside_the_cluster() {
    let redis = RedisServer::start();
    let api = ApiServer::start([
        ("GET", POOLS, 200, list(&[pool("filters", &redis.url())])),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
    ]);
    let output = run(&["stress", "--tasks", "2500"], Some(&api));
    assert!(
        output.starts_with("exit 0\n[")
            && output.contains("] 🔥 STRESS TEST TRIGGERED (2500 tasks)\n! 2500 tasks of 23 s"),
        "{output}"
    );
    let metrics = run(&["metrics", "-o", "json"], Some(&api));
    let panel: Value =
        serde_json::from_str(metrics.strip_prefix("exit 0\n").expect("success")).expect("JSON");
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
fn unreachable_redis_shows_question_marks_and_fails() {
    let api = ApiServer::start([
        (
            "GET",
            POOLS,
            200,
            list(&[pool("filters", "redis://127.0.0.1:1")]),
        ),
        ("GET", &format!("{TARGET}/scale"), 200, scale(3)),
    ]);
    let output = run(&["metrics"], Some(&api));
    assert!(
        output.starts_with(
            "exit 1\n📊 Queue Length: ? tasks\n👷 Active Workers: ?\n⚡ Busy Workers: ? (?)\n"
        ),
        "{output}"
    );
    assert!(
        output.contains("! ? is unknown: Redis 127.0.0.1:1: connection refused"),
        "{output}"
    );
}
