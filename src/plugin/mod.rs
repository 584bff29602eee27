//! `kubectl workerpool`: what people type, and which command answers. It works without an operator, and says so.

mod answer;
mod check;
mod cluster;
mod complete;
mod dashboard;
mod demo;
mod explain;
mod facts;
mod feed;
mod help;
mod history;
mod hour;
mod hurry;
mod lang;
mod line;
#[cfg(feature = "local")]
mod local;
mod metrics;
mod monitor;
mod operator;
mod output;
mod pause;
mod record;
mod redis;
mod remarks;
mod replay;
mod scale;
mod screen;
mod sentence;
mod simulate;
mod story;
mod stress;
mod why_not;

use crate::api::Duration;
use crate::telemetry::{self, LogFormat};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
#[cfg(not(feature = "local"))]
use cluster::Cluster;
use cluster::Place;
use lang::Lang;
use output::{Color, Format, Out};
use replay::{Play, Replay};
use scale::Pin;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use stress::Burst;

const FOOT: &str = "Exit codes: 0 fine · 1 something is wrong · 2 wrong usage.
Data goes to standard output, talk to standard error. NO_COLOR is honoured.
NAME may be left out where the namespace has exactly one WorkerPool.";

/// Look at WorkerPools, give them work, scale them by hand. Redis inside the cluster is reached through the API
/// server's port-forward, with your own rights.
#[derive(Debug, Parser)]
#[command(version, after_help = FOOT, disable_help_subcommand = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    place: Place,
    #[cfg(feature = "local")]
    #[command(flatten)]
    local: local::Local,
    /// When to colour: auto (on a terminal), always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    color: Color,
    /// Language of all that people read: en or es [default: the locale's]
    #[arg(long, global = true, value_enum, value_name = "LANG", hide_possible_values = true)]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look at every link of the chain: a line each, and how to mend what is broken
    #[command(after_help = FOOT)]
    Check {
        /// The WorkerPool
        name: Option<String>,
        /// text or json
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
    },
    /// Show queue, workers, recommendation and ETA
    #[command(after_help = FOOT)]
    Metrics {
        /// The WorkerPool
        name: Option<String>,
        /// text or json
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
    },
    /// Tell why the number of workers is what it is, and what would change it next
    #[command(after_help = FOOT)]
    Explain {
        /// The WorkerPool
        name: Option<String>,
        /// Tell why it is not this many, and what would give them
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..), conflicts_with = "at")]
        why_not: Option<i32>,
        /// Tell how it was at this time of day, or this instant
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// text or json
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
    },
    /// Show the last changes of the number, each with its reason
    #[command(after_help = FOOT)]
    History {
        /// The WorkerPool
        name: Option<String>,
        /// How many at most, the newest last
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// text or json
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
    },
    /// Push a burst of real image tasks
    #[command(after_help = FOOT)]
    Stress {
        /// The WorkerPool
        name: Option<String>,
        #[command(flatten)]
        tasks: Tasks,
        /// How long each task takes
        #[arg(long, value_name = "SECONDS", default_value_t = stress::TASK_SECONDS, value_parser = clap::value_parser!(u32).range(..=86_400))]
        task_seconds: u32,
    },
    /// Pin the number of workers, or leave it to the rules again
    ///
    /// Sets spec.replicas of the WorkerPool and waits for the operator. When none answers within 5 s, the Deployment
    /// itself is scaled.
    #[command(after_help = FOOT, allow_missing_positional = true)]
    Scale {
        /// The WorkerPool
        name: Option<String>,
        /// How many workers, or `auto`
        #[arg(value_name = "N|auto")]
        replicas: Pin,
        /// End the pin by itself after this time, in seconds or such as 30m
        #[arg(long = "for", value_name = "TIME", value_parser = span)]
        span: Option<Duration>,
    },
    /// Leave a pool as it is for a while, with who wants it and what for
    #[command(after_help = FOOT)]
    Pause {
        /// The WorkerPool
        name: Option<String>,
        #[command(flatten)]
        terms: pause::Terms,
    },
    /// Leave a paused pool to its rules again
    #[command(after_help = FOOT)]
    Resume {
        /// The WorkerPool
        name: Option<String>,
    },
    /// Show queue, workers and reasons on one screen, live or back in time
    #[command(visible_alias = "top", after_help = FOOT)]
    Interactive(screen::Interactive),
    /// Print a line per change as it happens
    #[command(after_help = FOOT)]
    Monitor {
        /// The WorkerPool
        name: Option<String>,
        /// End after this time, in seconds or such as 5m [default: when interrupted]
        #[arg(long, value_name = "TIME", value_parser = span)]
        duration: Option<Duration>,
        /// text or json, an object a line
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
        #[command(flatten)]
        play: Play,
        /// With --replay: wait for nothing
        #[arg(long, requires = "replay", conflicts_with = "speed")]
        fast: bool,
    },
    /// Show the operator's dashboard in the browser
    ///
    /// Forwards a port of this machine to the operator, and forwards it anew after a pod's restart or a laptop's sleep.
    #[command(after_help = FOOT)]
    Dashboard(dashboard::Port),
    /// Try a policy without a cluster, on recorded facts or on a queue that is played
    ///
    /// The very function that decides in the operator decides here. With --trace a line comes out for each that goes
    /// in; with --arrivals a line for each change, and at last what it came to.
    #[command(after_help = FOOT)]
    Simulate(simulate::Simulate),
    /// Write what a pool sees, a line a second, as `simulate --trace` reads it
    #[command(after_help = FOOT)]
    Record {
        /// The WorkerPool
        name: Option<String>,
        /// End after this time, in seconds or such as 5m [default: when interrupted]
        #[arg(long, value_name = "TIME", value_parser = span)]
        duration: Option<Duration>,
    },
    /// Push a burst and tell what happens, from start to end
    ///
    /// Waits until the workers are as few as they get and idle, pushes, tells each change, and ends when the workers
    /// are back at that number and the queue is empty.
    #[command(after_help = FOOT)]
    Demo {
        /// The WorkerPool
        name: Option<String>,
        #[command(flatten)]
        tasks: Tasks,
        /// How long each task takes
        #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(..=86_400))]
        task_seconds: u32,
        /// When to give up, in seconds or such as 5m
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = span)]
        timeout: Duration,
        #[command(flatten)]
        play: Play,
        /// In a quarter of the time; with --replay at once. The pauses of a pool are shortened with --local alone
        #[arg(long, conflicts_with = "speed")]
        fast: bool,
    },
    /// End the local cluster and all that belongs to it
    #[cfg(feature = "local")]
    #[command(after_help = FOOT)]
    Stop,
    /// Serve the class's HTTP API beside the local cluster, until interrupted
    #[cfg(feature = "local")]
    #[command(after_help = FOOT)]
    Serve {
        /// Where it listens
        #[arg(long, default_value = "127.0.0.1:8001")]
        listen: std::net::SocketAddr,
    },
    /// What runs behind --local
    #[cfg(feature = "local")]
    #[command(name = crate::local::COMMAND, hide = true)]
    LocalCluster(crate::local::Settings),
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Tasks {
    /// How many tasks
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: u32,
}

