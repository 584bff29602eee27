//! A local cluster of a test's own, and how to look into it.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Its state lies in a folder of its own; it ends with the value.
pub struct Local(TempDir);

/// A pod as the API tells of it.
#[derive(Clone, Debug)]
pub struct Pod {
    pub name: String,
    pub pid: u32,
    pub ready: bool,
    pub restarts: u64,
}

impl Local {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn home(&self) -> &Path {
        self.0.path()
    }

    pub fn folder(&self) -> PathBuf {
        self.home().join("workerpool/local")
    }

    /// The program, to be run on this cluster.
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

    /// All that a person sees of it.
    pub fn run(&self, args: &[&str]) -> String {
        told(&self.command(args).output().unwrap())
    }

    pub fn record(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.folder().join("cluster.json")).unwrap()).unwrap()
    }

    fn ask(&self, method: &str, path: &str, kind: &str, body: &str) -> Value {
        let record = self.record();
        let path = format!("/{}/{path}", record["secret"].as_str().unwrap());
        http(
            &format!("127.0.0.1:{}", record["port"]),
            method,
            &path,
            kind,
            body,
        )
        .unwrap()
        .1
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "", "")
    }

    pub fn patch(&self, path: &str, patch: &Value) -> Value {
        self.ask(
            "PATCH",
            path,
            "application/merge-patch+json",
            &patch.to_string(),
        )
    }

    /// The pods of a component that stay.
    pub fn pods(&self, component: &str) -> Vec<Pod> {
        let list = self.get(&format!(
            "api/v1/pods?labelSelector=app.kubernetes.io/component%3D{component}"
        ));
        let staying = list["items"]
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
        staying.filter_map(pod).collect()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.run(&["stop", "--local"]);
    }
}

pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let talk: Vec<String> = text(&output.stderr)
        .lines()
        .map(|line| format!("! {line}"))
        .collect();
    format!(
        "exit {}\n{}{}",
        output.status.code().unwrap(),
        text(&output.stdout),
        talk.join("\n")
    )
    .trim_end()
    .to_owned()
}

/// Waits until `look` finds something.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub fn signal(pid: u32, name: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Code and JSON of an answer, where there is one. HTTP/1.0 sends it in one piece.
pub fn http(
    address: &str,
    method: &str,
    path: &str,
    kind: &str,
    body: &str,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((
        head.get(9..12)?.parse().ok()?,
        serde_json::from_str(body).unwrap_or(Value::Null),
    ))
}
