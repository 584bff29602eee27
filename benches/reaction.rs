//! Reaction beside its floor, in one run: the time from LPUSH until a watch shows the new `spec.replicas`.
//!
//! The floor is the bare path with nothing else in the way: LPUSH → tracking push → LLEN → one apply of /scale, on
//! the same API server and the same Redis. Needs KUBECONFIG and redis-server; Deployments are paused, so that no pod
//! ever runs.

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
const MANY: usize = 200;
/// Between two trials: time for the pool to see its queue empty again.
const REST: Duration = Duration::from_millis(100);
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
    let mut seen = watch_replicas(api.clone());

    println!("{TRIALS} trials each; milliseconds from LPUSH to …");
    let (answered, floor) = floor(&server, &api, &mut redis, &mut seen).await?;
    answered.print("floor: patch answered", None);
    floor.print("floor: seen by a watch", None);

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
        let times = reaction(&names, &mut redis, &mut seen).await?;
        times.print(
            &format!("WorkerPool, {pools} pools: seen by a watch"),
            Some(&floor),
        );
        println!(
            "   steady for {} s: {cpu:.1} mCPU, {memory:.1} MiB",
            STEADY.as_secs()
        );
    }
    shared::remove_namespace(&client).await
}

type Seen = watch::Receiver<HashMap<String, i32>>;

/// `spec.replicas` of all Deployments as a watch shows them.
fn watch_replicas(api: Api<Deployment>) -> Seen {
    let (show, seen) = watch::channel(HashMap::new());
    tokio::spawn(async move {
        loop {
            let Ok(list) = api.list(&kube::api::ListParams::default()).await else {
                continue;
            };
            let version = list.metadata.resource_version.unwrap_or_default();
            let note = |object: &Deployment| {
                let replicas = object
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.replicas)
                    .unwrap_or(0);
                let name = object.metadata.name.clone().unwrap_or_default();
                show.send_if_modified(|all| all.insert(name, replicas) != Some(replicas));
            };
            list.items.iter().for_each(&note);
            let Ok(changes) = api.watch(&WatchParams::default(), &version).await else {
                continue;
            };
            let mut changes = std::pin::pin!(changes);
            while let Ok(Some(change)) = changes.try_next().await {
                if let WatchEvent::Added(object) | WatchEvent::Modified(object) = change {
                    note(&object);
                }
            }
        }
    });
    seen
}

async fn floor(
    server: &RedisServer,
    api: &Api<Deployment>,
    redis: &mut MultiplexedConnection,
    seen: &mut Seen,
) -> Result<(Times, Times)> {
    let (push, mut pushed) = tokio::sync::mpsc::unbounded_channel();
    let config = redis::AsyncConnectionConfig::new().set_push_sender(push);
    let url = format!("{}/?protocol=resp3", server.url());
    let mut reader = redis::Client::open(url)?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    redis::cmd("CLIENT")
        .arg("TRACKING")
        .arg("ON")
        .exec_async(&mut reader)
        .await?;
    let (mut answered, mut shown) = (Times::default(), Times::default());
    for trial in 0..TRIALS {
        redis.del::<_, ()>("floor").await?;
        reader.llen::<_, i64>("floor").await?;
        tokio::time::sleep(REST).await;
        while pushed.try_recv().is_ok() {}
        let replicas = 1 + i32::try_from(trial % 2)?;
        if seen.borrow().get("floor") == Some(&replicas) {
            continue;
        }
        let start = Instant::now();
        let mut other = redis.clone();
        let sent = tokio::spawn(async move { other.lpush::<_, _, i64>("floor", "x").await });
        pushed.recv().await;
        reader.llen::<_, i64>("floor").await?;
        let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "floor"}, "spec": {"replicas": replicas}});
        api.patch_scale(
            "floor",
            &PatchParams::apply("floor").force(),
            &Patch::Apply(&scale),
        )
        .await?;
        answered.add(start.elapsed());
        wait(seen, |all| all.get("floor") == Some(&replicas)).await?;
        shown.add(start.elapsed());
        sent.await??;
    }
    Ok((answered, shown))
}

async fn reaction(
    names: &[String],
    redis: &mut MultiplexedConnection,
    seen: &mut Seen,
) -> Result<Times> {
    let mut times = Times::default();
    for trial in 0..TRIALS {
        // A stride that visits the pools in an order that is not theirs.
        let name = &names[trial * 37 % names.len()];
        let queue = format!("wp:{{{name}}}:ready");
        let before = seen.borrow().get(name).copied().unwrap_or(0);
        let start = Instant::now();
        redis
            .lpush::<_, _, i64>(&queue, r#"{"id":"x","at":0,"attempt":1,"body":{}}"#)
            .await?;
        wait(seen, |all| all.get(name).is_some_and(|now| *now > before))
            .await
            .context(name.clone())?;
        times.add(start.elapsed());
        redis.del::<_, ()>(&queue).await?;
        tokio::time::sleep(REST).await;
    }
    Ok(times)
}

async fn wait(seen: &mut Seen, there: impl Fn(&HashMap<String, i32>) -> bool) -> Result<()> {
    let wait = seen.wait_for(|all| there(all));
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .context("not within 10 s")?
        .map(drop)
        .map_err(Into::into)
}
