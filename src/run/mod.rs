//! Run: connects the fleet to the watches, the executor, the HTTP servers and the clock.

mod clock;
pub mod crd;
mod environment;
mod event_loop;
mod executor;
mod fence;
mod health;
mod inbox;
mod leader;
mod listen;
mod object_watch;
mod reviews;
pub mod settings;
mod watches;

pub use clock::{Clock, TimeSource};
pub use environment::Environment;
pub use settings::Settings;

use crate::dashboard::{self, Access, DashboardStore};
use crate::fleet::Fleet;
use crate::report::Metrics;
use crate::turns::Turns;
use anyhow::Context;
use event_loop::EventLoop;
use executor::Executor;
use health::{HealthState, Liveness};
use leader::{Candidate, Leadership};
use reviews::Reviews;
use settings::DashboardAuth;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watches::Watches;

/// The Secrets and `ConfigMap`s that are read at once, each of up to 1 MiB; a namespace has half of it.
const MAX_READS: usize = 4;

type Server = JoinHandle<io::Result<()>>;

/// Runs the operator until `stop`, then completes the writes in progress.
pub async fn run(
    mut environment: Environment,
    settings: &Settings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    environment.client = environment::with_deadline(environment.client);
    let (events, inbox) = inbox::inbox();
    let health = HealthState {
        events: events.clone(),
        metrics: Arc::new(Metrics::new()),
        liveness: Arc::new(Mutex::new(Liveness::start())),
    };
    let store = Arc::new(DashboardStore::default());
    let servers = start_servers(&environment, settings, &health, &store, &stop)?;

    let mut leadership = None;
    if settings.leader_elect {
        let Some(acquired) = acquire_leadership(&environment, settings, &health, &stop).await
        else {
            return Ok(());
        };
        environment.client = acquired.fence.around(environment.client);
        leadership = Some(acquired);
    }

    let watches = Watches {
        client: environment.client.clone(),
        namespaces: settings.namespaces.clone(),
        events,
        reads: Arc::new(Turns::new(MAX_READS, MAX_READS / 2)),
        stop: stop.clone(),
    };
    watches.start();
    let report = crd::report_lacking(environment.client.clone());
    tokio::spawn(stop.clone().run_until_cancelled_owned(report));
    let fence = leadership
        .as_ref()
        .map(|leadership| leadership.fence.clone());
    let clock = Clock::start(Arc::clone(&environment.time));
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let metrics = Arc::clone(&health.metrics);
    let mut event_loop = EventLoop {
        fleet: Fleet::new(in_cluster, Arc::clone(&metrics))
            .watching(&settings.namespaces)
            .allowing(&settings.target_kinds)
            .polling_at_most_every(settings.min_interval)
            .with_dashboard(store),
        executor: Executor::new(environment, watches, fence, metrics),
        clock,
        inbox,
        health,
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), in_cluster, "started");
    event_loop.run(&stop).await;

    tracing::info!("stopping");
    // With leader election another instance takes over, and may already have scale-downs of its own.
    event_loop.shut_down(leadership.is_none()).await;
    if let Some(leadership) = leadership {
        leadership.resign().await?;
    }
    for server in servers {
        server.await?.context("an HTTP server failed")?;
    }
    Ok(())
}

fn start_servers(
    environment: &Environment,
    settings: &Settings,
    health: &HealthState,
    store: &Arc<DashboardStore>,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<Server>> {
    let router = health::router(health.clone());
    let mut servers = Vec::new();
    if let Some(address) = settings.listen {
        servers.push(serve(address, "--listen", router, stop)?);
    }
    if let Some(address) = settings.dashboard {
        let ask = health::ask(health.clone());
        let hosts = dashboard::Hosts::new(&settings.dashboard_hosts);
        let access = match settings.dashboard_auth {
            DashboardAuth::None => Access::Everyone,
            DashboardAuth::Token => {
                Access::Token(Arc::new(Reviews::new(environment.client.clone())))
            }
        };
        let (store, until) = (Arc::clone(store), stop.clone());
        let router = move || dashboard::router(store, ask, hosts, access, until);
        servers.push(serve_apart(address, "--dashboard", router, stop)?);
    }
    Ok(servers)
}

fn serve(
    address: SocketAddr,
    flag: &str,
    router: axum::Router,
    stop: &CancellationToken,
) -> anyhow::Result<Server> {
    let listener = listen(address, flag)?;
    Ok(tokio::spawn(respond(listener, router, stop.clone())))
}

/// Serves on a thread of its own: however many requests there are, those that read Redis and write scales do not wait for
/// them.
fn serve_apart(
    address: SocketAddr,
    flag: &str,
    router: impl FnOnce() -> axum::Router + Send + 'static,
    stop: &CancellationToken,
) -> anyhow::Result<Server> {
    let listener = listen(address, flag)?;
    let (sender, end) = oneshot::channel();
    let stop = stop.clone();
    let thread = std::thread::Builder::new().name("dashboard".to_owned());
    thread.spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let served = runtime.enable_all().build().and_then(|runtime| {
            runtime.block_on(async { respond(listener, router(), stop).await })
        });
        let _ = sender.send(served);
    })?;
    let panicked = |_| Err(io::Error::other("its thread panicked"));
    Ok(tokio::spawn(
        async move { end.await.unwrap_or_else(panicked) },
    ))
}

fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    listen::listen(address)
        .with_context(|| format!("cannot listen on {address}: choose another address with {flag}"))
}

/// Answers requests until `stop`.
async fn respond(
    listener: TcpListener,
    router: axum::Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// Stands by until this process is the leader, or returns `None` if `stop` came first.
async fn acquire_leadership(
    environment: &Environment,
    settings: &Settings,
    health: &HealthState,
    stop: &CancellationToken,
) -> Option<Leadership> {
    health.liveness().standby = true;
    let (namespace, name) = (&settings.pod_namespace, &settings.lease_name);
    let candidate = Candidate::new(environment.clone(), namespace, name, identity());
    let leadership = candidate.acquire(stop).await?;
    *health.liveness() = Liveness::start();
    Some(leadership)
}

/// The name of this process in the leader election: the pod's name and a random suffix.
fn identity() -> String {
    let host = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME"));
    format!(
        "{}_{:08x}",
        host.as_deref().unwrap_or("workerpool-operator"),
        fastrand::u32(..)
    )
}
