//! The process behind a local cluster: it serves the API, runs the pods, and ends when the cluster is idle.

use crate::admission::admit;
use crate::cluster_info::ClusterInfo;
use crate::error::ApiError;
use crate::kind::{DEPLOYMENTS, EVENTS, Id, Kind, PODS, POOLS, SECRETS};
use crate::kubelet::Kubelet;
use crate::managed_fields::{self, Writer};
use crate::objects::{self, NAMESPACE};
use crate::pod;
use crate::process::{PodProcess, processes, terminate_all};
use crate::programs::Programs;
use crate::server::{Server, handle};
use crate::state_dir::StateDir;
use crate::store::{SavedObjects, Store, id_of, meta};
use crate::table::is_ready;
use anyhow::{Context, bail};
use api::WorkerPool;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout_at};
use tokio_util::sync::CancellationToken;

/// The name of the hidden command that runs the supervisor.
pub const SUPERVISOR_COMMAND: &str = "local-cluster";
/// The port of the dashboard, unless another program uses it.
pub const DASHBOARD_PORT: u16 = 8000;
/// The kinds whose objects are stored.
const STORED_KINDS: [&Kind; 5] = [&POOLS, &DEPLOYMENTS, &PODS, &SECRETS, &EVENTS];
/// The variable that tells the supervisor which Redis to use: everybody on this machine may read an argument list, and
/// the address may have a password.
pub const REDIS_VARIABLE: &str = "WORKERPOOL_LOCAL_REDIS";
/// How long the whole cluster may take to become ready.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// How often to save the objects and to check whether the cluster is still needed.
const SAVE_INTERVAL: Duration = Duration::from_millis(500);

/// The arguments of the supervisor's command.
#[derive(Clone, Debug, clap::Args)]
pub struct SupervisorArgs {
    /// The state directory of the cluster
    #[arg(long)]
    pub state_dir: PathBuf,
    /// The Redis to use instead of one of its own
    #[arg(long, env = REDIS_VARIABLE, hide_env_values = true)]
    pub redis: Option<String>,
    /// Seconds without a command after which it ends
    #[arg(long, default_value_t = 7200)]
    pub idle: u64,
}

/// Runs a local cluster until it is stopped or idle. Its first line on standard output is `ready`, or the reason why
/// the cluster is not ready.
pub async fn run_supervisor(args: SupervisorArgs) -> anyhow::Result<()> {
    let outcome = supervise(args).await;
    if let Err(error) = &outcome {
        print_line(&format!("{error:#}"));
    }
    outcome
}

/// Prints the line that [`crate::ensure`] waits for; an error is ignored, because that command may have ended.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{}", line.replace('\n', " "));
}

async fn supervise(args: SupervisorArgs) -> anyhow::Result<()> {
    let state_dir = StateDir::at(args.state_dir);
    state_dir.create()?;
    let Some(running_lock) = state_dir.try_lock()? else {
        let path = state_dir.path().display();
        bail!("a local cluster is already running in {path}")
    };
    let programs = Programs::find()?;
    let stop = CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    #[cfg(unix)] // The terminal that started the supervisor may close.
    let _hang_up = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;

    let Prepared {
        store,
        listener,
        _dashboard_claim,
        leftover,
        contents,
    } = Prepared::new(&state_dir, args.redis).await?;
    let info = &contents.info;
    let (logs, stopper) = (state_dir.file("logs"), stop.clone());
    let server = Server::new(Arc::clone(&store), info.clone(), logs, stopper);
    let server = Arc::new(server);
    let server_task = serve(Arc::clone(&server), listener)?;
    let mut kubelet = Kubelet::new(Arc::clone(&store), state_dir.clone(), leftover);
    let stop_kubelet = CancellationToken::new();
    let mut kubelet_task = {
        let stop = stop_kubelet.clone();
        tokio::spawn(async move {
            kubelet.run(&stop).await;
            kubelet
        })
    };
    // The start counts as a request: it may take longer than the idle time.
    let starting = server.begin_request();
    let deadline = Instant::now() + READY_TIMEOUT;
    if contents.is_new {
        contents
            .create(&store, &state_dir, &programs, deadline)
            .await?;
    }
    let first_decision = wait_until(&store, deadline, |store| is_settled(store, info)).await;
    print_line(&match first_decision {
        Ok(()) => "ready".to_owned(),
        Err(_) => pending_message(&store, &state_dir),
    });
    drop(starting);

    let idle = Duration::from_secs(args.idle);
    let is_needed =
        || !stop.is_cancelled() && server.idle() < idle && state_dir.file("cluster.json").exists();
    save_while(is_needed, &store, &state_dir, &stop, &mut kubelet_task).await?;
    tracing::info!("ending");
    stop_kubelet.cancel();
    // Tasks in the cluster's own Redis end with it; on an external Redis the workers finish what they have begun.
    let grace = if info.own_redis { 1 } else { 30 };
    kubelet_task.await?.stop_pods(grace).await;
    server_task.abort();
    remove_unless_stopped(&state_dir);
    // Held until the process has ended.
    std::mem::forget(running_lock);
    Ok(())
}

