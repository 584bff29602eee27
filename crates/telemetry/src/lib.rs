//! Logs on standard error, as text or as JSON lines, and the one crypto provider of the process.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, a field per fact.
    Json,
}

/// Starts logging at `level` (the syntax of `RUST_LOG`, which wins where it is set) and installs ring as the
/// provider of TLS: without it the first TLS connection panics.
pub fn init(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Colours are for terminals: a log that is kept or searched has none.
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi);
    // A second call (in tests) finds both installed already, which is as good.
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The variable with the path of a file that asks this program to end: what Windows has in place of a SIGTERM reaches
/// nobody without a window or a console in common.
pub const END_FILE: &str = "WORKERPOOL_END_FILE";

/// Cancels `stop` on SIGTERM or Ctrl-C, so that what runs can end cleanly.
pub async fn stop_on_signal(stop: tokio_util::sync::CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            },
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    }
    #[cfg(not(unix))]
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        () = asked() => {}
    }
    stop.cancel();
}

/// Until somebody makes the file of [`END_FILE`].
#[cfg(not(unix))]
async fn asked() {
    let Some(file) = std::env::var_os(END_FILE) else {
        return std::future::pending().await;
    };
    while !std::path::Path::new(&file).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
