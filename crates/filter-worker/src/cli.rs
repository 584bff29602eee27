//! The command line of `workerpool-worker`.

use super::limits::ImageLimits;
use super::task::Filters;
use super::{health_file, serve, submit};
use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use redis_source::RedisOptions;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use telemetry::LogFormat;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use worker::{Keys, Registration, Settings, check_health};

/// Run image tasks from a Redis queue: the reference worker of `WorkerPool`
#[derive(Debug, Parser)]
#[command(name = "workerpool-worker", version)]
struct Args {
    /// URL of the Redis server with the queue: `redis://` or `rediss://`
    #[arg(
        long,
        env = "REDIS_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6379",
        global = true
    )]
    redis: String,
    #[command(flatten)]
    options: RedisOptions,
    /// Name of the queue
    #[arg(long, env = "QUEUE", default_value = "tasks", value_parser = NonEmptyStringValueParser::new(), global = true)]
    queue: String,
    /// Name of the worker; default: the host name and the process id
    #[arg(long, env = "POD_NAME", global = true)]
    name: Option<String>,
    /// Namespace of the worker's pod; default: that of the mounted service account, if there is one
    #[arg(long, env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Maximum number of tasks to run at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// How long running tasks may take to finish after SIGTERM; the worker hands back the rest
    #[arg(long, default_value = "25s", value_parser = duration)]
    grace: Duration,
    /// Format of log lines
    #[arg(long, value_enum, default_value_t, global = true)]
    log_format: LogFormat,
    /// Log filter, in the syntax of `RUST_LOG`
    #[arg(long, env = "LOG", default_value = "info", global = true)]
    log: String,
    /// File that the worker writes at each heartbeat and that `health` reads; default: one in the directory for temporary
    /// files, with the worker's name
    #[arg(long, env = "WORKERPOOL_HEALTH_FILE", global = true)]
    health_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Push image tasks and print their ids, or their results with --wait
    Submit(submit::Submit),
    /// Serve the HTTP API for batches of images; GET /api/openapi.json describes it
    Serve(serve::Serve),
    /// Liveness probe: exit 0 if the worker on this host is alive, else print the reason and exit 1
    Health,
}

/// The namespace that Kubernetes mounts into each container with a service account.
fn mounted_namespace() -> Option<String> {
    let text = std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace");
    Some(text.ok()?.trim().to_owned())
}

/// Parses a duration like 25s, 1m30s or 500ms.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text
        .parse::<jiff::SignedDuration>()
        .map_err(|error| error.to_string())?;
    Duration::try_from(parsed).map_err(|error| error.to_string())
}

/// Parses the arguments, runs the command, and logs the error if it fails.
pub fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::init(args.log_format, &args.log);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "cannot start the async runtime");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(args));
    runtime.shutdown_background(); // do not wait for a filter that still runs: its task was handed back
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
        let file = match args.health_file {
            Some(file) => file,
            None => health_file::find(args.name.as_deref())?,
        };
        return check_health(&file).map_err(anyhow::Error::msg);
    }
    let keys = Keys::new(&args.queue);
    // All keys of a queue share a slot.
    let redis = args.options.source(&args.redis, &keys.ready());
    let redis = redis.context("cannot use the options for Redis")?;
    if let Some(Command::Submit(submit)) = args.command {
        return submit::run(&redis, &keys, submit).await;
    }
    let stop = CancellationToken::new();
    tokio::spawn(telemetry::stop_on_signal(stop.clone()));
    if let Some(Command::Serve(serve)) = args.command {
        return serve::run(redis, keys, serve, stop).await;
    }
    let limits = ImageLimits::set_concurrency(args.concurrency);
    info!(
        limits.pixels,
        limits.file, "the largest images that this worker accepts"
    );
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "unknown".into());
    let name = args
        .name
        .unwrap_or_else(|| format!("{host}-{}", std::process::id()));
    let health_file = args.health_file.unwrap_or_else(|| health_file::of(&name));
    let registration = Registration {
        pod: name.clone(),
        name,
        namespace: args.namespace.or_else(mounted_namespace),
        host,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let settings = Settings {
        redis,
        keys,
        registration,
        concurrency: args.concurrency.into(),
        grace: args.grace,
        health_file,
    };
    worker::run(settings, Filters, stop).await
}
