//! What one tenant does to the others: hostile Redis servers, noisy pools, many what-ifs. The operator's memory, connections
//! and work stay bounded, and the pools of another namespace are scaled as if there were no attack.

use crate::Operator;
use redis::Commands;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testkit::api_server::ApiServer;
use testkit::local::{http, until};
use testkit::port::free_port;
use testkit::redis::RedisServer;

/// How many pools are hostile, each with a server of its own.
const HOSTILE: usize = 8;
/// How many pools are scaled without an attack, and as many during one.
const TRIALS: usize = 10;
/// For how long an attack is watched.
const WATCHED: Duration = Duration::from_secs(5);
/// The chart's limit.
pub const MEMORY: usize = 128 * 1024 * 1024;

pub const POOLS: &str = "/apis/workerpool.dev/v1alpha1/workerpools";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
pub const AUTOSCALERS: &str = "/apis/autoscaling/v2/horizontalpodautoscalers";

/// What a server does with a connection.
type Attack = fn(TcpStream) -> std::io::Result<()>;

const HELLO: &[u8] = b"%1\r\n+server\r\n+redis\r\n";

fn hello(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0])?;
    stream.write_all(HELLO)
}

fn huge_array(mut stream: TcpStream) -> std::io::Result<()> {
    hello(&mut stream)?;
    flood(stream, b"*100000000\r\n", b":1\r\n")
}

fn huge_bulk(mut stream: TcpStream) -> std::io::Result<()> {
    hello(&mut stream)?;
    flood(stream, b"$536870912\r\n", b"aaaa")
}

fn close_after_hello(mut stream: TcpStream) -> std::io::Result<()> {
    hello(&mut stream)
}

fn flood_of_pushes(mut stream: TcpStream) -> std::io::Result<()> {
    hello(&mut stream)?;
    let push = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$19\r\nwp:{hostile-0}:ready\r\n";
    flood(stream, b"+OK\r\n", push)
}

fn long_error(mut stream: TcpStream) -> std::io::Result<()> {
    hello(&mut stream)?;
    flood(stream, b"-", b"ERR ")
}

fn flood_of_replies(stream: TcpStream) -> std::io::Result<()> {
    flood(stream, b"", b":1\r\n")
}

/// As many replies as are read without a complaint, and pauses.
fn trickle(mut stream: TcpStream) -> std::io::Result<()> {
    for byte in HELLO.iter().cycle() {
        stream.write_all(&[*byte])?;
        std::thread::sleep(Duration::from_millis(20)); // the attack itself
    }
    Ok(())
}

/// Sends `repeated` without end.
fn flood(mut stream: TcpStream, first: &[u8], repeated: &[u8]) -> std::io::Result<()> {
    stream.write_all(first)?;
    let chunk = repeated.repeat(16 * 1024 / repeated.len());
    loop {
        stream.write_all(&chunk)?;
    }
}

/// Starts a server. Returns its port; each connection is counted.
fn serve(attack: Attack, connections: &Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::clone(connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            connections.fetch_add(1, Ordering::SeqCst);
            let stream = stream.unwrap();
            std::thread::spawn(move || attack(stream));
        }
    });
    port
}

pub fn pool(namespace: &str, number: usize, address: &str, interval: &str) -> Value {
    let name = format!("{namespace}-{number}");
    json!({
        "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("pool-{name}"), "generation": 1,
            "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"scaleTargetRef": {"name": name}, "minReplicas": 3, "maxReplicas": 10, "interval": interval,
            "redis": {"address": address}, "queues": [{"name": name}]},
    })
}

pub fn target(namespace: &str, number: usize) -> Value {
    let name = format!("{namespace}-{number}");
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "uid": name, "generation": 1, "resourceVersion": "1"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}}},
        "status": {"replicas": 3, "updatedReplicas": 3, "observedGeneration": 1},
    })
}

pub fn list(kind: &str, version: &str, items: &[Value]) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items})
}

