//! KEDA's own end-to-end cases of its Redis scalers, re-enacted: lists and streams on one server, behind Sentinels and on a
//! Cluster. Tasks, targets, activation values, limits, cooldown and window are those of its `tests/scalers/redis`; workers
//! wait for tasks with BLPOP and XREADGROUP. Each case asserts the replica counts and prints how long they took.

use crate::Operator;
use crate::deployments::{Deployments, Status, Tasks, pool};
use redis::Commands;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;
use testkit::sentinel::{MASTER, Sentinels};

const GROUP: &str = "consumer-group-1";

/// A scaler of KEDA with the settings of its case.
struct Case {
    /// The name of the pool, its namespace, its target and its key.
    name: &'static str,
    tasks: Tasks,
    min: i32,
    max: i32,
    /// `listLength`, `lagCount`, `pendingEntriesCount` or `streamLength`.
    target: i32,
    activation: i32,
    /// How many tasks are pushed, one after the other, and the replicas that follow.
    pushes: &'static [(usize, i32)],
}

const LISTS: Case = Case {
    name: "lists",
    tasks: Tasks::List,
    min: 0,
    max: 2,
    target: 5,
    activation: 10,
    pushes: &[(5, 0), (200, 2)],
};
const LAG: Case = Case {
    name: "streams-lag",
    tasks: Tasks::Stream,
    min: 0,
    max: 4,
    target: 4,
    activation: 3,
    pushes: &[(3, 0), (1, 1), (100, 4)],
};
const PENDING: Case = Case {
    name: "streams-pending",
    tasks: Tasks::Stream,
    min: 1,
    max: 4,
    target: 10,
    activation: 0,
    pushes: &[(100, 4)],
};
const LENGTH: Case = Case {
    name: "streams-length",
    tasks: Tasks::DeletedFromStream,
    ..PENDING
};

/// Where a topology is, and the port of the server that has a key.
struct Topology {
    redis: Value,
    port: Box<dyn Fn(&str) -> u16>,
}

fn standalone() -> Topology {
    let server = RedisServer::start();
    Topology {
        redis: json!({"address": server.url()}),
        port: Box::new(move |_| server.port()),
    }
}

fn sentinel() -> Topology {
    let sentinels = Sentinels::start();
    Topology {
        redis: json!({"sentinel": {"master": MASTER, "addresses": sentinels.addresses()}}),
        port: Box::new(move |_| sentinels.server(sentinels.master()).port()),
    }
}

fn cluster() -> Topology {
    let cluster = RedisCluster::start();
    Topology {
        redis: json!({"cluster": {"addresses": cluster.addresses()}}),
        port: Box::new(move |key| cluster.node(cluster.owner(key).unwrap()).port()),
    }
}

impl Case {
    fn pool(&self, redis: &Value) -> Value {
        let mut spec = json!({
            "minReplicas": self.min, "maxReplicas": self.max, "redis": redis, "target": {"tasksPerWorker": self.target},
            "scaleFromZero": {"queueLength": self.activation}, "scaleDown": {"idleFor": "10s"},
        });
        if self.tasks == Tasks::List {
            spec["queues"] = json!([{"name": self.name, "system": "List"}]);
        } else {
            spec["queues"] = json!([{"name": self.name, "system": "Stream", "group": GROUP}]);
            spec["behavior"] = json!({"scaleDown": {"stabilizationWindowSeconds": 15}});
        }
        pool(self.name, spec)
    }

