//! The arguments of `workerpool-worker`, and what they start.

use super::task::Filters;
use super::{serve, submit};
use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use protocol::{Keys, Registration};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use telemetry::LogFormat;
use tokio_util::sync::CancellationToken;
use tracing::error;
use worker::{Settings, health};

/// Runs the tasks of a Redis queue, as `WorkerPool`'s reference worker
#[derive(Debug, Parser)]
#[command(name = "workerpool-worker", version)]
struct Args {
    /// The Redis with the queue: `redis://` or `rediss://`
    #[arg(
        long,
        env = "REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        global = true
    )]
    redis: String,
    /// The queue's name
    #[arg(long, env = "QUEUE", default_value = "tasks", value_parser = NonEmptyStringValueParser::new(), global = true)]
    queue: String,
    /// The worker's name; without it the pod's, or host and process
    #[arg(long, env = "POD_NAME")]
    name: Option<String>,
    /// Tasks to run at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// How long running tasks may take to finish after SIGTERM; what has not is handed back
    #[arg(long, default_value = "25s", value_parser = duration)]
    grace: Duration,
    /// The look of log lines
    #[arg(long, value_enum, default_value_t, global = true)]
    log_format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`
    #[arg(long, env = "LOG", default_value = "info", global = true)]
    log: String,
    /// Where the worker notes that it lives, and the probe looks
    #[arg(long, env = "WORKERPOOL_HEALTH_FILE", default_value_os_t = default_health_file(), global = true)]
    health_file: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Push image tasks; print their ids, or with --wait their results
    Submit(submit::Submit),
    /// Serve the class's HTTP API: batches in, results and status out; GET /api/openapi.json describes it
    Serve(serve::Serve),
    /// Exit 0 if the worker beside this process is alive and takes work, whatever its load; else say why not
    Health,
}

fn default_health_file() -> PathBuf {
    std::env::temp_dir().join("workerpool-worker.json")
}

/// Reads a duration like 25s, 1m30s or 500ms.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .map_err(|error| error.to_string())?;
    Duration::try_from(parsed).map_err(|error| error.to_string())
}

/// The whole program: reads the arguments, runs what they ask for, says on standard error why it failed.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::init(args.log_format, &args.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(args));
    runtime.shutdown_background(); // a filter that still runs was handed back: nobody waits for it
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Command::Health) = args.command {
        return health::check(&args.health_file).map_err(anyhow::Error::msg);
    }
    let client = redis::Client::open(args.redis).context("--redis is no address of a Redis")?;
    let keys = Keys::new(&args.queue);
    if let Some(Command::Submit(submit)) = args.command {
        return submit::run(&client, &keys, submit).await;
    }
    let stop = CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    if let Some(Command::Serve(serve)) = args.command {
        return serve::run(client, keys, serve, stop).await;
    }
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "unknown".into());
    let name = args
        .name
        .unwrap_or_else(|| format!("{host}-{}", std::process::id()));
    let registration = Registration {
        pod: name.clone(),
        name,
        host,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let settings = Settings {
        client,
        keys,
        registration,
        concurrency: args.concurrency.into(),
        grace: args.grace,
        health_file: args.health_file,
    };
    worker::run(settings, Filters, stop).await
}
