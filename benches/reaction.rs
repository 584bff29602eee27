//! Scale-up latency next to its floor, in one run: the time from LPUSH until a watch shows the new `spec.replicas`.
//!
//! The floor is the minimal path: LPUSH → CLIENT TRACKING notification → LLEN → one apply of /scale, on the same API
//! server and Redis. Needs KUBECONFIG and redis-server. The Deployments are paused, so that no pod runs.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod shared;

use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams, WatchEvent, WatchParams};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use shared::{Operator, Times, deployment, fresh_namespace, pool};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use testkit::redis::RedisServer;
use tokio::sync::watch;

const TRIALS: usize = 300;
/// The number of pools in the second measurement.
const MANY: usize = 200;
/// The pause between two trials, in which the pool polls the empty queue.
const PAUSE: Duration = Duration::from_millis(100);
/// How long CPU use is measured while nothing changes.
const STEADY: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> Result<()> {
    telemetry::init(telemetry::LogFormat::Text, "error");
    let client = kube::Client::try_default().await?;
    fresh_namespace(&client).await?;
    let server = RedisServer::start();
    let mut redis = redis::Client::open(server.url())?
        .get_multiplexed_async_connection()
        .await?;
    let api: Api<Deployment> = Api::namespaced(client.clone(), shared::NAMESPACE);
    deployment(&client, "floor").await?;
    let mut replicas = watch_replicas(api.clone());

    println!("{TRIALS} trials each; milliseconds from LPUSH to …");
    let (patched, floor) = floor(&server, &api, &mut redis, &mut replicas).await?;
    patched.print("floor: patch confirmed", None);
    floor.print("floor: shown by a watch", None);

    for pools in [1, MANY] {
        let names: Vec<String> = (0..pools).map(|n| format!("pool-{n}")).collect();
        for name in &names {
            deployment(&client, name).await?;
            pool(&client, name, &server.url()).await?;
        }
        let operator = Operator::start()?;
        operator.ready().await?;
        let before = operator.usage()?;
        tokio::time::sleep(STEADY).await;
        let (cpu, memory) = operator.since(before)?;
        let times = scale_latency(&names, &mut redis, &mut replicas).await?;
        times.print(
            &format!("WorkerPool, {pools} pools: shown by a watch"),
            Some(&floor),
        );
        println!(
            "   steady for {} s: {cpu:.1} mCPU, {memory:.1} MiB",
            STEADY.as_secs()
        );
    }
    shared::remove_namespace(&client).await
}

/// Replicas by Deployment.
type Replicas = watch::Receiver<HashMap<String, i32>>;

/// Watches `spec.replicas` of all Deployments.
fn watch_replicas(api: Api<Deployment>) -> Replicas {
    let (sender, receiver) = watch::channel(HashMap::new());
    tokio::spawn(async move {
        loop {
            let Ok(list) = api.list(&kube::api::ListParams::default()).await else {
                continue;
            };
            let version = list.metadata.resource_version.unwrap_or_default();
            let update = |object: &Deployment| {
                let replicas = object
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.replicas)
                    .unwrap_or(0);
                let name = object.metadata.name.clone().unwrap_or_default();
                sender.send_if_modified(|all| all.insert(name, replicas) != Some(replicas));
            };
            list.items.iter().for_each(&update);
            let Ok(changes) = api.watch(&WatchParams::default(), &version).await else {
                continue;
            };
            let mut changes = std::pin::pin!(changes);
            while let Ok(Some(change)) = changes.try_next().await {
                if let WatchEvent::Added(object) | WatchEvent::Modified(object) = change {
                    update(&object);
                }
            }
        }
    });
    receiver
}

/// Measures the minimal path until the patch is confirmed, and until a watch shows it.
async fn floor(
    server: &RedisServer,
    api: &Api<Deployment>,
    redis: &mut MultiplexedConnection,
    deployments: &mut Replicas,
) -> Result<(Times, Times)> {
    let (sender, mut notifications) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let url = format!("{}/?protocol=resp3", server.url());
    let mut reader = redis::Client::open(url)?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    redis::cmd("CLIENT")
        .arg("TRACKING")
        .arg("ON")
        .exec_async(&mut reader)
        .await?;
    let mut patched = Times::default();
    let mut shown = Times::default();
    for trial in 0..TRIALS {
        redis.del::<_, ()>("floor").await?;
        reader.llen::<_, i64>("floor").await?;
        tokio::time::sleep(PAUSE).await;
        while notifications.try_recv().is_ok() {}
        let replicas = 1 + i32::try_from(trial % 2)?;
        if deployments.borrow().get("floor") == Some(&replicas) {
            continue;
        }
        let start = Instant::now();
        let mut producer = redis.clone();
        let push = tokio::spawn(async move { producer.lpush::<_, _, i64>("floor", "x").await });
        notifications.recv().await;
        reader.llen::<_, i64>("floor").await?;
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "floor"}, "spec": {"replicas": replicas}});
        api.patch_scale(
            "floor",
            &PatchParams::apply("floor").force(),
            &Patch::Apply(&scale),
        )
        .await?;
        patched.add(start.elapsed());
        wait(deployments, |all| all.get("floor") == Some(&replicas)).await?;
        shown.add(start.elapsed());
        push.await??;
    }
    Ok((patched, shown))
}

/// Measures the operator until a watch shows the new scale.
async fn scale_latency(
    names: &[String],
    redis: &mut MultiplexedConnection,
    deployments: &mut Replicas,
) -> Result<Times> {
    let mut times = Times::default();
    for trial in 0..TRIALS {
        // A stride, so that the trials do not visit the pools in order.
        let name = &names[trial * 37 % names.len()];
        let queue = format!("wp:{{{name}}}:ready");
        let before = deployments.borrow().get(name).copied().unwrap_or(0);
        let start = Instant::now();
        redis
            .lpush::<_, _, i64>(&queue, r#"{"id":"x","at":0,"attempt":1,"body":{}}"#)
            .await?;
        wait(deployments, |all| {
            all.get(name).is_some_and(|now| *now > before)
        })
        .await
        .context(name.clone())?;
        times.add(start.elapsed());
        redis.del::<_, ()>(&queue).await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(times)
}

async fn wait(
    deployments: &mut Replicas,
    condition: impl Fn(&HashMap<String, i32>) -> bool,
) -> Result<()> {
    let wait = deployments.wait_for(|all| condition(all));
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .context("the scale did not change within 10 s")?
        .map(drop)
        .map_err(Into::into)
}