/// Removes the directory. A `stop` command that waits for the end of this process removes it itself: not every system can
/// remove files that this process has open.
fn remove_unless_stopped(state_dir: &StateDir) {
    let lock_file = state_dir.lock_file();
    if lock_file.as_ref().is_ok_and(|file| file.try_lock().is_ok()) {
        let _ = state_dir.remove();
    }
}

/// Saves the objects whenever they change, for as long as the cluster is needed.
async fn save_while(
    is_needed: impl Fn() -> bool,
    store: &Store,
    state_dir: &StateDir,
    stop: &CancellationToken,
    kubelet_task: &mut JoinHandle<Kubelet>,
) -> anyhow::Result<()> {
    let mut ticks = interval(SAVE_INTERVAL);
    let mut saved_version = 0;
    while is_needed() {
        let version = *store.subscribe().borrow();
        if version != saved_version && state_dir.save_objects(&store.save()).is_ok() {
            saved_version = version;
        }
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => {}
            // The kubelet ends only when it is stopped, which happens later.
            ended = &mut *kubelet_task => bail!("the kubelet task has failed: {:?}", ended.err()),
        }
    }
    Ok(())
}

fn serve(
    server: Arc<Server>,
    listener: TcpListener,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    #[cfg(windows)]
    let listener = crate::listener::PrivateListener::new(listener)?;
    #[cfg(not(windows))]
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))?;
    let router = axum::Router::new().fallback(handle).with_state(server);
    Ok(tokio::spawn(axum::serve(listener, router).into_future()))
}

/// What the supervisor has before it serves: restored from the state directory where possible.
struct Prepared {
    _dashboard_claim: Option<File>,
    store: Arc<Store>,
    listener: TcpListener,
    /// Processes of an earlier supervisor that continue as pods.
    leftover: Vec<PodProcess>,
    contents: Contents,
}

/// What the cluster consists of.
struct Contents {
    info: ClusterInfo,
    pool: WorkerPool,
    pool_object: Value,
    /// Whether the objects have yet to be created.
    is_new: bool,
}

impl Prepared {
    async fn new(state_dir: &StateDir, redis: Option<String>) -> anyhow::Result<Self> {
        let previous = state_dir.cluster_info().filter(|info| {
            info.version == env!("CARGO_PKG_VERSION")
                && redis.as_ref().is_none_or(|redis| *redis == info.redis)
        });
        let (saved, leftover) = restore(state_dir, previous.is_some()).await;
        let is_new = saved.is_none();
        let store = Arc::new(Store::new(saved.unwrap_or_default(), &STORED_KINDS));
        // A pod that was ready when the objects were saved may not be ready now.
        for pod in store.list(&PODS, "").1 {
            pod::write_status(&store, &id_of(&PODS, &pod), None, pod::NOT_READY);
        }
        let yaml = std::fs::read_to_string(state_dir.file("pool.yaml"))
            .unwrap_or_else(|_| api::DEMO.to_owned());

        // Listen on the previous port if possible, so that existing clients find the API server again.
        let listener = previous
            .as_ref()
            .and_then(|info| TcpListener::bind((Ipv4Addr::LOCALHOST, info.port)).ok());
        let listener = listener.map_or_else(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)), Ok)?;
        let port = listener.local_addr()?.port();
        let claim = claim_dashboard_port();
        let mut info = match previous.filter(|_| !is_new) {
            Some(info) => ClusterInfo {
                port,
                pid: std::process::id(),
                ..info
            },
            None => new_cluster_info(redis, port, claim.is_some())?,
        };
        let (pool, pool_object) = objects::pool(&yaml)?;
        info.pool = kube::ResourceExt::name_any(&pool);
        info.queue = objects::queue(&pool)?;
        state_dir.write_cluster_info(&info)?;
        Ok(Self {
            store,
            listener,
            _dashboard_claim: claim,
            leftover,
            contents: Contents {
                info,
                pool,
                pool_object,
                is_new,
            },
        })
    }
}

/// What an earlier supervisor left: its objects and their processes, if `reusable`. All other processes are stopped.
async fn restore(state_dir: &StateDir, reusable: bool) -> (Option<SavedObjects>, Vec<PodProcess>) {
    let saved = state_dir.load_objects().filter(|_| reusable);
    let pods = saved.as_ref().map(SavedObjects::pod_names);
    let pods = pods.unwrap_or_default();
    let (leftover, unknown): (Vec<PodProcess>, Vec<PodProcess>) = processes(state_dir.path())
        .into_iter()
        .partition(|process| pods.contains(&process.pod));
    terminate_all(&unknown, state_dir.path(), Duration::from_secs(2)).await;
    (saved, leftover)
}

