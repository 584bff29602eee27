//! Which nodes of a Redis Cluster are asked, and how often.

use crate::credentials::redis;
use crate::endpoint::{Endpoint, LONG, SHORT, ask, run_command};
use crate::redis_cluster::{push, ready, watch};
use api::Key;
use futures::FutureExt;
use futures::future::BoxFuture;
use queues::{Queue, QueueOptions, QueueSystem};
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::redis_cluster::RedisCluster;
use workerpool_operator::observe::endpoint::{ByteStream, Dial};
use workerpool_operator::observe::{Address, NotConnected};

/// A network where nothing answers, and the attempts to connect.
#[derive(Clone, Default)]
struct Nowhere(Arc<AtomicUsize>);

impl Dial for Nowhere {
    fn dial(&self, _: Address) -> BoxFuture<'static, Result<Box<dyn ByteStream>, NotConnected>> {
        let attempts = self.0.fetch_add(1, Ordering::Relaxed);
        async move {
            if attempts > 1_000 {
                // Without pauses no time would pass.
                std::future::pending::<()>().await;
            }
            Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
        }
        .boxed()
    }
}

/// The pauses grow to 5 s, and each is at least half of that.
#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_away_is_asked_less_and_less_often() {
    let network = Nowhere::default();
    let cluster = redis(&json!({"cluster": {"addresses": ["10.0.0.1:6379"]}}), &[]);
    let endpoint = Endpoint::over(network.clone(), cluster);
    endpoint.watch("a", QueueSystem::List, LONG);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let attempts = network.0.load(Ordering::Relaxed);
    assert!((10..40).contains(&attempts), "{attempts} in a minute");
}

/// Its former node serves another pool and is not asked for it any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_has_moved_is_polled_at_its_new_node_alone() {
    let cluster = RedisCluster::start();
    let moved = cluster.name(0);
    let mut names = (0..).map(|number| format!("other-{number}"));
    let stays = names.find(|name| cluster.owner(name) == Some(0));
    let stays = stays.expect("a name");
    let spec = json!({"cluster": {"addresses": cluster.addresses()}});
    let mut endpoint = Endpoint::of(redis(&spec, &[]));
    let queue = Queue::new(QueueSystem::List, &QueueOptions::named(&stays));
    let other = Key::new("default", "b");
    endpoint.watch_queue("b", queue, SHORT);
    let moved_alone = std::slice::from_ref(&moved);
    watch(&endpoint, QueueSystem::List, moved_alone, SHORT);
    endpoint.until(|it| it.pool == other).await;
    cluster.move_slot(&moved, 1);
    let expected = push(cluster.node(1), &moved, 7);
    endpoint
        .until(|it| it.pool != other && ready(it) == [Some(expected)])
        .await;
    run_command(cluster.node(0), "CONFIG RESETSTAT");
    for _ in 0..5 {
        endpoint.until(|it| it.pool == other).await;
    }
    let errors: String = ask(cluster.node(0), "INFO errorstats");
    assert!(!errors.contains("errorstat_MOVED"), "{errors}");
}
