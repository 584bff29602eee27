//! `kubectl workerpool`: what people type, and which command answers. It works without an operator, and says so.

mod args;
mod cluster;
mod commands;
mod complete;
mod help;
mod text;
mod tui;

use args::{Cli, Command, Tasks};
use clap::{CommandFactory, FromArgMatches};
use cluster::{local, replay};
use commands::{
    all, check, dashboard, demo, explain, history, metrics, monitor, pause, record, scale,
    simulate, stress, why_not,
};
use lang::Lang;
use output::{Color, Format, Out};
use replay::Replay;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use stress::Burst;
use telemetry::LogFormat;
use text::{lang, output};

/// The whole command line, as the manual page describes it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
        .name("kubectl-workerpool")
        .bin_name("kubectl workerpool")
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
    let level = if matches!(cli.command, Command::LocalCluster(_)) {
        "info"
    } else {
        "off"
    };
    telemetry::init(LogFormat::Text, level);
    let lang = cli
        .lang
        .unwrap_or_else(|| Lang::of_locale(|name| std::env::var(name).ok()));
    let out = Out::new(cli.color, lang);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli, &out)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out.info(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn file_stem(args: &[OsString]) -> Option<String> {
    args.first()
        .and_then(|path| Path::new(path).file_stem())
        .map(|name| name.to_string_lossy().into_owned())
}

/// Proposes what may follow; there is no good place for an error in the middle of a line that is being typed.
fn complete(args: &[OsString]) -> ExitCode {
    telemetry::init(LogFormat::Text, "off");
    let words: Vec<String> = args
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime.map(|runtime| {
        runtime.block_on(complete::answer(
            Cli::command(),
            &words,
            &Out::new(Color::Never, Lang::En),
        ))
    });
    if matches!(done, Ok(Ok(()))) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// kubectl runs its plugins by their file name, and people know them by two words.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let name = match file_stem(&args).as_deref() {
        Some(name) if !name.starts_with("kubectl-") => name.to_owned(),
        _ => "kubectl workerpool".to_owned(),
    };
    let command = Cli::command().bin_name(name);
    let mut command = if Lang::of_args(&args) == Lang::Es {
        help::spanish(command)
    } else {
        command
    };
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
            return Box::pin(tui::replay(out, wanted)).await;
        }
        Command::Monitor {
            play,
            duration,
            fast,
            output,
            ..
        } if play.replay.is_some() => {
            let json = *output == Format::Json;
            return Box::pin(monitor::replay(
                out,
                Replay::open(play, *fast)?,
                *duration,
                json,
            ))
            .await;
        }
        _ => {}
    }
    if let Some(done) = local::run(&cli.command, &cli.local, out).await {
        return done;
    }
    let cluster = cli.local.open(&cli.place, out).await;
    if let Command::Check { name, output } = cli.command {
        return Box::pin(check::run(
            cluster,
            out,
            name.as_deref(),
            output == Format::Json,
        ))
        .await;
    }
    let cluster = &cluster?;
    match cli.command {
        Command::Check { .. } | Command::Simulate(_) => Ok(true),
        Command::Stop | Command::Serve { .. } | Command::LocalCluster(_) => Ok(true),
        Command::Metrics { name, output } => {
            metrics::run(cluster, name.as_deref(), output == Format::Json).await
        }
        Command::Stress {
            name,
            tasks: Tasks { tasks },
            task_seconds,
        } => {
            stress::run(
                cluster,
                name.as_deref(),
                Burst {
                    tasks,
                    task_seconds,
                },
            )
            .await
        }
        Command::Scale {
            name,
            replicas,
            span,
        } => Box::pin(scale::run(cluster, name.as_deref(), replicas, span)).await,
        Command::Pause { name, terms } => {
            Box::pin(pause::pause(cluster, name.as_deref(), terms)).await
        }
        Command::Resume { name } => Box::pin(pause::resume(cluster, name.as_deref())).await,
        Command::Explain {
            all_namespaces: true,
            output,
            ..
        } => Box::pin(all::explain(cluster, output == Format::Json)).await,
        Command::Explain {
            name,
            why_not,
            at,
            output,
            ..
        } => {
            let (name, json) = (name.as_deref(), output == Format::Json);
            match (why_not, at) {
                (Some(wanted), _) => Box::pin(why_not::run(cluster, name, wanted, json)).await,
                (None, Some(at)) => Box::pin(history::at(cluster, name, &at, json)).await,
                (None, None) => Box::pin(explain::run(cluster, name, json)).await,
            }
        }
        Command::History {
            all_namespaces: true,
            limit,
            output,
            ..
        } => Box::pin(all::history(cluster, limit, output == Format::Json)).await,
        Command::History {
            name,
            limit,
            output,
            ..
        } => {
            Box::pin(history::run(
                cluster,
                name.as_deref(),
                limit,
                output == Format::Json,
            ))
            .await
        }
        Command::Dashboard(place) => Box::pin(dashboard::run(cluster, place)).await,
        Command::Record { name, duration } => {
            Box::pin(record::run(cluster, name.as_deref(), duration)).await
        }
        Command::Interactive(wanted) => Box::pin(tui::run(cluster, &wanted)).await,
        Command::Monitor {
            name,
            duration,
            output,
            ..
        } => {
            Box::pin(monitor::run(
                cluster,
                name.as_deref(),
                duration,
                output == Format::Json,
            ))
            .await
        }
        Command::Demo {
            name,
            tasks: Tasks { tasks },
            task_seconds,
            timeout,
            fast,
            ..
        } => {
            let burst = Burst {
                tasks,
                task_seconds,
            };
            Box::pin(demo::run(cluster, name.as_deref(), burst, timeout, fast)).await
        }
    }
}
