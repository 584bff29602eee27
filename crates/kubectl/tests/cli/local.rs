//! The commands with `--local`: plan B, C and D of the class, without Docker, a cluster or the dashboard. The tests run
//! real processes, a real Redis and the real operator; each test has its own local cluster, which ends with the test.

use ::local::processes;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use testkit::local::{Local, http, signal, transcript, until, until_true};
use testkit::port::free_port;
use testkit::process::Process;

const OPERATOR: &str = "apis/apps/v1/namespaces/workerpool-system/deployments/workerpool-operator";
const POOL: &str = "apis/workerpool.dev/v1alpha1/namespaces/default/workerpools/filters";
const WORKERS: &str = "apis/apps/v1/namespaces/default/deployments/filter-worker";

/// The output of `metrics`, if it succeeds.
pub fn panel(local: &Local) -> Option<Value> {
    let output = local.run(&["metrics", "-o", "json", "--local"]);
    serde_json::from_str(output.strip_prefix("exit 0\n")?).ok()
}

#[test]
fn concurrent_commands_start_one_cluster() {
    let local = Local::new();
    let both = std::thread::scope(|scope| {
        let two = [0, 1].map(|_| scope.spawn(|| local.run(&["metrics", "--local"])));
        two.map(|one| one.join().unwrap())
    });
    for output in &both {
        assert!(
            output.contains("exit 0") && output.contains("👷 Active Workers: 3"),
            "{output}"
        );
    }
    let starts = both
        .iter()
        .filter(|output| output.contains("Started a local cluster"))
        .count();
    assert_eq!(starts, 1, "{both:?}");
    let check = local.run(&["check", "--local"]);
    assert!(
        check.starts_with("exit 0\n") && check.matches("✔ ").count() == 12,
        "{check}"
    );
    let pods = processes(&local.state_dir());
    let count = |name: &str| pods.iter().filter(|it| it.pod.starts_with(name)).count();
    assert_eq!(
        (
            pods.len(),
            count("filter-worker"),
            count("redis"),
            count("workerpool-operator")
        ),
        (5, 3, 1, 1)
    );

    let supervisor = local.cluster_info()["pid"].clone();
    assert_eq!(
        local.run(&["stop", "--local"]),
        "exit 0\n! The local cluster has stopped."
    );
    assert_eq!(
        (processes(&local.state_dir()), local.state_dir().exists()),
        (Vec::new(), false)
    );
    assert!(
        !std::path::Path::new(&format!("/proc/{supervisor}/exe")).exists(),
        "the supervisor has ended"
    );
    assert_eq!(
        local.run(&["stop", "--local"]),
        "exit 0\n! There is no local cluster."
    );
}

#[test]
fn scales_by_hand_with_and_without_an_operator() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let scale_to = |n: &str, replicas: u64| {
        let output = local.run(&["scale", n, "--local"]);
        until_true("the workers", || {
            local.get(WORKERS)["status"]["readyReplicas"] == replicas
        });
        until_true("the registry", || {
            local
                .run(&["metrics", "--local"])
                .contains(&format!("Active Workers: {replicas}\n"))
        });
        output
    };
    let up = scale_to("6", 6);
    let answered = "filters: pinned by spec.replicas: 3 → 6 workers\n! The operator answered in";
    assert!(up.contains(answered), "{up}");
    let down = scale_to("3", 3);
    assert!(down.contains("The operator answered in"), "{down}");
    let scale = local.get(&format!("{WORKERS}/scale"));
    let fields = local.get(WORKERS)["metadata"]["managedFields"].clone();
    let owns = |it: &&Value| it["fieldsV1"].pointer("/f:spec/f:replicas").is_some();
    let owners = fields.as_array().unwrap().iter().filter(owns);
    let owners: Vec<&Value> = owners.map(|it| &it["manager"]).collect();
    assert_eq!(scale["spec"]["replicas"], 3);
    assert_eq!(owners, ["workerpool-operator"]);

    // The operator reverts replicas that another client set, as on a cluster.
    local.patch(
        &format!("{WORKERS}/scale"),
        &json!({"spec": {"replicas": 8}}),
    );
    until_true("the operator's replicas", || {
        local.get(WORKERS)["spec"]["replicas"] == 3
    });

    local.patch(
        &format!("{OPERATOR}/scale"),
        &json!({"spec": {"replicas": 0}}),
    );
    until_true("the operator's end", || local.pods("operator").is_empty());
    let output = scale_to("5", 5);
    assert!(
        output.contains("🔺 SCALING UP TO 5 WORKERS\n! No operator answered within 5 s"),
        "{output}"
    );
    let check = local.run(&["check", "--local"]);
    assert!(check.contains("✘ operator"), "{check}");
}

