//! Measures the terminal screen in a pseudo-terminal. With a thousand pools: the times from a key to its frame, from a
//! decision to its frame, and from the start to the first frame, and the memory. With a real Redis and a real operator:
//! the time from LPUSH to the new replica count on the screen.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a benchmark prints its results and may fail loudly"
)]

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    measurements::push_latency();
    measurements::thousand_pools();
}

#[cfg(unix)]
mod measurements {
    use portable_pty::CommandBuilder;
    use serde_json::{Value, json};
    use std::time::{Duration, Instant};
    use testkit::api_server::ApiServer;
    use testkit::local::Local;
    use testkit::pty::Terminal;

    const POOLS: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
    const TARGETS: &str = "/apis/apps/v1/namespaces/default/deployments";
    const POOL_COUNT: usize = 1000;
    const ROUNDS: usize = 300;

    /// Scales to one worker for each element of a list without consumers.
    const POOL: &str = "
        apiVersion: workerpool.dev/v1alpha1
        kind: WorkerPool
        metadata: {name: jobs}
        spec:
          scaleTargetRef: {name: filter-worker}
          minReplicas: 1
          maxReplicas: 9
          redis: {address: 'redis://redis:6379/0'}
          queues: [{name: tasks}, {name: jobs, system: List}]
          target: {tasksPerWorker: 1}
          behavior: {scaleDown: {stabilizationWindowSeconds: 0}}
    ";
    const PUSHES: usize = 60;

    /// From LPUSH to the new replica count on the screen.
    pub fn push_latency() {
        let local = Local::new();
        let file = local.home().join("pool.yaml");
        std::fs::write(&file, POOL).unwrap();
        let output = local.run(&["metrics", "--local", "--pool-file", file.to_str().unwrap()]);
        assert!(output.starts_with("exit 0"), "{output}");
        let address = local.cluster_info()["redis"].as_str().unwrap().to_owned();
        let mut redis = redis::Client::open(address)
            .unwrap()
            .get_connection()
            .unwrap();
        let mut command = CommandBuilder::new(testkit::kubectl());
        command.args(["interactive", "--local", "--readonly"]);
        command.env("XDG_STATE_HOME", local.home());
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C");
        let mut terminal = Terminal::start(command, (140, 40));
        let mut spans = Vec::new();
        for _ in 0..PUSHES {
            terminal.shows("default/jobs  1 workers");
            redis::cmd("LPUSH")
                .arg("jobs")
                .arg("a")
                .arg("b")
                .exec(&mut redis)
                .unwrap();
            let begin = Instant::now();
            let shown = terminal.until("2 desired", |screen| {
                screen.contents().contains("1 → 2 workers")
            });
            spans.push(shown.saturating_duration_since(begin));
            redis::cmd("DEL").arg("jobs").exec(&mut redis).unwrap();
        }
        println!("one pool, a real Redis and a real operator on this machine, 140x40");
        report("LPUSH to the replica count", spans);
    }

