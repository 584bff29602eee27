//! The process behind a local cluster: it serves the API, keeps the pods, and ends when nobody needs it.

use super::kind::{DEPLOYMENTS, EVENTS, Id, Kind, PODS, POOLS};
use super::kubelet::Kubelet;
use super::objects::{self, NAMESPACE, SYSTEM};
use super::pod;
use super::process::{self, Found};
use super::programs::Programs;
use super::server::{Server, answer};
use super::store::{Saved, Store, id};
use super::table::ready;
use crate::managed_fields;
use crate::managed_fields::Writer;
use crate::state_dir::{ClusterInfo, StateDir};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};
use tokio_util::sync::CancellationToken;

/// What a new cluster is to be.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// The folder that holds it
    #[arg(long)]
    pub folder: std::path::PathBuf,
    /// The Redis to use instead of one of its own
    #[arg(long)]
    pub redis: Option<String>,
    /// Seconds without a command after which it ends
    #[arg(long, default_value_t = 7200)]
    pub idle: u64,
}

const KEPT: [&Kind; 4] = [&POOLS, &DEPLOYMENTS, &PODS, &EVENTS];
/// Where the dashboard is served when nobody else serves there.
pub const DASHBOARD: u16 = 8000;
/// The longest that all may take to be ready.
const READY: Duration = Duration::from_secs(20);
/// How often the folder is looked after.
const LOOK: Duration = Duration::from_millis(500);

/// Runs a local cluster. Its first line on standard output says that it is ready, or why it is not.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let outcome = Box::pin(supervise(settings)).await;
    if let Err(error) = &outcome {
        tell(&format!("{error:#}"));
    }
    outcome
}

/// Somebody who waits for this line may have gone.
fn tell(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.replace('\n', " "));
}

async fn supervise(settings: Settings) -> anyhow::Result<()> {
    let folder = StateDir::at(settings.folder);
    folder.make()?;
    let Some(life) = folder.live()? else {
        bail!(
            "a local cluster lives in {} already",
            folder.path().display()
        )
    };
    let programs = Programs::find()?;
    let stop = CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    #[cfg(unix)] // The terminal that started it may close.
    let _hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;

    let before = folder
        .record()
        .filter(|it| it.version == env!("CARGO_PKG_VERSION"));
    let before = before.filter(|it| {
        settings
            .redis
            .as_ref()
            .is_none_or(|redis| *redis == it.redis)
    });
    let (saved, left) = leftovers(&folder, before.is_some()).await;
    let fresh = saved.is_none();
    let store = Arc::new(Store::new(saved.unwrap_or_default(), &KEPT));
    // What was ready then need not be now.
    for pod in store.list(&PODS, "").1 {
        pod::report(&store, &id(&PODS, &pod), None, pod::NOT_READY);
    }
    let yaml =
        std::fs::read_to_string(folder.file("pool.yaml")).unwrap_or_else(|_| api::DEMO.to_owned());

    let listener = before
        .as_ref()
        .and_then(|it| TcpListener::bind((Ipv4Addr::LOCALHOST, it.port)).ok());
    let listener = listener.map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)?;
    let port = listener.local_addr()?.port();
    let mut record = match before.filter(|_| !fresh) {
        Some(record) => ClusterInfo {
            port,
            pid: std::process::id(),
            ..record
        },
        None => record(settings.redis, port)?,
    };
    let (pool, object) = objects::pool(&yaml, &record.redis)?;
    record.pool = kube::ResourceExt::name_any(&pool);
    record.queue = objects::queue(&pool)?;
    folder.keep(&record)?;

    let secrets = (record.secret.clone(), record.operator_secret.clone());
    let server = Arc::new(Server::new(
        Arc::clone(&store),
        secrets,
        folder.file("logs"),
        stop.clone(),
    ));
    #[cfg(windows)]
    let listener = super::listener::Own::new(listener)?;
    #[cfg(not(windows))]
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))?;
    let router = axum::Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&server));
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    let mut kubelet = Kubelet::new(Arc::clone(&store), folder.clone(), left);
    let care = CancellationToken::new();
    let mut caring = {
        let care = care.clone();
        tokio::spawn(async move {
            kubelet.run(&care).await;
            kubelet
        })
    };
    let deadline = Instant::now() + READY;
    if fresh {
        if record.own_redis {
            create(
                &store,
                &DEPLOYMENTS,
                objects::redis(&folder, port_of(&record.redis))?,
            )?;
            until(&store, deadline, |store| running(store, "redis"))
                .await
                .context("Redis did not start")?;
        }
        create(
            &store,
            &POOLS,
            crate::admission::admit(&POOLS, object)
                .map_err(|refusal| anyhow::anyhow!(refusal.message))?,
        )?;
        create(
            &store,
            &DEPLOYMENTS,
            objects::workers(&programs, &record, &pool),
        )?;
        create(
            &store,
            &DEPLOYMENTS,
            objects::operator(&folder, &programs, &record, free_port()?),
        )?;
    }
    let decided = |store: &Store| {
        let pool = store.get(&Id::new(&POOLS, NAMESPACE, &record.pool));
        let seen = pool
            .is_some_and(|it| it["status"]["observedGeneration"] == it["metadata"]["generation"]);
        seen && store.list(&PODS, "").1.iter().all(|pod| ready(pod))
    };
    match until(&store, deadline, decided).await {
        Ok(()) => tell("ready"),
        Err(_) => tell(&late(&store, &folder)),
    }
    let idle = Duration::from_secs(settings.idle);
    let mut looks = interval(LOOK);
    let mut kept = 0;
    while !stop.is_cancelled() && server.idle() < idle && folder.file("cluster.json").exists() {
        let now = *store.subscribe().borrow();
        if now != kept && folder.save(&store.save()).is_ok() {
            kept = now;
        }
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.cancelled() => {}
            // It ends only when told to, and is told below.
            lost = &mut caring => bail!("the pods are no longer looked after: {:?}", lost.err()),
        }
    }
    tracing::info!("ending");
    care.cancel();
    // In a Redis of its own nothing outlives it anyway; elsewhere workers finish what they began.
    caring
        .await?
        .end(if record.own_redis { 1 } else { 30 })
        .await;
    serving.abort();
    // A `stop` that waits removes the folder itself, when this process is gone: not before can each file that it has
    // open be removed on every system.
    let latch = folder.latch();
    if latch.as_ref().is_ok_and(|it| it.try_lock().is_ok()) {
        let _ = folder.remove();
    }
    std::mem::forget(life);
    Ok(())
}