#[test]
fn fast_demo_restores_the_pool() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let original = local.get(POOL)["spec"].clone();
    let output = local.run(&["demo", "--local", "--fast"]);
    assert!(output.starts_with("exit 0\n"), "{output}");
    assert!(
        output.contains("filters: 3 → 5 → 7 → 5 → 3 workers; 25 of 25 tasks done"),
        "{output}"
    );
    assert_eq!(
        output.matches("SCALING UP TO").count() + output.matches("SCALING DOWN TO").count(),
        4,
        "{output}"
    );
    assert!(!output.contains("another client"), "{output}");
    assert!(
        output.contains(
            "! --fast: tasks of 2 s, and until the demo ends a quarter of the delays of filters."
        ),
        "{output}"
    );
    let pool = local.get(POOL);
    let annotation = &pool["metadata"]["annotations"]["workerpool.dev/original-delays"];
    assert_eq!(
        (&pool["spec"], annotation),
        (&original, &Value::Null),
        "the original delays are restored"
    );
    let history = local.run(&["history", "--local"]);
    assert!(
        history.contains("3 → 5    QueueTooLong  22 tasks wait, more than 8: 3 → 5 workers"),
        "{history}"
    );
}

#[test]
fn screen_shows_the_time_before_it_was_started() {
    let local = Local::new();
    local.run(&["stress", "--tasks", "12", "--task-seconds", "60", "--local"]);
    until("five at work", || {
        (panel(&local)?["busyWorkers"] == 5).then_some(())
    });
    // The operator stores the history of each second; the screen loads it.
    let then = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    let at = until("a poll after it", || {
        let output = local.run(&["explain", "--at", &then, "--local", "-o", "json"]);
        let json: Value = serde_json::from_str(output.strip_prefix("exit 0\n")?).ok()?;
        (json["metrics"]["ready"]["value"].as_u64()? > 0).then_some(json)
    });
    assert_eq!(
        (&at["change"]["to"], &at["metrics"]["ready"]["value"]),
        (&json!(5), &json!(7))
    );
    let output = local.run(&["explain", "--at", &then, "--local"]);
    assert!(
        output.contains("5 workers") && output.contains("7 waiting · 5 of 5 workers busy"),
        "{output}"
    );
    let screen = local.run(&["interactive", "--snapshot", "--size", "140x40", "--local"]);
    let chart: Vec<&str> = screen.lines().filter(|line| line.contains('█')).collect();
    let queue = |line: &&&str| line.chars().filter(|sign| *sign == '█').count() > 1;
    assert!(
        screen.contains("▲3→5") && chart.iter().filter(queue).count() > 3,
        "{screen}"
    );
}

#[test]
fn dashboard_forwards_to_the_given_port() {
    let local = Local::new();
    let output = local.run(&["dashboard", "--local", "--no-open"]);
    let address = output
        .lines()
        .nth(1)
        .and_then(|url| url.strip_prefix("http://"))
        .unwrap()
        .to_owned();
    let pools =
        |address: &str| http(address, "GET", "/api/pools", "", "").filter(|answer| answer.0 == 200);
    until("the page", || pools(&address));
    let other = format!("localhost:{}", free_port());
    let port = other.strip_prefix("localhost:").unwrap();
    let mut forward = local
        .command(&["dashboard", "--local", "--no-open", "--port", port])
        .spawn()
        .unwrap();
    let (_, body) = until("the page on the other port", || pools(&other));
    signal(forward.id(), "TERM");
    forward.wait().unwrap();
    assert_eq!(body[0]["name"], "filters");
}

