//! The operator as a program: the addresses on which it listens and to which it connects, `crd --apply`, and pools that it scales.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly and may print"
)]

#[cfg(target_os = "linux")]
mod celery;
mod crd;
#[cfg(target_os = "linux")]
mod deployments;
#[cfg(target_os = "linux")]
mod destinations;
#[cfg(target_os = "linux")]
mod hostile;
#[cfg(target_os = "linux")]
mod keda;
mod listen;
#[cfg(target_os = "linux")]
mod memory;
mod rights;
#[cfg(target_os = "linux")]
mod shards;

#[allow(dead_code, reason = "shared with the simulation")]
#[path = "../chart/rights.rs"]
mod chart_rights;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use testkit::api_server::ApiServer;

const OPERATOR: &str = env!("CARGO_BIN_EXE_workerpool-operator");

/// A folder with the kubeconfig of this server.
fn kubeconfig(server: &ApiServer) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, server.kubeconfig()).unwrap();
    (folder, path)
}

/// The operator with these arguments, to run at this API server while the folder exists.
fn operator(server: &ApiServer, args: &[&str]) -> (TempDir, Command) {
    let (folder, config) = kubeconfig(server);
    let mut command = Command::new(OPERATOR);
    command.args(args).env("KUBECONFIG", config);
    (folder, command)
}

/// An operator at a test's API server, with the folder of its kubeconfig.
struct Operator {
    process: Process,
    _folder: TempDir,
}

impl Operator {
    fn start(server: &ApiServer) -> Self {
        Self::start_with(server, &[])
    }

    fn start_with(server: &ApiServer, args: &[&str]) -> Self {
        let args = [&["--listen=127.0.0.1:0"][..], args].concat();
        let (folder, mut command) = operator(server, &args);
        Self {
            process: Process::start(&mut command),
            _folder: folder,
        }
    }

    /// The id of its process.
    fn id(&self) -> u32 {
        self.process.0.id()
    }
}

/// A process that ends with the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
