//! A local cluster for one test, and access to its state.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub use crate::process::signal;
pub use crate::wait::{until, until_true};

/// A local cluster with a state directory of its own. It stops when dropped.
pub struct Local(TempDir);

/// A pod as the API reports it.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    pub pid: u32,
    pub ready: bool,
    pub restarts: u64,
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Local {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn home(&self) -> &Path {
        self.0.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.home().join("workerpool/local")
    }

    /// The plugin, to run on this cluster.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(crate::kubectl());
        command
            .args(args)
            .env("XDG_STATE_HOME", self.home())
            .env("TZ", "UTC")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        command
    }

    /// Runs the plugin, and returns its [`transcript`].
    pub fn run(&self, args: &[&str]) -> String {
        transcript(&self.command(args).output().unwrap())
    }

    pub fn cluster_info(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.state_dir().join("cluster.json")).unwrap())
            .unwrap()
    }

    fn request(&self, method: &str, path: &str, content_type: &str, body: &str) -> Value {
        let info = self.cluster_info();
        let path = format!("/{}/{path}", info["secret"].as_str().unwrap());
        http(
            &format!("127.0.0.1:{}", info["port"]),
            method,
            &path,
            content_type,
            body,
        )
        .unwrap()
        .1
    }

    pub fn get(&self, path: &str) -> Value {
        self.request("GET", path, "", "")
    }

    pub fn patch(&self, path: &str, patch: &Value) -> Value {
        self.request(
            "PATCH",
            path,
            "application/merge-patch+json",
            &patch.to_string(),
        )
    }

    /// The pods of a component that are not terminating.
    pub fn pods(&self, component: &str) -> Vec<Pod> {
        let list = self.get(&format!(
            "api/v1/pods?labelSelector=app.kubernetes.io/component%3D{component}"
        ));
        let active = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["metadata"]["deletionTimestamp"].is_null());
        let pod = |it: &Value| {
            let container = &it["status"]["containerStatuses"][0];
            let pid = container["containerID"]
                .as_str()?
                .strip_prefix("process://")?
                .parse()
                .ok()?;
            Some(Pod {
                name: it["metadata"]["name"].as_str()?.to_owned(),
                pid,
                ready: container["ready"] == true,
                restarts: container["restartCount"].as_u64()?,
            })
        };
        active.filter_map(pod).collect()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.run(&["stop", "--local"]);
    }
}

/// Exit code, standard output, and standard error with `! ` before each line.
pub fn transcript(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let errors: Vec<String> = text(&output.stderr)
        .lines()
        .map(|line| format!("! {line}"))
        .collect();
    format!(
        "exit {}\n{}{}",
        output.status.code().unwrap(),
        text(&output.stdout),
        errors.join("\n")
    )
    .trim_end()
    .to_owned()
}

/// Status code and JSON of the response, if there is one. HTTP/1.0, so that it is not chunked.
pub fn http(
    address: &str,
    method: &str,
    path: &str,
    content_type: &str,
    body: &str,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    Some((
        head.get(9..12)?.parse().ok()?,
        serde_json::from_str(body).unwrap_or(Value::Null),
    ))
}
