//! The processes that a test starts.

use crate::wait::until;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus};

/// A process; killed when dropped.
pub struct Process(Child);

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// The next line of its output, which is a pipe and stays open: some programs end when they cannot print.
    pub fn read_line(&mut self) -> String {
        let mut line = String::new();
        let output = self.0.stdout.as_mut().expect("a pipe");
        BufReader::with_capacity(1, output)
            .read_line(&mut line)
            .unwrap();
        line
    }

    /// Sends a signal, such as `TERM`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        until("the process to exit", || self.0.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to a process of this machine.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(status.unwrap().success(), "kill -s {name} {pid}");
}
