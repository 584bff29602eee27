//! Builds the three programs, in the profile of the running test, and returns their paths. Cargo sets
//! `CARGO_BIN_EXE_*` only within the package of a program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The path of `workerpool-operator`.
pub fn operator() -> PathBuf {
    program("workerpool-operator")
}

/// The path of `workerpool-worker`.
pub fn worker() -> PathBuf {
    program("workerpool-worker")
}

/// The path of `kubectl-workerpool`.
pub fn kubectl() -> PathBuf {
    program("kubectl-workerpool")
}

fn program(name: &str) -> PathBuf {
    DIRECTORY.join(name)
}

/// The directory of the built programs: `<target>[/<triple>]/<debug or release>`, the parent of the running test's
/// `deps`.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("the test has a parent directory");
    let directory = deps.parent().expect("the parent is <profile>/deps");
    build(directory);
    directory.to_owned()
});

/// Keeps from `command` what cargo tells a test of its package. Build scripts, such as that of ring, would take it for a change
/// of their own, and half of the dependencies would be compiled again, now and by the next cargo.
pub fn without_package(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_of_package = ["CARGO_MANIFEST_", "CARGO_PKG_"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if is_of_package || text == "OUT_DIR" {
            command.env_remove(&name);
        }
    }
    command
}

fn build(directory: &Path) {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    without_package(&mut command).current_dir(crate::root());
    // With the features that the tests have, or those of `make dist`: others mean that every dependency is compiled again.
    if name(directory).as_deref() == Some("release") {
        command.args(["build", "--locked", "--bins", "--release"]);
    } else {
        command.arg("build-programs");
    }
    command.args(["--quiet", "--offline"]);
    let mut target = directory
        .parent()
        .expect("a profile is in a target directory");
    if let Some(triple) = name(target).filter(|name| name.matches('-').count() >= 2) {
        command.args(["--target", &triple]);
        target = target.parent().expect("a triple is in a target directory");
    }
    let status = command.arg("--target-dir").arg(target).status();
    assert!(
        status.expect("cargo runs").success(),
        "the programs must build"
    );
}
