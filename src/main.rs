//! The operator program: parses arguments, starts logging, and runs the operator or a subcommand.

use clap::Parser;
use std::io::Write;
use tokio_util::sync::CancellationToken;
use workerpool_operator::run::{self, Environment, Settings, settings::Subcommand};

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    telemetry::init(settings.log_format, &settings.log);
    match settings.command {
        Some(Subcommand::Crd { apply: false }) => {
            Ok(std::io::stdout().write_all(api::crd_yaml().as_bytes())?)
        }
        Some(Subcommand::Crd { apply: true }) => {
            run::crd::apply(kube::Client::try_default().await?).await
        }
        None => {
            let stop = CancellationToken::new();
            tokio::spawn(telemetry::stop_on_signal(stop.clone()));
            let client = kube::Client::try_default().await?;
            let environment = Environment::new(client, settings.allow_addresses.clone());
            run::run(environment, &settings, stop).await
        }
    }
}