    /// Pushes, and waits for the replicas.
    fn run(&self, deployments: &Deployments, redis: &mut redis::Connection) {
        let (name, mut pushed, mut up) = (self.name, 0, Duration::ZERO);
        let until_scaled = |replicas| {
            let what = format!("{replicas} replicas");
            deployments.until(name, &what, |it| {
                let last = it.scales.last();
                last.filter(|(_, last)| *last == replicas).map(|it| it.0)
            })
        };
        for (tasks, replicas) in self.pushes {
            let pushed_at = Instant::now();
            self.push(redis, *tasks);
            pushed += tasks;
            if *replicas > 0 {
                up = until_scaled(*replicas) - pushed_at;
                continue;
            }
            let is_refused = |decision: &Value| {
                decision["reason"] == "TooFewToStart" && decision["params"]["tasks"] == pushed
            };
            deployments.until(name, "the refusal to start", |it| {
                it.decisions.last().filter(|it| is_refused(it)).map(drop)
            });
        }
        let emptied_at = deployments.until(name, "the last task", |it| {
            (it.finished.0 == pushed).then_some(it.finished.1)
        });
        let down = until_scaled(self.min) - emptied_at;
        let path = |it: &Status| Some(it.scales.iter().map(|it| it.1).collect::<Vec<_>>());
        let path = deployments.until(name, "the path", path);
        self.assert_path(&path);
        eprintln!(
            "{name}: {} replicas after {up:.1?}, {} replicas {down:.1?} after the last task: {path:?}",
            self.max, self.min
        );
    }

    fn push(&self, redis: &mut redis::Connection, tasks: usize) {
        if self.tasks == Tasks::List {
            let _: i64 = redis.lpush(self.name, vec!["x"; tasks]).unwrap();
            return;
        }
        let mut all = redis::pipe();
        for number in 0..tasks {
            let add = all.cmd("XADD").arg(self.name).arg("*");
            add.arg("no").arg(number).ignore();
        }
        all.exec(redis).unwrap();
    }

    /// From the minimum up through the counts of the pushes to the maximum, and from there down to the minimum.
    fn assert_path(&self, path: &[i32]) {
        let pushes = self.pushes.iter().map(|(_, replicas)| *replicas);
        let above = pushes.filter(|replicas| *replicas > self.min);
        let up: Vec<i32> = [self.min].into_iter().chain(above).collect();
        assert!(path.starts_with(&up), "{}: {path:?}", self.name);
        let down = &path[up.len() - 1..];
        assert_eq!(down.first(), Some(&self.max));
        assert!(down.is_sorted_by(|a, b| a > b), "{}: {path:?}", self.name);
    }
}

/// Each with KEDA's numbers for its topology.
#[rstest::rstest]
#[case::standalone(standalone, [
    LISTS,
    Case { max: 2, target: 12, activation: 10, pushes: &[(10, 0), (1, 1), (100, 2)], ..LAG },
    Case { max: 2, target: 15, pushes: &[(20, 2)], ..PENDING },
    LENGTH,
])]
#[case::sentinel(sentinel, [
    Case { pushes: &[(5, 0), (400, 2)], ..LISTS },
    Case { target: 5, ..LAG },
    PENDING,
    LENGTH,
])]
#[case::cluster(cluster, [
    LISTS,
    LAG,
    PENDING,
    Case { max: 5, target: 15, pushes: &[(100, 5)], ..LENGTH },
])]
fn cases_of_keda_are_scaled_as_keda_expects(
    #[case] start: fn() -> Topology,
    #[case] cases: [Case; 4],
) {
    let topology = start();
    let deployments = Deployments::start(cases.iter().map(|it| it.pool(&topology.redis)).collect());
    for case in &cases {
        let port = (topology.port)(case.name);
        let mut redis = connect(port);
        // Pods have addresses of their own, which Redis would refuse without a password.
        let mut config = redis::cmd("CONFIG");
        config.arg(&["SET", "protected-mode", "no"]);
        config.exec(&mut redis).unwrap();
        if case.tasks != Tasks::List {
            let mut group = redis::cmd("XGROUP");
            group.arg("CREATE").arg(case.name).arg(GROUP);
            group.arg("0").arg("MKSTREAM").exec(&mut redis).unwrap();
        }
        deployments.create(case.name, case.tasks, port, case.min);
    }
    let _operator = Operator::start(&deployments.api);
    deployments.wait_for_operator();
    std::thread::scope(|scope| {
        for case in &cases {
            let (deployments, mut redis) = (&deployments, connect((topology.port)(case.name)));
            scope.spawn(move || case.run(deployments, &mut redis));
        }
    });
}

fn connect(port: u16) -> redis::Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    client.get_connection().unwrap()
}