#[test]
fn serves_the_api_of_the_class() {
    let local = Local::new();
    let listen = format!("127.0.0.1:{}", free_port());
    let mut server = local
        .command(&["serve", "--local", "--listen", &listen])
        .spawn()
        .unwrap();
    until("the server", || {
        http(&listen, "GET", "/api/workers/status", "", "").filter(|answer| answer.0 == 200)
    });
    let output = local.run(&["stress", "--tasks", "10", "--task-seconds", "1", "--local"]);
    assert!(
        output.contains("🔥 STRESS TEST TRIGGERED (10 tasks)"),
        "{output}"
    );
    until("the tasks", || {
        let panel = panel(&local)?;
        (panel["queueLength"] == 0
            && panel["successRatePercent"] == 100.0
            && panel["busyWorkers"] == 0)
            .then_some(())
    });
    let status = http(&listen, "GET", "/api/workers/status", "", "")
        .unwrap()
        .1;
    assert!(status.to_string().contains("filter-worker-"), "{status}");
    signal(server.id(), "TERM");
    assert!(server.wait().unwrap().success());
    assert!(
        http(&listen, "GET", "/healthz", "", "").is_none(),
        "the server ends with the command"
    );
}

#[test]
fn monitors_a_burst() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let mut command = local.command(&["monitor", "--duration", "20", "--local"]);
    let mut monitor = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    assert!(
        first.ends_with("] 🟢 Queue:0  | Workers:3 | Util:  0.0%"),
        "{first}"
    );
    local.run(&["stress", "--tasks", "25", "--task-seconds", "1", "--local"]);
    let rest: Vec<String> = lines.collect();
    let up = rest
        .iter()
        .position(|line| line.ends_with("] 🔺 SCALING UP TO 5 WORKERS"));
    let note = up
        .and_then(|index| rest.get(index + 1))
        .cloned()
        .unwrap_or_default();
    assert!(
        note.contains("tasks wait, more than 8: 3 → 5 workers"),
        "{rest:#?}"
    );
    assert!(monitor.wait().unwrap().success());
}

#[test]
fn killing_any_process_loses_no_task() {
    let local = Local::new();
    let tasks = ["stress", "--io", "--tasks", "12", "--task-seconds", "5"];
    local.run(&[&tasks[..], &["--local"]].concat());
    until_true("more workers", || local.pods("worker").len() == 5);
    // A worker with a task: another worker does the task, and the pod is restarted.
    let victim = until("a worker", || local.pods("worker").first().cloned());
    signal(victim.pid, "KILL");
    until_true("the restart", || {
        let pods = local.pods("worker");
        let restarted = pods
            .iter()
            .find(|it| it.name == victim.name && it.restarts == 1);
        restarted.is_some_and(|it| it.pid != victim.pid && it.ready)
    });
    // The operator: a new one continues with the saved state.
    let operator = local.pods("operator").remove(0);
    signal(operator.pid, "KILL");
    until("another operator", || {
        local
            .pods("operator")
            .into_iter()
            .find(|it| it.pid != operator.pid && it.ready)
    });
    // The supervisor: the next command starts another, which adopts all running processes.
    let before = processes(&local.state_dir());
    until("the objects on disk", || {
        let saved = std::fs::read_to_string(local.state_dir().join("objects.json")).ok()?;
        before
            .iter()
            .all(|it| saved.contains(&it.pod))
            .then_some(())
    });
    let supervisor = u32::try_from(local.cluster_info()["pid"].as_u64().unwrap()).unwrap();
    signal(supervisor, "KILL");
    until_true("its end", || {
        !std::path::Path::new(&format!("/proc/{supervisor}/exe")).exists()
    });
    let output = local.run(&["metrics", "--local"]);
    assert!(
        output.contains("exit 0") && output.contains("Started a local cluster"),
        "{output}"
    );
    let sorted = |mut all: Vec<local::PodProcess>| {
        all.sort_by_key(|it| it.pid);
        all
    };
    assert_eq!(sorted(processes(&local.state_dir())), sorted(before));
    until("all tasks", || {
        let panel = panel(&local)?;
        let done = local.get(POOL)["status"]["metrics"]["processed"]["value"] == 12;
        (done && panel["queueLength"] == 0).then_some(())
    });
    // The operator, whose watches are older than this API server, receives later changes.
    local.run(&["scale", "6", "--local"]);
    until_true("the operator", || {
        local.get(POOL)["status"]["desiredReplicas"] == 6
    });
    // It also ends the adopted processes.
    local.run(&["stop", "--local"]);
    assert_eq!(processes(&local.state_dir()), Vec::new());
}

