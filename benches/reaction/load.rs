//! Load beside which reactions are measured: viewers with questions, and a noisy namespace. In a cluster both are on other
//! machines. Here they have the lowest priority, so that the operator waits for its own part of the work alone.

use crate::namespace::Namespace;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::local::http;
use testkit::redis::RedisServer;

/// Viewers, each of whom asks again at once.
const VIEWERS: usize = 200;
/// Pools of the noisy namespace.
pub const POOLS: usize = 50;
/// How long their queues stay as they are: less than the shortest time between two polls. A shorter time would make more work
/// for the generator alone.
const STAY: Duration = Duration::from_millis(2);

/// Threads that work until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    /// Whose pools end with it.
    noisy: Option<Namespace>,
}

impl Load {
    /// Viewers ask what if, about a pool of `pools`.
    pub fn what_ifs(dashboard: &str, pools: &str) -> Self {
        let viewer = |_| {
            let dashboard = dashboard.to_owned();
            let path = format!("/api/pools/{pools}/what-if?queueUp=5");
            move || {
                let answer = http(&dashboard, "GET", &path, "", "");
                usize::from(answer.is_some_and(|(code, _)| code == 200))
            }
        };
        Self::start((0..VIEWERS).map(viewer), None)
    }

    /// The queues of all noisy pools change, and the operator polls them as often as it may.
    pub async fn noise(namespace: &Namespace, redis: &RedisServer) -> Result<Self> {
        for number in 0..POOLS {
            namespace.pool(&name(number), &redis.url(), "100ms").await?;
        }
        let mut connection = redis.connect();
        let keys: Vec<String> = (0..POOLS)
            .map(|number| format!("wp:{{{}}}:ready", name(number)))
            .collect();
        let change = move || {
            let (mut fill, mut empty) = (redis::pipe(), redis::pipe());
            for key in &keys {
                fill.lpush(key, "{}").ignore();
                empty.del(key).ignore();
            }
            let filled = fill.exec(&mut connection);
            std::thread::sleep(STAY);
            let changed = filled.and_then(|()| empty.exec(&mut connection));
            std::thread::sleep(STAY);
            if changed.is_ok() { 2 * POOLS } else { 0 }
        };
        Ok(Self::start([change].into_iter(), Some(namespace.clone())))
    }

    /// Does each of `works` again and again. It returns how much it has done.
    fn start<W: FnMut() -> usize + Send + 'static>(
        works: impl Iterator<Item = W>,
        noisy: Option<Namespace>,
    ) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let done = Arc::<AtomicUsize>::default();
        let thread = |mut work: W| {
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            std::thread::spawn(move || {
                give_way();
                while !stop.load(Ordering::Relaxed) {
                    done.fetch_add(work(), Ordering::Relaxed);
                }
            })
        };
        let threads = works.map(thread).collect();
        Self {
            stop,
            done,
            threads,
            noisy,
        }
    }

    /// Ends it. Returns how much was done.
    pub async fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        if let Some(noisy) = self.noisy {
            noisy.remove_pools().await?;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

/// The name of a noisy pool and of its target.
pub fn name(number: usize) -> String {
    format!("noisy-{number}")
}

/// A server with the priority of the load.
pub fn redis_server() -> Result<RedisServer> {
    let start = || {
        give_way();
        RedisServer::start()
    };
    let server = std::thread::spawn(start).join();
    server.map_err(|_| anyhow::anyhow!("no Redis for the load"))
}

/// Gives this thread, and what it starts, the lowest priority.
fn give_way() {
    let _ = rustix::process::setpriority_process(None, 19);
}
