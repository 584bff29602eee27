//! Installs the libraries of the queue systems, pinned, below target: the first use on a machine takes some seconds. `folder`
//! is the `CARGO_TARGET_TMPDIR` of the test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The Python interpreter with the packages of `tests/queues/SYSTEM/requirements.txt`.
pub fn python(folder: &str, system: &str) -> PathBuf {
    python_with(folder, system, &pins(system, "requirements.txt"))
}

/// The Python interpreter with the packages of `requirements`, in an environment of this name.
pub fn python_with(folder: &str, name: &str, requirements: &Path) -> PathBuf {
    let home = installed(folder, name, requirements, |home| {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(home));
        let mut pip = Command::new(home.join("bin/python"));
        run(pip
            .args(["-m", "pip", "install", "--quiet", "-r"])
            .arg(requirements));
    });
    home.join("bin/python")
}

/// The folder of the npm packages of `tests/queues/SYSTEM/package-lock.json`.
pub fn node_modules(folder: &str, system: &str) -> PathBuf {
    let lock = pins(system, "package-lock.json");
    let home = installed(folder, system, &lock, |home| {
        fs::create_dir_all(home).unwrap();
        for file in [&lock, &lock.with_file_name("package.json")] {
            fs::copy(file, home.join(file.file_name().unwrap())).unwrap();
        }
        let mut npm = Command::new("npm");
        run(npm
            .args(["ci", "--silent", "--ignore-scripts"])
            .current_dir(home));
    });
    home.join("node_modules")
}

/// The program of the Redis server that `tests/queues/server` installs by this name.
pub fn redis_server(name: &str) -> PathBuf {
    let script = crate::root().join("tests/queues/server");
    let output = Command::new(script).arg(name).output().unwrap();
    assert!(output.status.success(), "the server {name}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

fn pins(system: &str, file: &str) -> PathBuf {
    crate::root().join("tests/queues").join(system).join(file)
}

/// The folder that `install` fills, unless it has been filled for the same content of `pins`. One process at a time.
fn installed(folder: &str, name: &str, pins: &Path, install: impl Fn(&Path)) -> PathBuf {
    let folder = Path::new(folder).join("queues");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let home = folder.join(name);
    let done = home.join("installed");
    if fs::read(&done).ok() != fs::read(pins).ok() {
        let _ = fs::remove_dir_all(&home);
        install(&home);
        fs::copy(pins, &done).unwrap();
    }
    home
}

fn run(command: &mut Command) {
    let status = command.status();
    let program = Path::new(command.get_program()).file_name();
    let program = program.map(OsStr::to_string_lossy);
    assert!(
        status.is_ok_and(|it| it.success()),
        "{program:?} failed: the tests need python3 with venv and pip, and npm (tests/cluster/install-tools test)"
    );
}
