//! Celery's workers as the operator sees them: they listen for questions and answer as those of 5.7 do, with answers that
//! were recorded from one. A thousand of its own processes do not fit on a machine.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redis::{Cmd, Connection, PubSub, RedisResult, cmd};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::redis::RedisServer;

/// The answers of a worker that runs one task in one of two processes.
const TASK: &str = r#"{"id": "46d9d998-a2fe-4277-b9b6-6eda72beeadd", "name": "jobs.run", "args": "['j']", "kwargs": "{}", "type": "jobs.run", "hostname": "celery@worker-5d4f-0", "time_start": 1795965754.80177, "acknowledged": true, "delivery_info": {"exchange": "", "routing_key": "mail", "priority": 0, "redelivered": false}, "worker_pid": 6598}"#;
const QUEUES: &str = r#"[{"name": "mail", "exchange": {"name": "mail", "type": "direct", "arguments": null, "durable": true, "passive": false, "auto_delete": false, "delivery_mode": null, "no_declare": false}, "routing_key": "mail", "queue_arguments": null, "binding_arguments": null, "consumer_arguments": null, "durable": true, "exclusive": false, "auto_delete": false, "no_ack": false, "alias": null, "bindings": [], "no_declare": null, "expires": null, "message_ttl": null, "max_length": null, "max_length_bytes": null, "max_priority": null}]"#;
const STATS: &str = r#"{"total": {"jobs.run": 1}, "pid": 6588, "clock": "10", "uptime": 6, "pool": {"implementation": "celery.concurrency.prefork:TaskPool", "max-concurrency": 2, "processes": [6592, 6593], "max-tasks-per-child": "N/A", "put-guarded-by-semaphore": false, "timeouts": [0, 0], "writes": {"total": 1, "avg": "1.00", "all": "1.00", "raw": "1", "strategy": "fair", "inqueues": {"total": 2, "active": 0}}}, "broker": {"hostname": "localhost", "userid": null, "virtual_host": "0", "port": 6379, "insist": false, "ssl": false, "transport": "redis", "connect_timeout": 4, "transport_options": {}, "login_method": null, "uri_prefix": null, "heartbeat": 120.0, "failover_strategy": "round-robin", "alternates": [], "credential_provider": null}, "prefetch_count": 8, "rusage": {"utime": 0.352571, "stime": 0.174371, "maxrss": 51488, "ixrss": 0, "idrss": 0, "isrss": 0, "minflt": 47711, "majflt": 3, "nswap": 0, "inblock": 984, "oublock": 40, "msgsnd": 0, "msgrcv": 0, "nsignals": 0, "nvcsw": 117, "nivcsw": 171}}"#;

/// Workers of the queue `mail`, each with one task that runs. They end with their server.
pub struct Workers {
    count: usize,
    answers: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `count` workers, each of which has fetched `held` tasks ahead.
    pub fn start(server: &RedisServer, count: usize, held: usize) -> Self {
        let connect = |_| server.connect();
        let (listen, answer): (Vec<_>, Vec<_>) =
            (0..count).map(connect).zip((0..count).map(connect)).unzip();
        let answers = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&answers);
        let (ready, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || drop(serve(listen, answer, held, &counter, || ready.send(()))));
        started.recv().expect("they listen");
        Self { count, answers }
    }

    /// How many questions all have answered.
    pub fn answered(&self) -> usize {
        self.answers.load(Ordering::Acquire) / self.count
    }
}

/// Answers until the server ends: each worker by two connections, as Celery's do.
fn serve<T>(
    mut listen: Vec<Connection>,
    mut answer: Vec<Connection>,
    held: usize,
    answers: &AtomicUsize,
    is_ready: impl FnOnce() -> T,
) -> RedisResult<()> {
    let mut ears: Vec<PubSub<'_>> = listen.iter_mut().map(Connection::as_pubsub).collect();
    for ear in &mut ears {
        ear.subscribe("/0.celery.pidbox")?;
    }
    drop(is_ready());
    let held = vec![TASK; held].join(", ");
    loop {
        for (number, (ear, voice)) in ears.iter_mut().zip(&mut answer).enumerate() {
            let question: String = ear.get_message()?.get_payload()?;
            let reply = reply(&question, &format!("celery@worker-5d4f-{number}"), &held);
            voice.send_packed_command(&reply.get_packed_command())?;
        }
        for voice in &mut answer {
            voice.recv_response()?;
        }
        answers.fetch_add(answer.len(), Ordering::Release);
    }
}

/// What `worker`, which holds these tasks, replies to a question.
fn reply(question: &str, worker: &str, held: &str) -> Cmd {
    let question: Value = serde_json::from_str(question).expect("a message");
    let body = question["body"].as_str().expect("a body");
    let body = BASE64_STANDARD.decode(body).expect("base64");
    let body: Value = serde_json::from_slice(&body).expect("a question");
    let answer = match body["method"].as_str() {
        Some("active") => format!("[{TASK}]"),
        Some("reserved") => format!("[{held}]"),
        Some("active_queues") => QUEUES.to_owned(),
        Some("stats") => STATS.to_owned(),
        _ => "[]".to_owned(),
    };
    let list = body["reply_to"]["routing_key"].as_str().expect("a list");
    let message = json!({
        "body": BASE64_STANDARD.encode(format!(r#"{{"{worker}": {answer}}}"#)),
        "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"ticket": body["ticket"], "clock": 3},
        "properties": {
            "delivery_mode": 1, "delivery_info": {"exchange": "", "routing_key": list}, "priority": 0,
            "body_encoding": "base64", "delivery_tag": "8b2c274e-425e-4b9d-a19c-db96cc214581",
        },
    });
    cmd("LPUSH").arg(list).arg(message.to_string()).take()
}