    /// Start, keys, decisions and memory with a thousand pools.
    pub fn thousand_pools() {
        let pools: Vec<Value> = (0..POOL_COUNT)
            .map(|i| pool(i, "within thresholds: keeping 3 workers"))
            .collect();
        let bytes = pools[0].to_string().len();
        let items = json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPoolList", "metadata": {"resourceVersion": "1"}, "items": pools});
        let target = json!({"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": []});
        let api = ApiServer::streaming([("GET", POOLS, 200, items), ("GET", TARGETS, 200, target)]);
        let home = tempfile::tempdir().expect("a directory");
        let kubeconfig = home.path().join("config");
        std::fs::write(&kubeconfig, api.kubeconfig()).expect("a kubeconfig");
        let start = |args: &[&str]| {
            let mut command = CommandBuilder::new(testkit::kubectl());
            command.args(args);
            command.env_clear();
            command.env("KUBECONFIG", &kubeconfig);
            command.env("TERM", "xterm-256color");
            Terminal::start(command, (140, 40))
        };
        println!("{POOL_COUNT} pools of {bytes} bytes each, 140x40");

        let mut first_frame = Vec::new();
        let mut all_pools = Vec::new();
        for _ in 0..10 {
            let begin = Instant::now();
            let mut terminal = start(&["interactive", "--readonly"]);
            first_frame.push(terminal.shows("Pools, problems first") - begin);
            all_pools.push(terminal.shows("1000 pools") - begin);
        }
        report("start to the first frame", first_frame);
        report("start to all pools listed", all_pools);

        let mut terminal = start(&["interactive", "--readonly"]);
        terminal.shows("1000 pools");
        terminal.shows("pool-0000:");
        let keys = (1..=ROUNDS).map(|i| {
            let begin = Instant::now();
            terminal.press("\x1b[B");
            terminal.shows(&format!("pool-{i:04}:")) - begin
        });
        report("key to its frame", keys.collect());
        api.wait_for_watchers(POOLS, 1);
        let decisions = (0..ROUNDS).map(|i| {
            let message = format!("{} tasks wait, more than 8: 3 → 5 workers", i + 9);
            let begin = Instant::now();
            api.send_event(POOLS, "MODIFIED", &pool(ROUNDS, &message));
            terminal.shows(&message) - begin
        });
        report("decision to the list", decisions.collect());
        terminal.press("\r");
        terminal.shows("How it was decided");
        api.wait_for_watchers(POOLS, 2);
        let decisions = (0..ROUNDS).map(|i| {
            let message = format!("{} tasks wait, more than 8: 5 → 7 workers", i + 9);
            let begin = Instant::now();
            api.send_event(POOLS, "MODIFIED", &pool(ROUNDS, &message));
            terminal.shows(&message) - begin
        });
        report("decision to the open pool", decisions.collect());
        for line in std::fs::read_to_string(format!("/proc/{}/status", terminal.id()))
            .unwrap_or_default()
            .lines()
        {
            if line.starts_with("VmHWM") || line.starts_with("VmRSS") {
                println!("{}", line.replace('\t', " "));
            }
        }
    }

    fn report(title: &str, mut spans: Vec<Duration>) {
        spans.sort();
        let at = |percent: usize| {
            spans[(spans.len() * percent / 100).min(spans.len() - 1)].as_secs_f64() * 1000.0
        };
        println!(
            "{title:28} n {:4}  p50 {:7.2} ms  p99 {:7.2} ms",
            spans.len(),
            at(50),
            at(99)
        );
    }

    /// A pool with a full history and all steps, as a busy operator writes them.
    fn pool(i: usize, message: &str) -> Value {
        let change = |n: usize| json!({"at": format!("2026-11-27T08:{n:02}:00Z"), "from": 3, "to": 5, "reason": "QueueTooLong", "message": "17 tasks wait, more than 8: 3 → 5 workers"});
        let step =
            |n: usize| json!({"name": format!("scaleUp.queueLength{n}"), "detail": "17 > 8 → 7"});
        let metric = json!({"value": 5});
        json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
            "metadata": {"name": format!("pool-{i:04}"), "namespace": "default", "generation": 1, "resourceVersion": "1"},
            "spec": {"scaleTargetRef": {"name": "w"}, "redis": {"address": "redis://127.0.0.1:1"}, "queues": [{"name": "tasks"}]},
            "status": {
                "observedGeneration": 1, "replicas": 3, "desiredReplicas": 3,
                "history": (0..50).map(change).collect::<Vec<_>>(),
                "metrics": {"ready": metric, "live": metric, "busy": metric, "processed": metric},
                "display": {"target": "Deployment/w", "queue": "17", "busy": "3/5", "util": "60%", "wait": "6s"},
                "decision": {
                    "reason": "WithinThresholds", "message": message, "confidence": 1.0, "at": "2026-11-27T08:30:00Z", "from": 3, "to": 3,
                    "steps": (0..8).map(step).collect::<Vec<_>>(),
                },
            },
        })
    }
}
