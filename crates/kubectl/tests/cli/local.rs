//! Plans B, C and D: the class without Docker, without a cluster and without the dashboard. Real processes, a real
//! Redis and the real operator; each test has a local cluster of its own, which ends with it.

use ::local::processes;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};
use testkit::local::{Local, until};

const OPERATOR: &str = "apis/apps/v1/namespaces/workerpool-system/deployments/workerpool-operator";
const POOL: &str = "apis/workerpool.dev/v1alpha1/namespaces/default/workerpools/filters";
const WORKERS: &str = "apis/apps/v1/namespaces/default/deployments/filter-worker";

#[test]
fn two_commands_at_once_start_one_cluster_and_stop_leaves_nothing() {
    let local = Local::new();
    let began = Instant::now();
    let both = std::thread::scope(|scope| {
        let two = [0, 1].map(|_| scope.spawn(|| local.run(&["metrics", "--local"])));
        two.map(|one| one.join().unwrap())
    });
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    for said in &both {
        assert!(
            said.contains("exit 0") && said.contains("👷 Active Workers: 3"),
            "{said}"
        );
    }
    let starts = both
        .iter()
        .filter(|said| said.contains("Started a local cluster"))
        .count();
    assert_eq!(starts, 1, "{both:?}");
    let check = local.run(&["check", "--local"]);
    assert!(
        check.starts_with("exit 0\n") && check.matches("✔ ").count() == 11,
        "{check}"
    );
    let pods = processes(&local.state_dir());
    let whose = |name: &str| pods.iter().filter(|it| it.pod.starts_with(name)).count();
    assert_eq!(
        (
            pods.len(),
            whose("filter-worker"),
            whose("redis"),
            whose("workerpool-operator")
        ),
        (5, 3, 1, 1)
    );

    let supervisor = local.cluster_info()["pid"].clone();
    assert_eq!(
        local.run(&["stop", "--local"]),
        "exit 0\n! The local cluster has ended."
    );
    assert_eq!(
        (processes(&local.state_dir()), local.state_dir().exists()),
        (Vec::new(), false)
    );
    assert!(
        !std::path::Path::new(&format!("/proc/{supervisor}/exe")).exists(),
        "the supervisor goes too"
    );
    assert_eq!(
        local.run(&["stop", "--local"]),
        "exit 0\n! There is no local cluster."
    );
}

