//! Runs the commands of the pages as a reader types them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use testkit::{root, without_package};

/// A command that runs until it is interrupted is interrupted after this many seconds.
const INTERRUPT_AFTER: &str = "6";

/// The pages' command that compiles the programs. Those of the tests are the same with the features of the tests: for
/// others every dependency is compiled once more. Releases are compiled with the pages' features.
const PROGRAMS: &str = "cargo build --locked";
const TESTED_PROGRAMS: &str = "cargo build-programs";

/// A shell in the root of the repository, with a kubeconfig of its own.
pub struct Shell {
    home: tempfile::TempDir,
    /// The `export` commands so far: each command runs in a new process.
    exports: Vec<String>,
}

/// Whether the command runs until it is interrupted.
fn is_endless(line: &str) -> bool {
    line.ends_with(" -w")
        || ["interactive", "dashboard", "serve"]
            .iter()
            .any(|word| line.contains(&format!("workerpool {word}")))
}

/// Whether the command only reads state, which may not have changed yet.
pub fn is_read_only(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let verbs = [
        "get", "describe", "logs", "exec", "explain", "check", "metrics", "history",
    ];
    let verb = if words.get(1) == Some(&"workerpool") {
        words.get(2)
    } else {
        words.get(1)
    };
    !is_endless(line) && words[0] == "kubectl" && verb.is_some_and(|verb| verbs.contains(verb))
}

impl Shell {
    /// A shell without a kubeconfig.
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            exports: Vec::new(),
        }
    }

    /// A shell with a copy of the present kubeconfig, whose current namespace is `namespace`.
    pub fn in_namespace(namespace: &str) -> Self {
        let mut shell = Self::with_cluster();
        shell.run_ok(&format!(
            "kubectl config set-context --current --namespace={namespace}"
        ));
        shell
    }

    /// A shell with a copy of the present kubeconfig.
    pub fn with_cluster() -> Self {
        let shell = Self::new();
        let config = std::env::var("KUBECONFIG").expect("KUBECONFIG");
        std::fs::copy(config, shell.home.path().join("config")).expect("a copy");
        shell
    }

    /// A folder of this shell, removed with it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs a command to its end, or until it is interrupted; its standard error follows its output.
    pub fn run(&mut self, line: &str) -> Output {
        if line.starts_with("export ") {
            self.exports.push(line.to_owned());
        }
        let line = if is_endless(line) {
            // These commands need a terminal.
            format!(
                "timeout {INTERRUPT_AFTER} script -qec '{line}' /dev/null </dev/null; code=$?; [ $code = 124 ] || exit $code"
            )
        } else if line == PROGRAMS {
            TESTED_PROGRAMS.to_owned()
        } else {
            line.to_owned()
        };
        let script = format!("exec 2>&1; {}\n{line}", self.exports.join("\n"));
        let mut bash = Command::new("bash");
        without_package(&mut bash)
            .args(["-c", &script])
            .current_dir(root())
            .stdin(Stdio::null())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("XDG_STATE_HOME", self.home.path())
            .env("TERM", "xterm-256color")
            .output()
            .expect("a shell")
    }

    /// Its output; an error, with the output, if the command fails.
    pub fn try_run(&mut self, line: &str) -> Result<String, String> {
        let output = self.run(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("{line}: {}\n{text}", output.status))
        }
    }

    pub fn run_ok(&mut self, line: &str) -> String {
        self.try_run(line).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}