/// An API server with quiet pools on `redis`, and the targets of all.
fn api_server(redis: &str) -> ApiServer {
    let quiet: Vec<Value> = (0..2 * TRIALS)
        .map(|it| pool("quiet", it, redis, "1s"))
        .collect();
    let targets = (0..2 * TRIALS).map(|it| target("quiet", it));
    let targets: Vec<Value> = targets
        .chain((0..HOSTILE).map(|it| target("hostile", it)))
        .collect();
    let pools = list("WorkerPoolList", "workerpool.dev/v1alpha1", &quiet);
    let deployments = list("DeploymentList", "apps/v1", &targets);
    let autoscalers = list("HorizontalPodAutoscalerList", "autoscaling/v2", &[]);
    let mut responses = vec![
        ("GET", POOLS.to_owned(), pools),
        ("GET", DEPLOYMENTS.to_owned(), deployments),
        ("GET", AUTOSCALERS.to_owned(), autoscalers),
    ];
    for target in &targets {
        let metadata = &target["metadata"];
        let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
        let (namespace, name) = (namespace.unwrap(), name.unwrap());
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 5},
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": "2"}});
        let of = |group: &str, rest: &str| format!("/apis/{group}/namespaces/{namespace}/{rest}");
        let path = of("apps/v1", &format!("deployments/{name}/scale"));
        responses.push(("PATCH", path, scale));
        let status = format!("workerpools/{name}/status");
        let path = of("workerpool.dev/v1alpha1", &status);
        responses.push(("PATCH", path, pool(namespace, 0, redis, "1s")));
        let path = of("events.k8s.io/v1", "events");
        responses.push(("POST", path, json!({"metadata": {}})));
    }
    let responses = responses.iter();
    ApiServer::streaming(
        responses.map(|(method, path, body)| (*method, &**path, 200, body.clone())),
    )
}

/// What the process `id` has used: CPU time, and the most memory.
pub fn usage(id: u32) -> (Duration, usize) {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap();
    let stat = read("stat");
    let behind_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    let kib: usize = peak.parse().unwrap();
    (Duration::from_millis(ticks * 10), kib * 1024)
}

/// How long it takes until pushed tasks have each of these pools scaled, longest last.
pub fn reactions(
    redis: &RedisServer,
    api: &ApiServer,
    pools: std::ops::Range<usize>,
) -> Vec<Duration> {
    let mut connection = redis.connect();
    let reaction = |number: usize| {
        let name = format!("quiet-{number}");
        let task = r#"{"id":"1","at":1700000000005,"body":{}}"#;
        let pushed = Instant::now();
        let _: i64 = connection
            .lpush(format!("wp:{{{name}}}:ready"), vec![task; 50])
            .unwrap();
        until(&format!("{name} to be scaled"), || {
            let patches = api.bodies("PATCH");
            let is_scaled =
                |body: &Value| body["kind"] == "Scale" && body["metadata"]["name"] == *name;
            patches.iter().any(is_scaled).then_some(())
        });
        pushed.elapsed()
    };
    let mut times: Vec<Duration> = pools.map(reaction).collect();
    times.sort();
    times
}

/// A running operator with the quiet pools.
struct Trial {
    redis: RedisServer,
    api: ApiServer,
    operator: Operator,
    dashboard: String,
}

/// What the operator used while it was attacked.
struct Used {
    /// Of a core.
    share: f64,
    watched: Duration,
}

impl Trial {
    fn start() -> Self {
        let redis = RedisServer::start();
        let api = api_server(&redis.url());
        let dashboard = format!("127.0.0.1:{}", free_port());
        let address = format!("--dashboard={dashboard}");
        let args = ["--dashboard-auth=none", "--min-interval=100ms", &address];
        let operator = Operator::start_with(&api, &args);
        api.wait_for_watchers(DEPLOYMENTS, 1);
        api.wait_for_watchers(POOLS, 1);
        Self {
            redis,
            api,
            operator,
            dashboard,
        }
    }

