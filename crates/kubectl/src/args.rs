//! What people type: the commands, their arguments and their help.

use super::cluster::ClusterArgs;
use crate::cluster::local::Local;
use crate::cluster::replay::ReplayArgs;
use crate::commands::scale::Pin;
use crate::commands::{dashboard, pause, simulate, stress};
use crate::text::lang::Lang;
use crate::text::output::{Color, Format};
use crate::tui;
use api::Duration;
use clap::{Parser, Subcommand};

const FOOT: &str = "Exit codes: 0 fine · 1 something is wrong · 2 wrong usage.
Data goes to standard output, talk to standard error. NO_COLOR is honoured.
NAME may be left out where the namespace has exactly one WorkerPool.";

/// Look at WorkerPools, give them work, scale them by hand. Redis inside the cluster is reached through the API
/// server's port-forward, with your own rights.
#[derive(Debug, Parser)]
#[command(version, after_help = FOOT, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub place: ClusterArgs,
    #[command(flatten)]
    pub local: Local,
    /// When to colour: auto (on a terminal), always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub color: Color,
    /// Language of all that people read: en or es [default: the locale's]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "LANG",
        hide_possible_values = true
    )]
    pub lang: Option<Lang>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
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
        /// All pools of all namespaces, a line each, problems first
        #[arg(short = 'A', long, conflicts_with_all = ["name", "why_not", "at"])]
        all_namespaces: bool,
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
        /// Of all pools of all namespaces
        #[arg(short = 'A', long, conflicts_with = "name")]
        all_namespaces: bool,
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
        #[arg(long = "for", value_name = "TIME", value_parser = duration)]
        span: Option<Duration>,
    },
    /// Leave a pool as it is for a while, with who wants it and what for
    #[command(after_help = FOOT)]
    Pause {
        /// The WorkerPool
        name: Option<String>,
        #[command(flatten)]
        terms: pause::PauseArgs,
    },
    /// Leave a paused pool to its rules again
    #[command(after_help = FOOT)]
    Resume {
        /// The WorkerPool
        name: Option<String>,
    },
    /// Show queue, workers and reasons on one screen, live or back in time
    #[command(visible_alias = "top", after_help = FOOT)]
    Interactive(tui::Interactive),
    /// Print a line per change as it happens
    #[command(after_help = FOOT)]
    Monitor {
        /// The WorkerPool
        name: Option<String>,
        /// End after this time, in seconds or such as 5m [default: when interrupted]
        #[arg(long, value_name = "TIME", value_parser = duration)]
        duration: Option<Duration>,
        /// text or json, an object a line
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
        output: Format,
        #[command(flatten)]
        play: ReplayArgs,
        /// With --replay: wait for nothing
        #[arg(long, requires = "replay", conflicts_with = "speed")]
        fast: bool,
    },
    /// Show the operator's dashboard in the browser
    ///
    /// Forwards a port of this machine to the operator, and forwards it anew after a pod's restart or a laptop's sleep.
    #[command(after_help = FOOT)]
    Dashboard(dashboard::DashboardArgs),
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
        #[arg(long, value_name = "TIME", value_parser = duration)]
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
        #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
        timeout: Duration,
        #[command(flatten)]
        play: ReplayArgs,
        /// In a quarter of the time; with --replay at once. The pauses of a pool are shortened with --local alone
        #[arg(long, conflicts_with = "speed")]
        fast: bool,
    },
    /// End the local cluster and all that belongs to it
    #[command(after_help = FOOT)]
    Stop,
    /// Serve the class's HTTP API beside the local cluster, until interrupted
    #[command(after_help = FOOT)]
    Serve {
        /// Where it listens
        #[arg(long, default_value = "127.0.0.1:8001")]
        listen: std::net::SocketAddr,
    },
    /// What runs behind --local
    #[command(name = local::SUPERVISOR_COMMAND, hide = true)]
    LocalCluster(local::SupervisorArgs),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Tasks {
    /// How many tasks
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks: u32,
}

/// A time span; a bare number counts seconds, as in the class.
pub fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Ok(Duration::seconds(seconds)),
        _ => text.parse::<Duration>().map_err(|error| error.to_string()),
    }
}