/// Claims [`DASHBOARD_PORT`] among the local clusters of this machine for as long as the file is open. The operator
/// listens some time after its port was chosen, and several clusters may start at once.
fn claim_dashboard_port() -> Option<File> {
    let path = std::env::temp_dir().join(format!("workerpool-{DASHBOARD_PORT}.lock"));
    let mut options = File::options();
    let file = options.create(true).write(true).truncate(false).open(path);
    file.ok().filter(|file| file.try_lock().is_ok())
}

fn new_cluster_info(
    redis: Option<String>,
    port: u16,
    may_take_8000: bool,
) -> anyhow::Result<ClusterInfo> {
    let own_redis = || {
        let (password, port) = (random_secret()?, free_port()?);
        Ok::<_, anyhow::Error>(format!("redis://:{password}@127.0.0.1:{port}/0"))
    };
    let is_free = may_take_8000 && TcpListener::bind((Ipv4Addr::LOCALHOST, DASHBOARD_PORT)).is_ok();
    let dashboard = if is_free {
        DASHBOARD_PORT
    } else {
        free_port()?
    };
    Ok(ClusterInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        port,
        secret: random_secret()?,
        operator_secret: random_secret()?,
        own_redis: redis.is_none(),
        redis: redis.map_or_else(own_redis, Ok)?,
        dashboard,
        pool: String::new(),
        queue: String::new(),
    })
}

fn random_secret() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    let random = rustls::crypto::ring::default_provider().secure_random;
    let filled = random.fill(&mut bytes).ok();
    filled.context("the system provides no random numbers")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

impl Contents {
    /// Creates the objects of a new cluster: Redis first, and the rest when it is ready.
    async fn create(
        &self,
        store: &Store,
        state_dir: &StateDir,
        programs: &Programs,
        deadline: Instant,
    ) -> anyhow::Result<()> {
        let info = &self.info;
        create(store, &SECRETS, objects::redis_secret(&info.redis))?;
        if info.own_redis {
            create(store, &DEPLOYMENTS, objects::redis(state_dir, &info.redis)?)?;
            let ready = wait_until(store, deadline, has_ready_redis).await;
            ready.context("Redis did not start")?;
        }
        create(store, &POOLS, self.pool_object.clone())?;
        let workers = objects::workers(programs, info, &self.pool);
        create(store, &DEPLOYMENTS, workers)?;
        let operator = objects::operator(state_dir, programs, info, free_port()?);
        create(store, &DEPLOYMENTS, operator)?;
        Ok(())
    }
}

fn create(store: &Store, kind: &'static Kind, object: Value) -> Result<(), ApiError> {
    let id = id_of(kind, &object);
    let mut object = admit(kind, object)?;
    let api_version = kind.api_version();
    let writer = Writer::new("kubectl-workerpool", &api_version);
    managed_fields::record_update(&json!({}), &mut object, writer);
    store.write(&id, |_| Ok(object)).map(drop)
}

/// Waits until `condition` holds, and checks it on every change of the store.
async fn wait_until(
    store: &Store,
    deadline: Instant,
    condition: impl Fn(&Store) -> bool,
) -> anyhow::Result<()> {
    let mut changes = store.subscribe();
    while !condition(store) {
        let changed = timeout_at(deadline, changes.changed()).await;
        changed.context("timed out")??;
    }
    Ok(())
}

fn has_ready_redis(store: &Store) -> bool {
    let redis = store.get(&Id::new(&DEPLOYMENTS, NAMESPACE, "redis"));
    redis.is_some_and(|redis| redis["status"]["readyReplicas"].as_i64() > Some(0))
}

/// Whether all pods are ready and the operator has decided on the pool.
fn is_settled(store: &Store, info: &ClusterInfo) -> bool {
    let pool = store.get(&Id::new(&POOLS, NAMESPACE, &info.pool));
    let observed = pool
        .is_some_and(|pool| pool["status"]["observedGeneration"] == pool["metadata"]["generation"]);
    observed && store.list(&PODS, "").1.iter().all(|pod| is_ready(pod))
}

/// What the cluster still waits for, and which logs to read.
fn pending_message(store: &Store, state_dir: &StateDir) -> String {
    let (_, pods) = store.list(&PODS, "");
    let pending = pods.iter().filter(|pod| !is_ready(pod));
    let pending: Vec<&str> = pending.map(|pod| meta(pod, "name")).collect();
    let pending = if pending.is_empty() {
        "the operator's first decision".to_owned()
    } else {
        pending.join(", ")
    };
    format!(
        "still waiting for {pending} after {} s: see {}",
        READY_TIMEOUT.as_secs(),
        state_dir.file("logs").display()
    )
}
