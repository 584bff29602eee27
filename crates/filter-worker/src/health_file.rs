//! Where a worker writes its health file by default: each worker of a machine has its own.

use anyhow::bail;
use std::path::{Path, PathBuf};

const PREFIX: &str = "workerpool-worker-";
const SUFFIX: &str = ".json";

/// The file of the worker `name`.
pub fn of(name: &str) -> PathBuf {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(safe).collect();
    std::env::temp_dir().join(format!("{PREFIX}{name}{SUFFIX}"))
}

/// The file of the worker `name`; without a name that of the only worker of this machine.
pub fn find(name: Option<&str>) -> anyhow::Result<PathBuf> {
    name.map_or_else(|| only_one(&std::env::temp_dir()), |name| Ok(of(name)))
}

fn only_one(directory: &Path) -> anyhow::Result<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
    };
    let entries = std::fs::read_dir(directory)?;
    let mut files = entries.flatten().map(|entry| entry.path()).filter(is_ours);
    match (files.next(), files.next()) {
        (Some(file), None) => Ok(file),
        (None, _) => bail!(
            "no worker has written a health file in {}",
            directory.display()
        ),
        _ => bail!(
            "several workers have written health files in {}: name one with --name or --health-file",
            directory.display()
        ),
    }
}
