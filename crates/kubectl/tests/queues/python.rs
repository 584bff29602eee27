//! A virtual environment with a queue library for Python, kept below target between runs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory of the programs of the environment `name`, which has `packages`. The first use installs them with pip.
pub fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("queues")
        .join(name);
    let (installed, wanted) = (home.join("installed"), packages.join("\n"));
    let is_installed = std::fs::read_to_string(&installed).is_ok_and(|have| have == wanted);
    if !is_installed {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home));
        let mut pip = Command::new(home.join("bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet"]).args(packages));
        std::fs::write(&installed, wanted).unwrap();
    }
    home.join("bin")
}

fn run(command: &mut Command) {
    let status = command.status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{command:?} failed: the tests need python3 with venv and pip (Debian: python3-venv)"
    );
}