/// A time span; a bare number counts seconds, as in the class.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Ok(Duration::seconds(seconds)),
        _ => text.parse::<Duration>().map_err(|error| error.to_string()),
    }
}

/// The whole command line, as the manual page describes it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().name("kubectl-workerpool").bin_name("kubectl workerpool")
}

/// Runs what `args` ask for.
#[must_use]
pub fn main(args: Vec<OsString>) -> ExitCode {
    if file_stem(&args).as_deref() == Some(complete::NAME) {
        return complete(&args);
    }
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Libraries log what we say ourselves; RUST_LOG shows it anyway.
    #[cfg(feature = "local")] // What runs behind --local has a log in place of a reader.
    let level = if matches!(cli.command, Command::LocalCluster(_)) { "info" } else { "off" };
    #[cfg(not(feature = "local"))]
    let level = "off";
    telemetry::init(LogFormat::Text, level);
    let lang = cli.lang.unwrap_or_else(|| Lang::of_locale(|name| std::env::var(name).ok()));
    let out = Out::new(cli.color, lang);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(cli, &out)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out.talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn file_stem(args: &[OsString]) -> Option<String> {
    args.first().and_then(|path| Path::new(path).file_stem()).map(|name| name.to_string_lossy().into_owned())
}

/// Proposes what may follow; there is no good place for an error in the middle of a line that is being typed.
fn complete(args: &[OsString]) -> ExitCode {
    telemetry::init(LogFormat::Text, "off");
    let words: Vec<String> = args.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map(|runtime| {
        runtime.block_on(complete::answer(Cli::command(), &words, &Out::new(Color::Never, Lang::En)))
    });
    if matches!(done, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// kubectl runs its plugins by their file name, and people know them by two words.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let name = match file_stem(&args).as_deref() {
        Some(name) if !name.starts_with("kubectl-") => name.to_owned(),
        _ => "kubectl workerpool".to_owned(),
    };
    let command = Cli::command().bin_name(name);
    let mut command = if Lang::of_args(&args) == Lang::Es { help::spanish(command) } else { command };
    Cli::from_arg_matches(&command.try_get_matches_from_mut(args)?)
}

async fn run(cli: Cli, out: &Out) -> anyhow::Result<bool> {
    if let Command::Simulate(simulate) = &cli.command {
        return simulate::run(simulate, out);
    }
    match &cli.command {
        Command::Demo { play, fast, .. } if play.replay.is_some() => {
            return Box::pin(demo::replay(out, Replay::open(play, *fast)?)).await;
        }
        Command::Interactive(wanted) if wanted.play.replay.is_some() => {
            return Box::pin(screen::replay(out, wanted)).await;
        }
        Command::Monitor { play, duration, fast, output, .. } if play.replay.is_some() => {
            let json = *output == Format::Json;
            return Box::pin(monitor::replay(out, Replay::open(play, *fast)?, *duration, json)).await;
        }
        _ => {}
    }
    #[cfg(feature = "local")]
    if let Some(done) = local::run(&cli.command, &cli.local, out).await {
        return done;
    }
    #[cfg(feature = "local")]
    let cluster = cli.local.open(&cli.place, out).await;
    #[cfg(not(feature = "local"))]
    let cluster = Cluster::open(&cli.place, out).await;
    if let Command::Check { name, output } = cli.command {
        return Box::pin(check::run(cluster, out, name.as_deref(), output == Format::Json)).await;
    }
    let cluster = &cluster?;
    match cli.command {
        Command::Check { .. } | Command::Simulate(_) => Ok(true),
        #[cfg(feature = "local")]
        Command::Stop | Command::Serve { .. } | Command::LocalCluster(_) => Ok(true),
        Command::Metrics { name, output } => {
            metrics::run(cluster, name.as_deref(), output == Format::Json).await
        }
        Command::Stress { name, tasks: Tasks { tasks }, task_seconds } => {
            stress::run(cluster, name.as_deref(), Burst { tasks, task_seconds }).await
        }
        Command::Scale { name, replicas, span } => {
            Box::pin(scale::run(cluster, name.as_deref(), replicas, span)).await
        }
        Command::Pause { name, terms } => Box::pin(pause::pause(cluster, name.as_deref(), terms)).await,
        Command::Resume { name } => Box::pin(pause::resume(cluster, name.as_deref())).await,
        Command::Explain { name, why_not, at, output } => {
            let (name, json) = (name.as_deref(), output == Format::Json);
            match (why_not, at) {
                (Some(wanted), _) => Box::pin(why_not::run(cluster, name, wanted, json)).await,
                (None, Some(at)) => Box::pin(history::at(cluster, name, &at, json)).await,
                (None, None) => Box::pin(explain::run(cluster, name, json)).await,
            }
        }
        Command::History { name, limit, output } => {
            Box::pin(history::run(cluster, name.as_deref(), limit, output == Format::Json)).await
        }
        Command::Dashboard(place) => Box::pin(dashboard::run(cluster, place)).await,
        Command::Record { name, duration } => Box::pin(record::run(cluster, name.as_deref(), duration)).await,
        Command::Interactive(wanted) => Box::pin(screen::run(cluster, &wanted)).await,
        Command::Monitor { name, duration, output, .. } => {
            Box::pin(monitor::run(cluster, name.as_deref(), duration, output == Format::Json)).await
        }
        Command::Demo { name, tasks: Tasks { tasks }, task_seconds, timeout, fast, .. } => {
            let burst = Burst { tasks, task_seconds };
            Box::pin(demo::run(cluster, name.as_deref(), burst, timeout, fast)).await
        }
    }
}
