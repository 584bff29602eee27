//! The plugin `kubectl workerpool`: parses the command line and runs the command. Most commands also work without an
//! operator, and report it when none answers.

mod args;
mod cluster;
mod commands;
mod complete;
mod help;
mod text;
mod tui;

use args::{Cli, Command};
use clap::{CommandFactory, FromArgMatches};
use cluster::{Cluster, local, replay::Replay, server::Elsewhere};
use commands::{
    all, check, dashboard, demo, discover, explain, failed, history, metrics, monitor, pause,
    probe, record, scale, simulate, stress, why_not,
};
use lang::{Lang, tr};
use output::{Color, Format, Out};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use telemetry::LogFormat;
use text::{lang, output};

/// The whole command line, as the manual page describes it.
pub fn command() -> clap::Command {
    Cli::command()
        .name("kubectl-workerpool")
        .bin_name("kubectl workerpool")
}

/// Runs the command in `args` and returns the exit code of the process.
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
    // Libraries log errors that this program prints itself; RUST_LOG shows their logs anyway.
    let level = match cli.command {
        Command::LocalCluster(_) => "info",
        _ => "off",
    };
    telemetry::init(LogFormat::Text, level);
    let lang = cli.lang.unwrap_or_else(Lang::of_environment);
    let out = Out::new(cli.color, lang);
    let result = runtime()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli, &out)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let error = format!("{error:#}");
            out.info(&tr!(lang, "cli-error", error));
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

fn file_stem(args: &[OsString]) -> Option<String> {
    args.first()
        .and_then(|path| Path::new(path).file_stem())
        .map(|name| name.to_string_lossy().into_owned())
}

/// Completes a command line. It prints no error, which would appear in the middle of the line that is being typed.
fn complete(args: &[OsString]) -> ExitCode {
    telemetry::init(LogFormat::Text, "off");
    let words = args.iter().skip(1);
    let words: Vec<String> = words.map(|it| it.to_string_lossy().into_owned()).collect();
    let out = Out::new(Color::Never, Lang::EN);
    let print = complete::print_candidates(Cli::command(), &words, &out);
    match runtime().map(|runtime| runtime.block_on(print)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Parses the command line. kubectl runs its plugins by their file name, but users know them by two words.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let name = match file_stem(&args).as_deref() {
        Some(name) if !name.starts_with("kubectl-") => name.to_owned(),
        _ => "kubectl workerpool".to_owned(),
    };
    let command = Cli::command().bin_name(name);
    let mut command = help::translated(command, Lang::of_args(&args));
    Cli::from_arg_matches(&command.try_get_matches_from_mut(args)?)
}

/// Runs one command; false is exit code 1.
async fn run(cli: Cli, out: &Out) -> anyhow::Result<bool> {
    if let Some(success) = run_offline(&cli.command, out).await? {
        return Ok(success);
    }
    if !cli.local.enabled
        && let Some(success) = run_elsewhere(&cli.command, out).await?
    {
        return Ok(success);
    }
    if let Some(success) = local::run(&cli.command, &cli.local, out).await? {
        return Ok(success);
    }
    let cluster = cli.local.open(&cli.cluster, out).await;
    if let Command::Check(args) = &cli.command {
        let check = check::Check {
            pool: args.pool.get(),
            json: args.output.is_json(),
            cluster: &cli.cluster,
            local: cli.local.enabled,
        };
        return check::run(check, cluster, out).await;
    }
    run_in_cluster(&cluster?, cli.command).await
}

/// Runs `simulate` and the commands with `--replay`, which need no cluster; `None` for all others.
async fn run_offline(command: &Command, out: &Out) -> anyhow::Result<Option<bool>> {
    let success = match command {
        Command::Simulate(args) => simulate::run(args, out)?,
        Command::Probe(args) => probe::run(args, out).await?,
        Command::Discover(args) => discover::run(args, out).await?,
        Command::Demo(args) if args.replay.replay.is_some() => {
            let replay = Replay::open(out, &args.replay, args.fast)?;
            demo::replay(out, replay).await?
        }
        Command::Monitor(args) if args.replay.replay.is_some() => {
            let json = args.output == Format::Json;
            let replay = Replay::open(out, &args.replay, args.fast)?;
            monitor::replay(out, replay, args.duration, json).await?
        }
        Command::Interactive(args) if args.play.replay.is_some() => tui::replay(out, args).await?,
        _ => return Ok(None),
    };
    Ok(Some(success))
}

/// Runs a command on a Redis that the command line names in place of a pool's; `None` where it names none.
async fn run_elsewhere(command: &Command, out: &Out) -> anyhow::Result<Option<bool>> {
    let is_given = |elsewhere: &Elsewhere| elsewhere.is_given(out.lang);
    let success = match command {
        Command::Stress(args) if is_given(&args.elsewhere)? => {
            stress::run_elsewhere(args, out).await?
        }
        Command::Failed(args) if is_given(&args.elsewhere)? => {
            failed::run_elsewhere(args, out).await?
        }
        Command::Check(args) if is_given(&args.elsewhere)? => check_elsewhere(args, out).await?,
        _ => return Ok(None),
    };
    Ok(Some(success))
}

async fn check_elsewhere(args: &args::Check, out: &Out) -> anyhow::Result<bool> {
    let queue = args.queue.as_ref();
    let queue = queue.map(|name| args.options.queue(args.system, name, out.lang));
    let check = check::Direct {
        server: &args.elsewhere,
        queue: queue.transpose()?,
        json: args.output.is_json(),
    };
    check.run(out).await
}

async fn run_in_cluster(cluster: &Cluster, command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Metrics(a) => metrics::run(cluster, a.pool.get(), a.output.is_json()).await,
        Command::Explain(a) => run_explain(cluster, &a).await,
        Command::History(a) => {
            let json = a.output.is_json();
            if a.all_namespaces {
                return all::history(cluster, a.limit, json).await;
            }
            history::run(cluster, a.pool.get(), a.limit, json).await
        }
        Command::Failed(a) => failed::run(cluster, &a).await,
        Command::Stress(a) => stress::run(cluster, &a).await,
        Command::Scale(a) => scale::run(cluster, a.pool.get(), a.replicas, a.span).await,
        Command::Pause(a) => pause::pause(cluster, a.pool.get(), a.pause).await,
        Command::Resume(pool) => pause::resume(cluster, pool.get()).await,
        Command::Interactive(a) => tui::run(cluster, &a).await,
        Command::Monitor(a) => {
            let json = a.output == Format::Json;
            monitor::run(cluster, a.pool.get(), a.duration, json).await
        }
        Command::Dashboard(a) => dashboard::run(cluster, a).await,
        Command::Record(a) => record::run(cluster, a.pool.get(), a.duration).await,
        Command::Demo(a) => demo::run(cluster, a).await,
        // These ran before a cluster was opened.
        Command::Check(_)
        | Command::Simulate(_)
        | Command::Probe(_)
        | Command::Discover(_)
        | Command::Stop
        | Command::Serve { .. }
        | Command::LocalCluster(_) => Ok(true),
    }
}

async fn run_explain(cluster: &Cluster, args: &args::Explain) -> anyhow::Result<bool> {
    let (pool, json) = (args.pool.get(), args.output.is_json());
    match (args.why_not, &args.at) {
        _ if args.all_namespaces => all::explain(cluster, json).await,
        (Some(replicas), _) => why_not::run(cluster, pool, replicas, json).await,
        (None, Some(at)) => history::at(cluster, pool, at, json).await,
        (None, None) => explain::run(cluster, pool, json).await,
    }
}
