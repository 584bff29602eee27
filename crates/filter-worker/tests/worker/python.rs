//! A Python interpreter with the packages of examples/python, in a virtual environment below target.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The interpreter. The first use on a machine creates the environment and installs the packages with pip.
pub static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let requirements = testkit::root().join("examples/python/requirements.txt");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let python = home.join("bin/python");
    let installed = home.join("installed-requirements.txt");
    if fs::read(&installed).ok() != fs::read(&requirements).ok() {
        run("python3", ["-m", "venv", "--clear"].map(OsStr::new), &home);
        run(
            &python,
            ["-m", "pip", "install", "--quiet", "-r"].map(OsStr::new),
            &requirements,
        );
        fs::copy(&requirements, &installed).unwrap();
    }
    python
});

fn run<const N: usize>(program: impl AsRef<OsStr>, args: [&OsStr; N], last: &Path) {
    let mut command = Command::new(program);
    let status = command.args(args).arg(last).status();
    assert!(
        status.is_ok_and(|it| it.success()),
        "{command:?} failed: the tests need python3 with venv and pip (Debian: python3-venv)"
    );
}
