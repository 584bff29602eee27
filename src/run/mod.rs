//! The controller: one loop that hears events, asks the fleet, and has its commands done.

mod clock;
pub mod crd;
mod executor;
mod health;
mod leader;
pub mod settings;
mod watches;

pub use clock::Clock;
pub use settings::Settings;

use crate::dashboard;
use crate::fleet::Fleet;
use crate::fleet::event::{Event, Watched};
use crate::report::Metrics;
use anyhow::Context;
use executor::Executor;
use health::{HealthState, Liveness, MAX_TICK};
use kube::Client;
use leader::Leader;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watches::Watches;

/// Events taken in before the pulse is felt again.
const MAX_BATCH: usize = 256;

/// Runs the operator until `stop`; then finishes the writes that are under way.
pub async fn run(
    client: Client,
    settings: &Settings,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (events, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    let metrics = Arc::new(Metrics::new());
    let pulse = Arc::new(Mutex::new(Liveness::start()));
    let admin = HealthState {
        events: events.clone(),
        metrics: Arc::clone(&metrics),
        pulse: Arc::clone(&pulse),
    };
    let board = Arc::new(dashboard::DashboardStore::default());
    let mut servers = vec![serve(settings.listen, "--listen", health::router(admin), &stop).await?];
    if let Some(address) = settings.dashboard {
        let page = dashboard::router(
            Arc::clone(&board),
            health::ask(events.clone()),
            stop.clone(),
        );
        servers.push(serve(address, "--dashboard", page, &stop).await?);
    }

    let lease = if settings.leader_elect {
        let leader = Leader::new(client.clone(), &settings.pod_namespace, identity());
        pulse
            .lock()
            .map(|mut pulse| pulse.standby = true)
            .unwrap_or_default();
        match leader.acquire(&stop).await {
            Some(lease) => Some(tokio::spawn(leader.hold(lease, stop.clone()))),
            None => return Ok(()),
        }
    } else {
        None
    };
    let in_cluster = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let namespaces = settings.namespaces.clone();
    let watches = Watches {
        client,
        namespaces,
        events,
        stop: stop.clone(),
    };
    watches.start();
    let clock = Clock::start();
    let mut fleet = Fleet::new(in_cluster, Arc::clone(&metrics)).with_dashboard(board);
    let mut hands = Executor::new(watches, metrics);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), in_cluster, "started");

    while !stop.is_cancelled() {
        if let Ok(mut pulse) = pulse.lock() {
            let awaited = fleet.pending_watches().iter().map(name).collect();
            *pulse = Liveness {
                beat: Instant::now(),
                awaited,
                standby: false,
            };
        }
        let beat = Instant::now() + MAX_TICK;
        let wake = fleet
            .next_tick()
            .map_or(beat, |at| clock.instant(at).min(beat));
        let first = tokio::select! {
            event = inbox.recv() => event.unwrap_or(Event::Tick),
            () = tokio::time::sleep_until(wake.into()) => Event::Tick,
            () = stop.cancelled() => break,
        };
        let mut event = Some(first);
        for _ in 0..MAX_BATCH {
            let Some(now) = event.take() else { break };
            fleet
                .on(now, clock.now())
                .into_iter()
                .for_each(|command| hands.execute(command));
            event = inbox.try_recv().ok();
        }
        if let Some(last) = event {
            fleet
                .on(last, clock.now())
                .into_iter()
                .for_each(|command| hands.execute(command));
        }
    }
    tracing::info!("stopping");
    // With an election another one follows, and has its own plans by now.
    if lease.is_none() {
        fleet
            .stop()
            .into_iter()
            .for_each(|command| hands.execute(command));
    }
    hands.finish().await;
    if let Some(lease) = lease {
        lease.await?;
    }
    for server in servers {
        server.await?.context("an HTTP server failed")?;
    }
    Ok(())
}

async fn serve(
    address: SocketAddr,
    flag: &str,
    router: axum::Router,
    stop: &CancellationToken,
) -> anyhow::Result<JoinHandle<std::io::Result<()>>> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: choose another address with {flag}")
    })?;
    let server =
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    Ok(tokio::spawn(server.into_future()))
}

/// Tells this process from the others that stand for election.
fn identity() -> String {
    let host = std::env::var("POD_NAME").or_else(|_| std::env::var("HOSTNAME"));
    format!(
        "{}_{:08x}",
        host.as_deref().unwrap_or("workerpool-operator"),
        fastrand::u32(..)
    )
}

fn name(watched: &Watched) -> String {
    match watched {
        Watched::Pools => "workerpools".to_owned(),
        Watched::Autoscalers => "horizontalpodautoscalers".to_owned(),
        Watched::Targets(api_version, kind) => format!("{kind} of {api_version}"),
    }
}
