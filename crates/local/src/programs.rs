//! The programs that a local cluster runs: in the directory of this program, or on the path.

use anyhow::Context;
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

/// The paths of the project's programs.
#[derive(Clone, Debug)]
pub struct Programs {
    pub operator: PathBuf,
    pub worker: PathBuf,
}

impl Programs {
    pub fn find() -> anyhow::Result<Self> {
        Ok(Self {
            operator: find_program("workerpool-operator")?,
            worker: find_program("workerpool-worker")?,
        })
    }
}

/// The path of a program of this project. The error says how to build it.
pub fn find_program(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find the path of this program")?;
    let sibling = this
        .canonicalize()
        .unwrap_or(this)
        .with_file_name(format!("{name}{EXE_SUFFIX}"));
    if sibling.is_file() {
        return Ok(sibling);
    }
    find_in_path(name).with_context(|| {
        format!(
            "{name} is neither beside this program ({}) nor on the path: `cargo build --release --locked` builds it into target/release",
            sibling.parent().unwrap_or(Path::new(".")).display()
        )
    })
}

/// The path of `redis-server`. The error says how to install it.
pub fn find_redis() -> anyhow::Result<PathBuf> {
    find_in_path("redis-server").context(
        "redis-server is not on the path: `apt-get install redis-server`, `brew install redis`; or use a running Redis: --redis redis://HOST:6379",
    )
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(format!("{name}{EXE_SUFFIX}")))
        .find(|file| file.is_file())
}
