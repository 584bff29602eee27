//! The command line: the commands, their arguments and their help.

use super::cluster::ClusterArgs;
use crate::cluster::local::Local;
use crate::cluster::replay::ReplayArgs;
use crate::cluster::server::{ELSEWHERE, Elsewhere};
use crate::commands::scale::Pin;
use crate::commands::stress::{TASKS, Work};
use crate::commands::{dashboard, discover, pause, probe, simulate};
use crate::text::lang::Lang;
use crate::text::output::{Color, Format};
use crate::tui;
use api::Duration;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use queues::QueueSystem;

const FOOT: &str = "Exit codes: 0 success · 1 a check or command failed · 2 wrong usage.
Data goes to standard output, messages to standard error. NO_COLOR is honoured.
NAME may be omitted if the namespace has exactly one WorkerPool.";

/// Inspect WorkerPools, give them work, scale them by hand. Redis inside the cluster is reached through the API
/// server's port-forward, with your own permissions.
#[derive(Debug, Parser)]
#[command(version, after_help = FOOT, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub cluster: ClusterArgs,
    #[command(flatten)]
    pub local: Local,
    /// When to use colour: auto (on a terminal), always or never
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", hide_possible_values = true)]
    pub color: Color,
    /// Language of the output, such as en or es [default: the locale's]
    #[arg(
        long,
        global = true,
        value_parser = PossibleValuesParser::new(Lang::codes()).try_map(|code| Lang::of(&code).ok_or("unknown")),
        value_name = "LANG",
        hide_possible_values = true
    )]
    pub lang: Option<Lang>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check every component, one line each, and print a fix for each problem
    #[command(after_help = FOOT)]
    Check(Check),
    /// Show queue, workers, recommendation and ETA
    #[command(after_help = FOOT)]
    Metrics(PoolOutput),
    /// Explain the number of workers, and what would change it next
    #[command(after_help = FOOT)]
    Explain(Explain),
    /// Show the latest changes of the number of workers, each with its reason
    #[command(after_help = FOOT)]
    History(History),
    /// List the failed tasks, return them to the queue, or delete them
    #[command(after_help = FOOT)]
    Failed(Failed),
    /// Push a burst of real image tasks
    #[command(after_help = FOOT)]
    Stress(Stress),
    /// Pin the number of workers, or return control to the rules
    ///
    /// Sets spec.replicas of the WorkerPool and waits for the operator. If no operator is ready and none answers within
    /// 5 s, scales the Deployment directly.
    #[command(after_help = FOOT, allow_missing_positional = true)]
    Scale(Scale),
    /// Pause the scaling of a pool, and record who paused it and why
    #[command(after_help = FOOT)]
    Pause(Pause),
    /// Resume the scaling of a paused pool
    #[command(after_help = FOOT)]
    Resume(PoolName),
    /// Show queue, workers and reasons on one screen, live or back in time
    #[command(visible_alias = "top", after_help = FOOT)]
    Interactive(tui::Interactive),
    /// Print one line per change as it happens
    #[command(after_help = FOOT)]
    Monitor(Monitor),
    /// Open the operator's dashboard in the browser
    ///
    /// Forwards a local port to the operator, and reconnects after a pod restarts or a laptop sleeps.
    #[command(after_help = FOOT)]
    Dashboard(dashboard::DashboardArgs),
    /// Test a policy without a cluster, on a recorded trace or a synthetic workload
    ///
    /// Runs the operator's own decision function. With --trace, prints one line per input line; with --arrivals, one
    /// line per change and a summary at the end.
    #[command(after_help = FOOT)]
    Simulate(simulate::Simulate),
    /// Show what the operator reads of a queue, on any Redis that can be reached, without a pool
    #[command(after_help = FOOT)]
    Probe(probe::Probe),
    /// Find the queues in a database of any Redis that can be reached, and print the pools that read them
    #[command(after_help = FOOT)]
    Discover(discover::Discover),
    /// Record the metrics of a pool, one line per second, for `simulate --trace`
    #[command(after_help = FOOT)]
    Record(Record),
    /// Push a burst and show what happens, from start to end
    ///
    /// Waits until the workers are idle and at their minimum, pushes the tasks, prints each change, and ends when the
    /// queue is empty and the workers are back at that number.
    #[command(after_help = FOOT)]
    Demo(Demo),
    /// Stop the local cluster and everything that belongs to it
    #[command(after_help = FOOT)]
    Stop,
    /// Serve the class's HTTP API for the local cluster, until interrupted
    #[command(after_help = FOOT)]
    Serve {
        /// The address to listen on [default: 127.0.0.1:8001, or another port if that is in use]
        #[arg(long)]
        listen: Option<std::net::SocketAddr>,
    },
    /// The process behind --local
    #[command(name = local::SUPERVISOR_COMMAND, hide = true)]
    LocalCluster(local::SupervisorArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct PoolName {
    /// The WorkerPool
    name: Option<String>,
}

impl PoolName {
    pub fn get(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct OutputFormat {
    /// text or json
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
    output: Format,
}

impl OutputFormat {
    pub fn is_json(self) -> bool {
        self.output == Format::Json
    }
}

#[derive(Clone, Debug, clap::Args)]
pub struct PoolOutput {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
    /// With --redis: the queue system of --queue
    #[arg(long, value_name = "S", value_parser = probe::systems(), ignore_case = true, hide_possible_values = true, default_value = "WorkerPool", requires = "queue")]
    pub system: QueueSystem,
    /// With --redis: a queue, for which the rights of the user are checked
    #[arg(long, value_name = "Q", requires = ELSEWHERE)]
    pub queue: Option<String>,
    #[command(flatten)]
    pub options: probe::Options,
    #[command(flatten)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Explain {
    #[command(flatten)]
    pub pool: PoolName,
    /// All pools in all namespaces, one line each, problems first
    #[arg(short = 'A', long, conflicts_with_all = ["name", "why_not", "at"])]
    pub all_namespaces: bool,
    /// Explain why there are not N workers, and what would give N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..), conflicts_with = "at")]
    pub why_not: Option<i32>,
    /// Explain the number of workers at this time of day or timestamp
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    #[command(flatten)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, clap::Args)]
pub struct History {
    #[command(flatten)]
    pub pool: PoolName,
    /// Changes of all pools in all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub all_namespaces: bool,
    /// The maximum number of changes, newest last
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
    #[command(flatten)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Failed {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
    /// With --redis: the queue
    #[arg(long, value_name = "Q", requires = ELSEWHERE, default_value = "tasks")]
    pub queue: String,
    /// List them, newest last; the default
    #[arg(long, conflicts_with_all = ["retry", "clear"])]
    pub list: bool,
    /// Return them to the end of the queue, with all attempts again
    #[arg(long, conflicts_with = "clear")]
    pub retry: bool,
    /// Delete them for good
    #[arg(long)]
    pub clear: bool,
    /// With --retry or --clear: only the tasks with these ids
    #[arg(long, value_name = "TASK", num_args = 1.., conflicts_with = "list")]
    pub id: Vec<String>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The maximum number of tasks in the list
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000).map(usize::from))]
    pub limit: usize,
    #[command(flatten)]
    pub output: OutputFormat,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Stress {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub elsewhere: Elsewhere,
    /// With --redis: the queue
    #[arg(long, value_name = "Q", requires = ELSEWHERE, default_value = "tasks")]
    pub queue: String,
    /// How many tasks [default: 25; with --cpu so many that the rule for CPU adds workers]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks: Option<u32>,
    #[command(flatten)]
    pub task: TaskSeconds,
    #[command(flatten)]
    pub work: Work,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Scale {
    #[command(flatten)]
    pub pool: PoolName,
    /// The number of workers, or `auto`
    #[arg(value_name = "N|auto")]
    pub replicas: Pin,
    /// Remove the pin after this time, in seconds or a duration such as 30m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub span: Option<Duration>,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Pause {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub pause: pause::PauseArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Monitor {
    #[command(flatten)]
    pub pool: PoolName,
    /// End after this time, in seconds or a duration such as 5m [default: when interrupted]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// text, or json with one object per line
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT", hide_possible_values = true)]
    pub output: Format,
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// With --replay: print all lines at once
    #[arg(long, requires = "replay", conflicts_with = "speed")]
    pub fast: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Record {
    #[command(flatten)]
    pub pool: PoolName,
    /// End after this time, in seconds or a duration such as 5m [default: when interrupted]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Demo {
    #[command(flatten)]
    pub pool: PoolName,
    #[command(flatten)]
    pub tasks: Tasks,
    #[command(flatten)]
    pub task: TaskSeconds,
    /// When to give up, in seconds or a duration such as 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub replay: ReplayArgs,
    /// Run in a quarter of the time; with --replay, print all lines at once. Only --local shortens the delays of the pool
    #[arg(long, conflicts_with = "speed")]
    pub fast: bool,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct TaskSeconds {
    /// How long each task takes [default: so long that the pool's rules add workers twice]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub task_seconds: Option<u32>,
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Tasks {
    /// How many tasks
    #[arg(long, value_name = "N", default_value_t = TASKS, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks: u32,
}

/// Parses a duration; a bare number counts seconds, as in the class.
pub fn duration(text: &str) -> Result<Duration, String> {
    match text.parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Ok(Duration::seconds(seconds)),
        _ => text.parse::<Duration>().map_err(|error| error.to_string()),
    }
}
