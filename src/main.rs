//! The operator program: parses arguments, starts logging, and runs the operator or a subcommand.

use clap::Parser;
use std::io::Write;
use tokio_util::sync::CancellationToken;
use workerpool_operator::run::settings::Subcommand;
use workerpool_operator::run::{Environment, Settings, crd};

/// After how many polls of tasks a thread looks at the network, where it has work without a break. By default it is 61: a
/// server that floods its connections would hold up the answers of all others.
const EVENT_INTERVAL: u32 = 4;

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .event_interval(EVENT_INTERVAL)
        .enable_all()
        .build()?
        // On a thread of the runtime: what a task there wakes runs next, without a switch to another thread.
        .block_on(async { tokio::spawn(run()).await? })
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::parse();
    telemetry::init(settings.log_format, &settings.log);
    match settings.command {
        Some(Subcommand::Crd { apply: false }) => {
            Ok(std::io::stdout().write_all(api::crd_yaml().as_bytes())?)
        }
        Some(Subcommand::Crd { apply: true }) => {
            crd::apply(kube::Client::try_default().await?).await
        }
        None => {
            let stop = CancellationToken::new();
            tokio::spawn(telemetry::stop_on_signal(stop.clone()));
            let client = kube::Client::try_default().await?;
            let environment = Environment::new(client, settings.allow_addresses.clone());
            workerpool_operator::run::run(environment, &settings, stop).await
        }
    }
}