    /// The quiet pools are scaled during the attack as they are without one.
    fn compare(&self, attack: impl FnOnce(&Self)) -> Used {
        let alone = reactions(&self.redis, &self.api, 0..TRIALS);
        attack(self);
        let id = self.operator.id();
        let (begun, (cpu_before, _)) = (Instant::now(), usage(id));
        let attacked = reactions(&self.redis, &self.api, TRIALS..2 * TRIALS);
        until("the attack to last", || {
            (begun.elapsed() > WATCHED).then_some(())
        });
        let (cpu, memory) = usage(id);
        let share = cpu.saturating_sub(cpu_before).as_secs_f64() / begun.elapsed().as_secs_f64();
        let (half, last) = (TRIALS / 2, TRIALS - 1);
        eprintln!(
            "alone {:?} {:?}, attacked {:?} {:?}, {:.0} % of a core, peak {} MiB",
            alone[half],
            alone[last],
            attacked[half],
            attacked[last],
            share * 100.0,
            memory >> 20,
        );
        assert!(memory < MEMORY, "{memory} bytes");
        // Half of them, since other programs of a busy machine delay some, too.
        assert!(
            attacked[half] < alone[half] * 3 + Duration::from_secs(5),
            "{attacked:?}, alone {alone:?}"
        );
        Used {
            share,
            watched: begun.elapsed(),
        }
    }
}

#[rstest::rstest]
#[case::huge_array(huge_array)]
#[case::huge_bulk(huge_bulk)]
#[case::close_after_hello(close_after_hello)]
#[case::flood_of_pushes(flood_of_pushes)]
#[case::long_error(long_error)]
#[case::flood_of_replies(flood_of_replies)]
#[case::trickle(trickle)]
fn an_attack_hurts_no_other_namespace(#[case] attack: Attack) {
    let trial = Trial::start();
    let connections = Arc::<AtomicUsize>::default();
    let used = trial.compare(|trial| {
        for number in 0..HOSTILE {
            let address = format!("redis://127.0.0.1:{}", serve(attack, &connections));
            let hostile = pool("hostile", number, &address, "1s");
            trial.api.send_event(POOLS, "ADDED", &hostile);
        }
        until("the attacks to begin", || {
            (connections.load(Ordering::SeqCst) >= HOSTILE).then_some(())
        });
    });
    let connections = connections.load(Ordering::SeqCst);
    let most = HOSTILE * (12 + usize::try_from(used.watched.as_secs()).unwrap() / 5);
    assert!(connections <= most, "{connections} connections");
    assert!(used.share < 0.5, "{} of a core", used.share);
}

/// Many pools, polled as often as may be, whose queues change all the time.
#[test]
fn a_noisy_namespace_hurts_no_quiet_one() {
    let trial = Trial::start();
    let noise = RedisServer::start();
    let stop = Arc::<AtomicBool>::default();
    let (mut connection, stopped) = (noise.connect(), Arc::clone(&stop));
    let noisy = std::thread::spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            let mut changes = redis::pipe();
            for number in 0..HOSTILE {
                let key = format!("wp:{{hostile-{number}}}:ready");
                changes.lpush(&key, "{}").ignore().del(&key).ignore();
            }
            changes.exec(&mut connection).unwrap();
        }
    });
    trial.compare(|trial| {
        for number in 0..HOSTILE {
            let pool = pool("hostile", number, &noise.url(), "100ms");
            trial.api.send_event(POOLS, "ADDED", &pool);
        }
    });
    stop.store(true, Ordering::SeqCst);
    noisy.join().unwrap();
}

#[test]
fn many_what_ifs_at_once_hurt_no_pool() {
    let trial = Trial::start();
    let stop = Arc::<AtomicBool>::default();
    let answers = Arc::<AtomicUsize>::default();
    let mut viewers = vec![];
    trial.compare(|trial| {
        for _ in 0..200 {
            let (stop, answers) = (Arc::clone(&stop), Arc::clone(&answers));
            let dashboard = trial.dashboard.clone();
            viewers.push(std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let path = "/api/pools/quiet/quiet-0/what-if?queueUp=5";
                    let answer = http(&dashboard, "GET", path, "", "");
                    let is_answered = answer.is_some_and(|(code, _)| code == 200);
                    answers.fetch_add(usize::from(is_answered), Ordering::SeqCst);
                }
            }));
        }
        until("some answers", || {
            (answers.load(Ordering::SeqCst) > 200).then_some(())
        });
    });
    stop.store(true, Ordering::SeqCst);
    for viewer in viewers {
        viewer.join().unwrap();
    }
}
