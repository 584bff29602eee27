//! The terminal screen with a thousand pools, in a real pseudo-terminal: how long from a key to its frame, from a
//! decision to the frame that has it, from the start to the first frame, and how much memory it takes.
#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, reason = "a bench talks, and fails loudly")]

#[cfg(unix)]
#[path = "../tests/support/api_server.rs"]
mod api_server;
#[cfg(unix)]
#[path = "../tests/support/pty.rs"]
mod pty;

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    measured::all();
}

#[cfg(unix)]
mod measured {
    use super::api_server::ApiServer;
    use super::pty::Terminal;
    use portable_pty::CommandBuilder;
    use serde_json::{Value, json};
    use std::time::{Duration, Instant};

    const POOLS: &str = "/apis/workerpool.dev/v1alpha1/namespaces/default/workerpools";
    const TARGETS: &str = "/apis/apps/v1/namespaces/default/deployments";
    const COUNT: usize = 1000;
    const TURNS: usize = 300;

    pub fn all() {
        let pools: Vec<Value> =
            (0..COUNT).map(|i| pool(i, "no rule asks for another number: 3 workers stay")).collect();
        let bytes = pools[0].to_string().len();
        let items = json!({"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPoolList", "metadata": {"resourceVersion": "1"}, "items": pools});
        let target = json!({"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {"resourceVersion": "1"}, "items": []});
        let api = ApiServer::streaming([("GET", POOLS, 200, items), ("GET", TARGETS, 200, target)]);
        let home = tempfile::tempdir().expect("a directory");
        let kubeconfig = home.path().join("config");
        std::fs::write(&kubeconfig, api.kubeconfig()).expect("a kubeconfig");
        let start = |args: &[&str]| {
            let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
            command.args(args);
            command.env_clear();
            command.env("KUBECONFIG", &kubeconfig);
            command.env("TERM", "xterm-256color");
            Terminal::start(command, (140, 40))
        };
        println!("{COUNT} pools of {bytes} bytes each, 140x40");

        let (mut first, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let begin = Instant::now();
            let mut terminal = start(&["interactive", "--readonly"]);
            first.push(terminal.shows("Pools, problems first") - begin);
            whole.push(terminal.shows("1000 pools") - begin);
        }
        told("start to the first frame", first);
        told("start to all pools on it", whole);

        let mut terminal = start(&["interactive", "--readonly"]);
        terminal.shows("1000 pools");
        terminal.shows("pool-0000:");
        let keys = (1..=TURNS).map(|i| {
            let begin = Instant::now();
            terminal.press("\x1b[B");
            terminal.shows(&format!("pool-{i:04}:")) - begin
        });
        told("key to its frame", keys.collect());
        api.watched(POOLS, 1);
        let decisions = (0..TURNS).map(|i| {
            let sentence = format!("{} tasks wait, more than 8: 3 → 5 workers", i + 9);
            let begin = Instant::now();
            api.tell(POOLS, "MODIFIED", &pool(TURNS, &sentence));
            terminal.shows(&sentence) - begin
        });
        told("decision to the list", decisions.collect());
        terminal.press("\r");
        terminal.shows("How it was decided");
        api.watched(POOLS, 2);
        let decisions = (0..TURNS).map(|i| {
            let sentence = format!("{} tasks wait, more than 8: 5 → 7 workers", i + 9);
            let begin = Instant::now();
            api.tell(POOLS, "MODIFIED", &pool(TURNS, &sentence));
            terminal.shows(&sentence) - begin
        });
        told("decision to the open pool", decisions.collect());
        for line in
            std::fs::read_to_string(format!("/proc/{}/status", terminal.id())).unwrap_or_default().lines()
        {
            if line.starts_with("VmHWM") || line.starts_with("VmRSS") {
                println!("{}", line.replace('\t', " "));
            }
        }
    }

    fn told(what: &str, mut spans: Vec<Duration>) {
        spans.sort();
        let at =
            |percent: usize| spans[(spans.len() * percent / 100).min(spans.len() - 1)].as_secs_f64() * 1000.0;
        println!("{what:28} n {:4}  p50 {:7.2} ms  p99 {:7.2} ms", spans.len(), at(50), at(99));
    }

    /// A pool with a full history and a whole trail, as a busy operator leaves it.
    fn pool(i: usize, sentence: &str) -> Value {
        let change = |n: usize| json!({"at": format!("2026-11-27T08:{n:02}:00Z"), "from": 3, "to": 5, "reason": "QueueTooLong", "sentence": "17 tasks wait, more than 8: 3 → 5 workers"});
        let step = |n: usize| json!({"step": format!("scaleUp.queueLength{n}"), "says": "17 > 8 → 7"});
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
                    "reason": "Steady", "sentence": sentence, "confidence": 1.0, "at": "2026-11-27T08:30:00Z", "from": 3, "to": 3,
                    "trail": (0..8).map(step).collect::<Vec<_>>(),
                },
            },
        })
    }
}
