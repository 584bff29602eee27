//! The programs that a local cluster runs: beside this one, or on the path.

use anyhow::{Context, bail};
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    pub operator: PathBuf,
    pub worker: PathBuf,
}

impl Programs {
    /// Finds the two that are ours.
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self {
            operator: ours("workerpool-operator")?,
            worker: ours("workerpool-worker")?,
        })
    }
}

/// A program of ours, or how to get it.
pub fn ours(name: &str) -> anyhow::Result<PathBuf> {
    let me = std::env::current_exe().context("this program does not know where it lies")?;
    let beside = me
        .canonicalize()
        .unwrap_or(me)
        .with_file_name(format!("{name}{EXE_SUFFIX}"));
    if beside.is_file() {
        return Ok(beside);
    }
    let Some(found) = on_path(name) else {
        bail!(
            "{name} is neither beside this program ({}) nor on the path: `cargo build --release --locked` builds it into target/release",
            beside.parent().unwrap_or(Path::new(".")).display()
        )
    };
    Ok(found)
}

/// `redis-server`, or how to get it.
pub fn redis() -> anyhow::Result<PathBuf> {
    on_path("redis-server").context(
        "redis-server is not on the path: `apt-get install redis-server`, `brew install redis`; or name a Redis that runs: --redis redis://HOST:6379",
    )
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(format!("{name}{EXE_SUFFIX}")))
        .find(|file| file.is_file())
}
