//! Process set-up that all binaries share: logging on standard error, the TLS crypto provider and its errors, and stop signals.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Human-readable text.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging at `level` (the syntax of `RUST_LOG`, which takes precedence if set) and installs ring as the TLS
/// crypto provider; without one the first TLS connection panics.
pub fn init(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    // Colors only on a terminal, so that stored logs stay searchable.
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi);
    // A second call (in tests) fails because both are already installed, which is fine.
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

/// The environment variable with the path of a file whose creation asks this program to stop. For Windows, where a
/// process without a shared window or console cannot be sent a signal.
pub const END_FILE: &str = "WORKERPOOL_END_FILE";

/// Cancels `stop` on SIGTERM or Ctrl-C, so that running work can end cleanly.
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
        () = end_file_created() => {}
    }
    stop.cancel();
}

/// Waits until the file of [`END_FILE`] exists.
#[cfg(not(unix))]
async fn end_file_created() {
    let Some(file) = std::env::var_os(END_FILE) else {
        return std::future::pending().await;
    };
    while !std::path::Path::new(&file).exists() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The TLS error in a chain of errors.
pub fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    type Shared = Arc<dyn Error + Send + Sync>;
    let mut next = Some(error);
    while let Some(error) = next {
        let tls = error.downcast_ref::<rustls::Error>();
        if tls.is_some() {
            return tls;
        }
        // An IO error is no source of what it wraps, and the client library shares its errors.
        let inner = error.downcast_ref::<io::Error>();
        next = inner
            .and_then(|it| it.get_ref())
            .map(|it| it as &(dyn Error + 'static))
            .or_else(|| error.downcast_ref::<Shared>().map(|it| &**it as _))
            .or_else(|| error.source());
    }
    None
}
