//! The three programs, built with the profile of the test that asks for them. `CARGO_BIN_EXE_*` exists only within
//! the package of a program.

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
    FOLDER.join(name)
}

/// Where the programs are once they are built: `<target>[/<triple>]/<debug or release>`, above the `deps` of the
/// running test.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("a test lies in a folder");
    let folder = deps.parent().expect("that folder is <profile>/deps");
    build(folder);
    folder.to_owned()
});

fn build(folder: &Path) {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(crate::root());
    command.args(["build", "--quiet", "--locked", "--offline", "--bins"]);
    if name(folder).as_deref() == Some("release") {
        command.arg("--release");
    }
    let mut target = folder.parent().expect("a profile lies in a target folder");
    if let Some(triple) = name(target).filter(|name| name.matches('-').count() >= 2) {
        command.args(["--target", &triple]);
        target = target.parent().expect("a triple lies in a target folder");
    }
    let status = command.arg("--target-dir").arg(target).status();
    assert!(
        status.expect("cargo runs").success(),
        "the programs do not build"
    );
}