#[test]
fn never_touches_an_unrelated_process() {
    let (local, other) = (Local::new(), Local::new());
    let sleep = |cluster: &Local| {
        let mut command = Command::new("sleep");
        let command = command.arg("600");
        Process::start(command.env("WORKERPOOL_LOCAL", cluster.state_dir()))
    };
    let (mut unrelated, mut leftover) = (sleep(&other), sleep(&local));
    local.run(&["metrics", "--local"]);
    assert!(
        leftover.wait().code().is_none(),
        "the leftover was ended by a signal"
    );
    local.run(&["stop", "--local"]);
    assert!(unrelated.is_running(), "the unrelated process still runs");
}

#[test]
fn ends_when_idle_or_its_directory_is_removed() {
    let wait_until_ended = |local: &Local| {
        until_true("the end of all processes", || {
            processes(&local.state_dir()).is_empty()
        });
    };
    let unused = Local::new();
    let mut command = unused.command(&["metrics", "--local"]);
    let output = command.env("WORKERPOOL_LOCAL_IDLE", "3").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    wait_until_ended(&unused);
    until_true("the removal of its directory", || {
        !unused.state_dir().exists()
    });

    let removed = Local::new();
    removed.run(&["metrics", "--local"]);
    std::fs::remove_dir_all(removed.state_dir()).unwrap();
    wait_until_ended(&removed);
}

#[test]
fn start_errors_name_the_cause() {
    let local = Local::new();
    let empty = tempfile::tempdir().unwrap();
    let mut command = local.command(&["metrics", "--local"]);
    let output = transcript(&command.env("PATH", empty.path()).output().unwrap());
    assert!(
        output.contains("exit 1\n")
            && output.contains("redis-server is not on the path: `apt-get install redis-server`"),
        "{output}"
    );
    let alone = empty.path().join("kubectl-workerpool");
    std::fs::copy(env!("CARGO_BIN_EXE_kubectl-workerpool"), &alone).unwrap();
    let mut command = Command::new(&alone);
    let output = transcript(
        &command
            .args(["metrics", "--local"])
            .env("XDG_STATE_HOME", local.home())
            .output()
            .unwrap(),
    );
    assert!(
        output.contains("workerpool-operator is neither beside this program"),
        "{output}"
    );
    let output = local.run(&["stop"]);
    assert_eq!(output, "exit 1\n! error: `stop` works only with --local");
    let pool = empty.path().join("pool.yaml");
    let demo = std::fs::read_to_string(testkit::root().join("manifests/demo.yaml")).unwrap();
    std::fs::write(&pool, demo.replace("minReplicas: 3", "minReplicas: 30")).unwrap();
    let output = local.run(&["metrics", "--local", "--pool-file", pool.to_str().unwrap()]);
    assert!(
        output.contains("minReplicas 30 must lie between 0 and maxReplicas 10"),
        "{output}"
    );
}
