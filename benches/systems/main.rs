//! The time from a producer's push until the API server has received the patched scale: for each queue system with its own
//! library, and for each topology of Redis. Each stands beside its floor.
//!
//! The floor is the minimal path in the same run: the same producer's push → CLIENT TRACKING notification → one read → one
//! apply of /scale. Operator, Redis and libraries are real; the API server is scripted and the same for both. Needs redis-server,
//! Python, Node.js, and the Debian packages of Sidekiq and Laravel.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results and may fail loudly"
)]

mod floor;
#[allow(dead_code, reason = "its use of CPU is measured on a real API server")]
#[path = "../shared/operator.rs"]
mod operator;
mod producers;
#[path = "../shared/times.rs"]
mod times;
mod trials;

use queues::QueueSystem;
use serde_json::json;
use testkit::certificates::Authority;
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;
use testkit::sentinel::{MASTER, Sentinels};
use trials::{Redis, TRIALS, measure};

fn main() {
    telemetry::init(telemetry::LogFormat::Text, "error");
    println!("{TRIALS} trials each; milliseconds from the push to the patch in the API server");
    for system in QueueSystem::ALL {
        let server = RedisServer::start();
        let redis = Redis {
            spec: json!({"address": server.url()}),
            authority: None,
            address: &|_| server.url(),
        };
        let mut push = producers::of(*system, &redis, &server);
        measure(system.name(), *system, &redis, &mut *push);
    }
    sentinel();
    cluster();
    tls();
}

/// A queue of the reference protocol on this Redis.
fn topology(name: &str, redis: &Redis) {
    let system = QueueSystem::WorkerPool;
    let mut push = producers::of_rust(system, redis);
    measure(&format!("WorkerPool, {name}"), system, redis, &mut *push);
}

fn sentinel() {
    let sentinels = Sentinels::start();
    let master = sentinels.server(sentinels.master());
    let redis = Redis {
        spec: json!({"sentinel": {"master": MASTER, "addresses": sentinels.addresses()}}),
        authority: None,
        address: &|_| master.url(),
    };
    topology("Sentinel", &redis);
}

fn cluster() {
    let cluster = RedisCluster::start();
    let owner = |queue: &str| cluster.owner(queue).expect("a primary");
    let redis = Redis {
        spec: json!({"cluster": {"addresses": cluster.addresses()}}),
        authority: None,
        address: &|queue| cluster.node(owner(queue)).url(),
    };
    topology("Cluster", &redis);
}

fn tls() {
    let authority = Authority::new();
    let (_server, port) = RedisServer::start_with_tls(&authority, &["--tls-auth-clients", "no"]);
    let address = format!("rediss://127.0.0.1:{port}");
    let own = json!({"configMapKeyRef": {"name": trials::AUTHORITY, "key": trials::AUTHORITY}});
    let redis = Redis {
        spec: json!({"address": address, "tls": {"caFrom": own}}),
        authority: Some(std::fs::read_to_string(authority.certificate()).expect("a certificate")),
        address: &|_| address.clone(),
    };
    topology("TLS", &redis);
}