/// What an earlier supervisor left: its objects and processes, which go on where they are known; else they are ended.
async fn leftovers(folder: &StateDir, known: bool) -> (Option<Saved>, Vec<Found>) {
    let saved = folder.saved().filter(|_| known);
    let pods = saved.as_ref().map(Saved::pods).unwrap_or_default();
    let (left, strange): (Vec<Found>, Vec<Found>) = process::all(folder.path())
        .into_iter()
        .partition(|it| pods.contains(&it.pod));
    process::end(&strange, folder.path(), Duration::from_secs(2)).await;
    (saved, left)
}

fn record(redis: Option<String>, port: u16) -> anyhow::Result<ClusterInfo> {
    let own = || Ok::<_, anyhow::Error>(format!("redis://127.0.0.1:{}/0", free_port()?));
    let dashboard = TcpListener::bind((Ipv4Addr::LOCALHOST, DASHBOARD))
        .map(|_| DASHBOARD)
        .or_else(|_| free_port())?;
    Ok(ClusterInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        port,
        secret: secret()?,
        operator_secret: secret()?,
        own_redis: redis.is_none(),
        redis: redis.map_or_else(own, Ok)?,
        dashboard,
        pool: String::new(),
        queue: String::new(),
    })
}

fn secret() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn port_of(redis: &str) -> u16 {
    redis
        .rsplit_once(':')
        .and_then(|(_, tail)| tail.split('/').next()?.parse().ok())
        .unwrap_or(6379)
}

fn create(store: &Store, kind: &'static Kind, object: Value) -> anyhow::Result<()> {
    let id = id(kind, &object);
    let mut object = crate::admission::admit(kind, object)
        .map_err(|refusal| anyhow::anyhow!(refusal.message))?;
    let api_version = kind.api_version();
    managed_fields::updated(
        &json!({}),
        &mut object,
        Writer {
            manager: "kubectl-workerpool",
            part: "",
            api_version: &api_version,
        },
    );
    store
        .write(&id, |_| Ok(object))
        .map(drop)
        .map_err(|refusal| anyhow::anyhow!(refusal.message))
}

/// Waits until `done`, as the store changes.
async fn until(
    store: &Store,
    deadline: Instant,
    done: impl Fn(&Store) -> bool,
) -> anyhow::Result<()> {
    let mut changed = store.subscribe();
    while !done(store) {
        timeout(
            deadline.saturating_duration_since(Instant::now()),
            changed.changed(),
        )
        .await
        .context("it took too long")??;
    }
    Ok(())
}

fn running(store: &Store, deployment: &str) -> bool {
    let found = [NAMESPACE, SYSTEM]
        .iter()
        .find_map(|it| store.get(&Id::new(&DEPLOYMENTS, it, deployment)));
    found.is_some_and(|it| {
        it["status"]["readyReplicas"]
            .as_i64()
            .is_some_and(|ready| ready > 0)
    })
}

/// What is not ready, and where to look.
fn late(store: &Store, folder: &StateDir) -> String {
    let (_, pods) = store.list(&PODS, "");
    let waits: Vec<&str> = pods
        .iter()
        .filter(|it| !ready(it))
        .filter_map(|it| it["metadata"]["name"].as_str())
        .collect();
    let who = if waits.is_empty() {
        "the operator's first decision".to_owned()
    } else {
        waits.join(", ")
    };
    format!(
        "still waiting for {who} after {} s: see {}",
        READY.as_secs(),
        folder.file("logs").display()
    )
}
