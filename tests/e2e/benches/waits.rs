//! Compares the waits of the same work in the simulator and with real workers on the cluster that KUBECONFIG names. It
//! takes about 6 min, and needs this version's images on the cluster.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a benchmark may panic, and prints its table"
)]

use api::{ScheduledSpec, WorkerPool};
use decide::{Memory, Millis};
use e2e::world::{World, eventually};
use protocol::{ImageTask, Keys, Source, Task, now_ms, push};
use redis::{Client, Connection, Pipeline};
use serde_json::{Value, json};
use sim::{Polling, Random, Service, Summary, Telemetry, Workload, simulate};
use std::process::Stdio;
use std::time::Duration;
use testkit::process::Process;

const SEED: u64 = 1;
/// How many simulations with different seeds show the effect of chance.
const SIMULATIONS: u64 = 40;
const SERVICE: Service = Service { mean: 2.0, cv: 1.0 };
/// Steady arrivals and a burst, twice: (tasks per second, seconds).
const SHAPE: [(f64, f64); 5] = [
    (0.5, 60.0),
    (6.0, 20.0),
    (0.5, 100.0),
    (6.0, 20.0),
    (0.5, 100.0),
];

/// Arrival times in microseconds from the start: a Poisson process in each part.
fn arrivals(seed: u64) -> Vec<i64> {
    let mut random = Random::new(seed, 7);
    let mut start = 0.0;
    let mut arrivals = Vec::new();
    for (rate, duration) in SHAPE {
        let mut at = start + random.exponential() / rate;
        while at < start + duration {
            arrivals.push(sim::micros(at));
            at += random.exponential() / rate;
        }
        start += duration;
    }
    arrivals
}

/// A port-forward to the release's Redis, which ends when dropped.
struct PortForward {
    _process: Process,
    url: String,
}

impl PortForward {
    fn open(world: &World) -> Self {
        let mut command = world.command(&["port-forward", "deploy/redis", ":6379"]);
        let mut process = Process::start(command.stdout(Stdio::piped()));
        let line = process.read_line();
        let port = line.split("127.0.0.1:").nth(1);
        let port = port.and_then(|rest| rest.split(' ').next());
        Self {
            url: format!("redis://127.0.0.1:{}/", port.expect("a port")),
            _process: process,
        }
    }

    fn connect(&self) -> Connection {
        Client::open(self.url.as_str())
            .and_then(|client| client.get_connection())
            .expect("Redis")
    }
}

/// The waits of the real tasks in microseconds: the time when each was done, less its service time, less the time when it
/// was pushed.
fn measured_waits(world: &World) -> Vec<i64> {
    let forward = PortForward::open(world);
    let mut redis = forward.connect();
    let keys = Keys::new("tasks");
    let mut random = Random::new(SEED, 2);
    let (begin, mut pushed) = (now_ms(), Vec::new());
    for at in arrivals(SEED) {
        let delay = SERVICE.sample(&mut random) / 1000;
        let due = begin + at / 1000;
        std::thread::sleep(Duration::from_millis(
            u64::try_from(due - now_ms()).unwrap_or(0),
        ));
        let image = Source::Synthetic {
            width: 8,
            height: 8,
            seed: 1,
        };
        let task = Task::new(ImageTask {
            filters: Vec::new(),
            image,
            delay_ms: u64::try_from(delay).unwrap_or(0),
            work_ms: 0,
        });
        push(&keys, std::slice::from_ref(&task))
            .and_then(|push| push.query::<()>(&mut redis))
            .expect("pushed");
        pushed.push(task);
    }
    eventually("all tasks done", || match world.metric("processed") {
        Some(done) if done == i64::try_from(pushed.len()).expect("few") => Ok(()),
        other => Err(format!("{other:?} of {}", pushed.len())),
    });
    let mut redis = forward.connect();
    let mut ask = Pipeline::new();
    for task in &pushed {
        ask.cmd("PTTL")
            .arg(keys.result(&task.id))
            .cmd("GET")
            .arg(keys.result(&task.id));
    }
    let now = now_ms();
    let answers: Vec<redis::Value> = ask.query(&mut redis).expect("the results");
    let waits = pushed.iter().zip(answers.chunks(2)).map(|(task, answer)| {
        let left: i64 = redis::from_redis_value(answer[0].clone()).expect("a time to live");
        let result: String = redis::from_redis_value(answer[1].clone()).expect("a result");
        let result: Value = serde_json::from_str(&result).expect("JSON");
        let done = now - (3_600_000 - left);
        ((done - result["millis"].as_i64().expect("its time") - task.at) * 1000).max(0)
    });
    waits.collect()
}

fn main() {
    let world = World::install("waits", &json!({"maxReplicas": 20}));
    let target = json!({"minReplicas": 1, "scaleUp": null, "scaleDown": null, "target": {"drainWithin": "30s"}});
    world.change_pool(&target);
    world.expect_replicas(1);
    let pool: WorkerPool = serde_json::from_value(world.pool()).expect("the pool");
    let changes = |world: &World| world.path().len();
    let before = changes(&world);
    let waits = measured_waits(&world);
    let after = world.pool();
    let startup = after["status"]["internal"]["startup"]["meanMillis"]
        .as_i64()
        .unwrap_or(5_000);
    let slo = Millis::seconds(30);
    let real = Summary::of_waits(
        waits,
        slo,
        u64::try_from(changes(&world) - before).unwrap_or(0),
    );

    let mut spec = ScheduledSpec::new(&pool).expect("a valid pool");
    let mut simulated: Vec<Summary> = (SEED..=SIMULATIONS)
        .map(|seed| {
            let workload = Workload {
                start: 0,
                arrivals: arrivals(seed),
                service: SERVICE,
                startup: Millis(startup),
                seed,
                workers: 1,
                memory: Memory::default(),
                slo,
            };
            simulate(
                &mut spec,
                &workload,
                Polling::Push(Millis::seconds(2)),
                Telemetry::Everything,
                &mut |_| (),
            )
            .expect("all tasks are done")
        })
        .collect();
    let same = simulated.first().cloned().unwrap_or_default();
    simulated.sort_by(|a, b| a.wait_p99.total_cmp(&b.wait_p99));
    let row = |name: &str, summary: &Summary| {
        let Summary {
            tasks,
            wait_p50,
            wait_p99,
            wait_max,
            late_share,
            changes,
            ..
        } = summary;
        println!(
            "| {name} | {tasks} | {wait_p50:.1} s | {wait_p99:.1} s | {wait_max:.1} s | {:.1} % | {changes} |",
            late_share * 100.0
        );
    };
    println!(
        "drainWithin 30s; 0.5 tasks a second and bursts of 6; tasks of 2 s, cv 1; 1 to 20 workers that start in {startup} ms (measured)\n"
    );
    println!(
        "| | tasks | wait p50 | p99 | longest | late | changes |\n|---|---|---|---|---|---|---|"
    );
    row("real workers, real cluster", &real);
    row("the same tasks, simulated", &same);
    let percent = |share: usize| &simulated[(simulated.len() - 1) * share / 100];
    row(
        &format!("median of {SIMULATIONS} simulations by p99"),
        percent(50),
    );
    row("5th percentile by p99", percent(5));
    row("95th percentile by p99", percent(95));
}
