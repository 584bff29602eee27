//! A Python with what examples/python needs, in an environment of its own below target.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Made at the first use on a machine, which takes the packages from the index that pip knows.
pub static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| {
    let wanted = testkit::root().join("examples/python/requirements.txt");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let (python, made) = (home.join("bin/python"), home.join("made-from.txt"));
    if fs::read(&made).ok() != fs::read(&wanted).ok() {
        run("python3", ["-m", "venv", "--clear"].map(OsStr::new), &home);
        run(
            &python,
            ["-m", "pip", "install", "--quiet", "-r"].map(OsStr::new),
            &wanted,
        );
        fs::copy(&wanted, &made).unwrap();
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