#[test]
fn plan_b_scales_by_hand_with_an_operator_and_without() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let scaled = |n: &str, replicas: u64| {
        let said = local.run(&["scale", n, "--local"]);
        until("the workers", || {
            (local.get(WORKERS)["status"]["readyReplicas"] == replicas).then_some(())
        });
        until("the registry", || {
            local
                .run(&["metrics", "--local"])
                .contains(&format!("Active Workers: {replicas}\n"))
                .then_some(())
        });
        said
    };
    assert!(
        scaled("6", 6).contains(
            "filters: pinned by spec.replicas: 3 → 6 workers\n! The operator answered in"
        )
    );
    assert!(scaled("3", 3).contains("The operator answered in"));
    let scale = local.get(&format!("{WORKERS}/scale"));
    let owners = || {
        local.get(WORKERS)["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    };
    let owner = |entry: &Value| entry["fieldsV1"].pointer("/f:spec/f:replicas").is_some();
    let names = |all: Vec<Value>| {
        all.iter()
            .filter(|it| owner(it))
            .map(|it| it["manager"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (&scale["spec"]["replicas"], names(owners())),
        (&json!(3), vec!["workerpool-operator".to_owned()])
    );

    // Somebody else's number is set back, as on a cluster.
    local.patch(
        &format!("{WORKERS}/scale"),
        &json!({"spec": {"replicas": 8}}),
    );
    until("the operator's number", || {
        (local.get(WORKERS)["spec"]["replicas"] == 3).then_some(())
    });

    local.patch(
        &format!("{OPERATOR}/scale"),
        &json!({"spec": {"replicas": 0}}),
    );
    until("the operator's end", || {
        local.pods("operator").is_empty().then_some(())
    });
    let said = scaled("5", 5);
    assert!(
        said.contains("🔺 SCALING UP TO 5 WORKERS\n! No operator answered within 5 s"),
        "{said}"
    );
    let check = local.run(&["check", "--local"]);
    assert!(check.contains("✘ operator"), "{check}");
}

#[test]
fn the_story_is_told_in_a_hurry() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let own = local.get(POOL)["spec"].clone();
    let said = local.run(&["demo", "--local", "--fast"]);
    assert!(said.starts_with("exit 0\n"), "{said}");
    assert!(
        said.contains("filters: 3 → 5 → 7 → 5 → 3 workers; 25 of 25 tasks done"),
        "{said}"
    );
    assert_eq!(
        said.matches("SCALING UP TO").count() + said.matches("SCALING DOWN TO").count(),
        4,
        "{said}"
    );
    assert!(!said.contains("somebody else"), "{said}");
    assert!(
        said.contains(
            "! --fast: tasks of 2 s, and until it ends a quarter of the pauses of filters."
        ),
        "{said}"
    );
    let pool = local.get(POOL);
    let left = &pool["metadata"]["annotations"]["workerpool.dev/own-pauses"];
    assert_eq!(
        (&pool["spec"], left),
        (&own, &Value::Null),
        "its pauses are its own again"
    );
    let history = local.run(&["history", "--local"]);
    assert!(
        history.contains("3 → 5    QueueTooLong  22 tasks wait, more than 8: 3 → 5 workers"),
        "{history}"
    );
}

#[test]
fn what_was_before_a_screen_was_opened_is_on_it() {
    let local = Local::new();
    local.run(&["stress", "--tasks", "12", "--task-seconds", "60", "--local"]);
    until("five at work", || {
        let panel = local.run(&["metrics", "-o", "json", "--local"]);
        let panel: Value = serde_json::from_str(panel.strip_prefix("exit 0\n")?).ok()?;
        (panel["busyWorkers"] == 5).then_some(())
    });
    // The operator remembers each second, and this screen has seen none of it.
    let then = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    let at = until("the look after it", || {
        let said = local.run(&["explain", "--at", &then, "--local", "-o", "json"]);
        let told: Value = serde_json::from_str(said.strip_prefix("exit 0\n")?).ok()?;
        (told["metrics"]["ready"]["value"].as_u64()? > 0).then_some(told)
    });
    assert_eq!(
        (&at["change"]["to"], &at["metrics"]["ready"]["value"]),
        (&json!(5), &json!(7))
    );
    let said = local.run(&["explain", "--at", &then, "--local"]);
    assert!(
        said.contains("5 workers") && said.contains("7 waiting · 5 of 5 workers busy"),
        "{said}"
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
fn the_dashboard_is_there_on_the_port_that_is_asked_for() {
    let local = Local::new();
    let said = local.run(&["dashboard", "--local", "--no-open"]);
    let address = said
        .lines()
        .nth(1)
        .and_then(|url| url.strip_prefix("http://"))
        .unwrap()
        .to_owned();
    let pools = |address: &str| {
        testkit::local::http(address, "GET", "/api/pools", "", "").filter(|answer| answer.0 == 200)
    };
    until("the page", || pools(&address));
    let other = format!("localhost:{}", testkit::local::free_port());
    let port = other.strip_prefix("localhost:").unwrap();
    let mut forward = local
        .command(&["dashboard", "--local", "--no-open", "--port", port])
        .spawn()
        .unwrap();
    let (_, body) = until("the page on the other port", || pools(&other));
    testkit::local::signal(forward.id(), "TERM");
    forward.wait().unwrap();
    assert_eq!(body[0]["name"], "filters");
}

#[test]
fn plan_c_serves_takes_a_burst_and_shows_it() {
    let local = Local::new();
    let listen = format!("127.0.0.1:{}", testkit::local::free_port());
    let mut front = local
        .command(&["serve", "--local", "--listen", &listen])
        .spawn()
        .unwrap();
    until("the front", || {
        testkit::local::http(&listen, "GET", "/api/workers/status", "", "")
            .filter(|answer| answer.0 == 200)
    });
    let said = local.run(&["stress", "--tasks", "10", "--task-seconds", "1", "--local"]);
    assert!(
        said.contains("🔥 STRESS TEST TRIGGERED (10 tasks)"),
        "{said}"
    );
    until("the tasks", || {
        let panel: Value = serde_json::from_str(
            local
                .run(&["metrics", "-o", "json", "--local"])
                .strip_prefix("exit 0\n")?,
        )
        .ok()?;
        (panel["queueLength"] == 0
            && panel["successRatePercent"] == 100.0
            && panel["busyWorkers"] == 0)
            .then_some(())
    });
    let status = testkit::local::http(&listen, "GET", "/api/workers/status", "", "")
        .unwrap()
        .1;
    assert!(status.to_string().contains("filter-worker-"), "{status}");
    testkit::local::signal(front.id(), "TERM");
    assert!(front.wait().unwrap().success());
    assert!(
        testkit::local::http(&listen, "GET", "/healthz", "", "").is_none(),
        "the front ends with the command"
    );
}

#[test]
fn plan_d_monitors_without_a_page() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let mut command = local.command(&["monitor", "--duration", "8", "--local"]);
    let mut watching = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    assert!(
        first.ends_with("] 🟢 Queue:0  | Workers:3 | Util:  0.0%"),
        "{first}"
    );
    local.run(&["stress", "--tasks", "25", "--task-seconds", "1", "--local"]);
    let seen: Vec<String> = lines.collect();
    let up = seen
        .iter()
        .position(|line| line.ends_with("] 🔺 SCALING UP TO 5 WORKERS"));
    let why = up
        .and_then(|at| seen.get(at + 1))
        .cloned()
        .unwrap_or_default();
    assert!(
        why.contains("tasks wait, more than 8: 3 → 5 workers"),
        "{seen:#?}"
    );
    assert!(watching.wait().unwrap().success());
}

#[test]
fn whoever_is_killed_nothing_is_lost() {
    let local = Local::new();
    local.run(&["stress", "--tasks", "12", "--task-seconds", "2", "--local"]);
    until("more workers", || {
        (local.pods("worker").len() == 5).then_some(())
    });
    // A worker in the middle of a task: its task is done by another, its pod comes back.
    let victim = until("a worker", || local.pods("worker").first().cloned());
    testkit::local::signal(victim.pid, "KILL");
    until("its return", || {
        let pods = local.pods("worker");
        pods.iter()
            .find(|it| {
                it.name == victim.name && it.pid != victim.pid && it.ready && it.restarts == 1
            })
            .map(|_| ())
    });
    // The operator: another one goes on, with its memory.
    let operator = local.pods("operator").remove(0);
    testkit::local::signal(operator.pid, "KILL");
    until("another operator", || {
        local
            .pods("operator")
            .into_iter()
            .find(|it| it.pid != operator.pid && it.ready)
    });
    // The supervisor: the next command starts another, which takes up what runs, to the process.
    let before = processes(&local.state_dir());
    until("the objects on disk", || {
        let saved = std::fs::read_to_string(local.state_dir().join("objects.json")).ok()?;
        before
            .iter()
            .all(|it| saved.contains(&it.pod))
            .then_some(())
    });
    let supervisor = u32::try_from(local.cluster_info()["pid"].as_u64().unwrap()).unwrap();
    testkit::local::signal(supervisor, "KILL");
    until("its end", || {
        (!std::path::Path::new(&format!("/proc/{supervisor}/exe")).exists()).then_some(())
    });
    let said = local.run(&["metrics", "--local"]);
    assert!(
        said.contains("exit 0") && said.contains("Started a local cluster"),
        "{said}"
    );
    let sorted = |mut all: Vec<local::PodProcess>| {
        all.sort_by_key(|it| it.pid);
        all
    };
    assert_eq!(sorted(processes(&local.state_dir())), sorted(before));
    until("all tasks", || {
        let panel: Value = serde_json::from_str(
            local
                .run(&["metrics", "-o", "json", "--local"])
                .strip_prefix("exit 0\n")?,
        )
        .ok()?;
        let done = local.get(POOL)["status"]["metrics"]["processed"]["value"] == 12;
        (done && panel["queueLength"] == 0).then_some(())
    });
    // The operator, whose watches are older than this API server, hears of what comes next.
    local.run(&["scale", "6", "--local"]);
    until("the operator", || {
        (local.get(POOL)["status"]["desiredReplicas"] == 6).then_some(())
    });
    // What it took up it also ends.
    local.run(&["stop", "--local"]);
    assert_eq!(processes(&local.state_dir()), Vec::new());
}

#[test]
fn who_is_in_the_middle_of_a_task_finishes_it_before_the_end() {
    let server = testkit::redis::RedisServer::start();
    let mut redis = redis::Client::open(server.url())
        .unwrap()
        .get_connection()
        .unwrap();
    for round in 1..=2_u64 {
        let local = Local::new();
        local.run(&["metrics", "--local", "--redis", &server.url()]);
        local.run(&["stress", "--tasks", "3", "--task-seconds", "2", "--local"]);
        until("three at work", || {
            let panel = local.run(&["metrics", "-o", "json", "--local"]);
            let panel: Value = serde_json::from_str(panel.strip_prefix("exit 0\n")?).ok()?;
            (panel["busyWorkers"] == 3).then_some(())
        });
        assert_eq!(
            local.run(&["stop", "--local"]),
            "exit 0\n! The local cluster has ended."
        );
        let done: u64 = redis::cmd("HGET")
            .arg("wp:{tasks}:stats")
            .arg("processed")
            .query(&mut redis)
            .unwrap();
        assert_eq!((done, local.state_dir().exists()), (3 * round, false));
    }
}

#[test]
fn a_stranger_s_process_is_never_touched() {
    let (local, other) = (Local::new(), Local::new());
    let mut stranger = std::process::Command::new("sleep")
        .arg("600")
        .env("WORKERPOOL_LOCAL", other.state_dir())
        .spawn()
        .unwrap();
    let mut leftover = std::process::Command::new("sleep")
        .arg("600")
        .env("WORKERPOOL_LOCAL", local.state_dir())
        .spawn()
        .unwrap();
    local.run(&["metrics", "--local"]);
    assert!(
        leftover.wait().unwrap().code().is_none(),
        "it was ended by a signal"
    );
    local.run(&["stop", "--local"]);
    assert!(
        stranger.try_wait().unwrap().is_none(),
        "the stranger's lives"
    );
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn it_ends_by_itself() {
    let gone = |local: &Local| {
        until("the end of all", || {
            processes(&local.state_dir()).is_empty().then_some(())
        });
    };
    let unused = Local::new();
    let mut command = unused.command(&["metrics", "--local"]);
    assert!(
        command
            .env("WORKERPOOL_LOCAL_IDLE", "1")
            .output()
            .unwrap()
            .status
            .success()
    );
    gone(&unused);
    until("its folder's end", || {
        (!unused.state_dir().exists()).then_some(())
    });

    let removed = Local::new();
    removed.run(&["metrics", "--local"]);
    std::fs::remove_dir_all(removed.state_dir()).unwrap();
    gone(&removed);
}

#[test]
fn what_cannot_start_says_why() {
    let local = Local::new();
    let empty = tempfile::tempdir().unwrap();
    let mut command = local.command(&["metrics", "--local"]);
    let said = testkit::local::transcript(&command.env("PATH", empty.path()).output().unwrap());
    assert!(
        said.contains("exit 1\n")
            && said.contains("redis-server is not on the path: `apt-get install redis-server`"),
        "{said}"
    );
    let alone = empty.path().join("kubectl-workerpool");
    std::fs::copy(env!("CARGO_BIN_EXE_kubectl-workerpool"), &alone).unwrap();
    let mut command = std::process::Command::new(&alone);
    let said = testkit::local::transcript(
        &command
            .args(["metrics", "--local"])
            .env("XDG_STATE_HOME", local.home())
            .output()
            .unwrap(),
    );
    assert!(
        said.contains("workerpool-operator is neither beside this program"),
        "{said}"
    );
    let said = local.run(&["stop"]);
    assert_eq!(said, "exit 1\n! error: this belongs to --local: add it");
    let pool = empty.path().join("pool.yaml");
    let demo = std::fs::read_to_string("manifests/demo.yaml").unwrap();
    std::fs::write(&pool, demo.replace("minReplicas: 3", "minReplicas: 30")).unwrap();
    let said = local.run(&["metrics", "--local", "--pool-file", pool.to_str().unwrap()]);
    assert!(
        said.contains("minReplicas 30 must lie between 0 and maxReplicas 10"),
        "{said}"
    );
}
