//! Scale-up latency next to its floor, in one run: the time from LPUSH until a watch shows the new `spec.replicas`. First alone,
//! then in blocks alone and beside load, so that a drift of the machine's speed meets both.
//!
//! Needs KUBECONFIG and redis-server. The Deployments are paused, so that no pod runs.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod floor;
mod load;
mod namespace;
#[path = "../shared/operator.rs"]
mod operator;
mod replicas;
#[path = "../shared/times.rs"]
mod times;

use anyhow::Result;
use floor::Floor;
use kube::Client;
use load::Load;
use namespace::{NOISY, Namespace, QUIET};
use operator::Operator;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use replicas::Replicas;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use times::Times;

const TRIALS: usize = 300;
/// The number of pools in the second measurement, and beside load.
const MANY: usize = 200;
/// The pause between two trials, in which the pool polls the empty queue.
const PAUSE: Duration = Duration::from_millis(100);
/// The same if all trials are of one pool. With a shorter pause its changes would soon wait, as those of a pool that changes
/// all the time.
const PAUSE_OF_ONE: Duration = Duration::from_millis(300);
/// How long CPU use is measured while nothing changes.
const STEADY: Duration = Duration::from_secs(15);
/// How many times the load comes and goes.
const BLOCKS: usize = 10;
/// The time that it has to come and to go.
const SETTLE: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<()> {
    telemetry::init(telemetry::LogFormat::Text, "error");
    let client = Client::try_default().await?;
    workerpool_operator::run::crd::apply(client.clone()).await?;
    let quiet = Namespace::create(&client, QUIET).await?;
    let noisy = Namespace::create(&client, NOISY).await?;
    let server = RedisServer::start();
    quiet.deployment(floor::NAME).await?;
    let mut bench = Bench {
        redis: server.client().get_multiplexed_async_connection().await?,
        replicas: Replicas::watch(quiet.deployments()),
        floor: Floor::new(&server, quiet.deployments()).await?,
    };

    println!("{TRIALS} trials each; milliseconds from LPUSH to …");
    let mut floor = Times::default();
    bench.floor(TRIALS, &mut floor).await?;
    bench.floor.patched.print("floor: patch confirmed", None);
    floor.print("floor: shown by a watch", None);
    for pools in [1, MANY] {
        let names = create_pools(&quiet, pools, &server).await?;
        let operator = Operator::start(&format!("{QUIET},{NOISY}"), None)?;
        operator.ready().await?;
        let before = operator.usage()?;
        tokio::time::sleep(STEADY).await;
        let (cpu, memory) = operator.since(before)?;
        let mut times = Times::default();
        bench.operator(&names, TRIALS, &mut times).await?;
        let title = format!("WorkerPool, {pools} pools: shown by a watch");
        times.print(&title, Some(("the floor", &floor)));
        println!(
            "   steady for {} s: {cpu:.1} mCPU, {memory:.1} MiB",
            STEADY.as_secs()
        );
    }
    beside_load(&mut bench, &quiet, &noisy, &server).await?;
    noisy.remove().await?;
    quiet.remove().await
}

/// Names of so many pools, which are created.
async fn create_pools(
    namespace: &Namespace,
    count: usize,
    server: &RedisServer,
) -> Result<Vec<String>> {
    let names: Vec<String> = (0..count).map(|n| format!("pool-{n}")).collect();
    for name in &names {
        namespace.deployment(name).await?;
        namespace.pool(name, &server.url(), "2s").await?;
    }
    Ok(names)
}

/// The same pools beside what-ifs, and beside the noisy namespace.
async fn beside_load(
    bench: &mut Bench,
    quiet: &Namespace,
    noisy: &Namespace,
    server: &RedisServer,
) -> Result<()> {
    let names = create_pools(quiet, MANY, server).await?;
    for number in 0..load::POOLS {
        noisy.deployment(&load::name(number)).await?;
    }
    let noise = load::redis_server()?;
    let operator = Operator::start(&format!("{QUIET},{NOISY}"), None)?;
    operator.ready().await?;
    let asked = format!("{QUIET}/{}", names[0]);
    let what_ifs = async || Ok::<_, anyhow::Error>(Load::what_ifs(&operator.dashboard, &asked));
    bench.beside("what-ifs", &names, what_ifs).await?;
    let changes = async || Load::noise(noisy, &noise).await;
    bench
        .beside("changes of a noisy namespace", &names, changes)
        .await
}

/// What measures.
struct Bench {
    redis: MultiplexedConnection,
    replicas: Replicas,
    floor: Floor,
}

impl Bench {
    /// Measures the minimal path until a watch shows the new scale.
    async fn floor(&mut self, trials: usize, times: &mut Times) -> Result<()> {
        let (redis, replicas) = (&mut self.redis, &mut self.replicas);
        self.floor.measure(trials, redis, replicas, times).await
    }

    /// Measures the operator until a watch shows the new scale.
    async fn operator(&mut self, names: &[String], trials: usize, times: &mut Times) -> Result<()> {
        let pause = if names.len() == 1 {
            PAUSE_OF_ONE
        } else {
            PAUSE
        };
        for trial in 0..trials {
            // A stride, so that the trials do not visit the pools in order.
            let name = &names[trial * 37 % names.len()];
            let queue = format!("wp:{{{name}}}:ready");
            let before = self.replicas.of(name);
            let start = Instant::now();
            self.redis
                .lpush::<_, _, i64>(
                    &queue,
                    r#"{"id":"x","at":1700000000005,"attempt":1,"body":{}}"#,
                )
                .await?;
            self.replicas.wait(name, |now| now > before).await?;
            times.add(start.elapsed());
            self.redis.del::<_, ()>(&queue).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Measures both alone and beside a load, in turns.
    async fn beside(
        &mut self,
        load: &str,
        names: &[String],
        start: impl AsyncFn() -> Result<Load>,
    ) -> Result<()> {
        let [mut floor, mut floor_beside, mut alone, mut beside] =
            std::array::from_fn(|_| Times::default());
        let (mut done, mut lasted) = (0, Duration::ZERO);
        for _ in 0..BLOCKS {
            self.floor(TRIALS / BLOCKS, &mut floor).await?;
            self.operator(names, TRIALS / BLOCKS, &mut alone).await?;
            let load = start().await?;
            let begun = Instant::now();
            tokio::time::sleep(SETTLE).await;
            self.floor(TRIALS / BLOCKS, &mut floor_beside).await?;
            self.operator(names, TRIALS / BLOCKS, &mut beside).await?;
            lasted += begun.elapsed();
            done += load.stop().await?;
            tokio::time::sleep(SETTLE).await;
        }
        floor.print("floor, alone", None);
        floor_beside.print(&format!("floor, beside {load}"), Some(("alone", &floor)));
        alone.print("WorkerPool, alone", Some(("the floor", &floor)));
        beside.print(
            &format!("WorkerPool, beside {load}"),
            Some(("alone", &alone)),
        );
        println!(
            "   {} {load} a second; load average {}",
            done / usize::try_from(lasted.as_secs())?.max(1),
            std::fs::read_to_string("/proc/loadavg")?.trim_end()
        );
        Ok(())
    }
}
