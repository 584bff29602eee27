//! One pod: starts its process, probes it, restarts it when it ends, and stops it when the pod is deleted.

use crate::error::ApiError;
use crate::kind::{Id, SECRETS};
use crate::process::{self, POD_VARIABLE, STATE_DIR_VARIABLE};
use crate::state_dir::StateDir;
use crate::store::{Store, timestamp};
use crate::supervisor::REDIS_VARIABLE;
use crate::table::is_ready;
use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use telemetry::END_FILE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often to probe a pod that is not ready.
const STARTUP_PROBE: Duration = Duration::from_millis(25);
/// How often to probe a pod that is ready, and how long a probe may take.
const PROBE: Duration = Duration::from_secs(2);
/// The maximum age of a worker's health file, which it writes every 2 s; `workerpool-worker health` allows the same.
const HEALTH_MAX_AGE: Duration = Duration::from_secs(15);
/// A pod that is not ready for this long is restarted.
const NOT_READY_TIMEOUT: Duration = Duration::from_secs(20);
/// The delay before a restart starts at the minimum and doubles up to the maximum; a long run resets it.
const MIN_BACK_OFF: Duration = Duration::from_millis(100);
const MAX_BACK_OFF: Duration = Duration::from_secs(10);

/// The reasons that a pod's status shows.
const READY: &str = "Ready";
const CRASHED: &str = "CrashLoopBackOff";
pub const NOT_READY: &str = "ContainersNotReady";

/// What all pods share.
#[derive(Clone)]
pub struct Context {
    pub store: Arc<Store>,
    pub state_dir: StateDir,
}

impl Context {
    fn health_file(&self, id: &Id) -> PathBuf {
        self.state_dir.file(&format!("health/{}.json", id.name))
    }

    fn end_file(&self, id: &Id) -> PathBuf {
        self.state_dir.file(&format!("health/{}.end", id.name))
    }

    fn log_file(&self, id: &Id) -> PathBuf {
        self.state_dir.file(&format!("logs/{}.log", id.name))
    }

    /// The value of an environment variable of the pod `id`: its own, or one of a Secret.
    fn value(&self, id: &Id, variable: &Value) -> String {
        let from = &variable["valueFrom"]["secretKeyRef"];
        let secret = Id::new(&SECRETS, &id.namespace, &text(&from["name"]));
        let Some(secret) = self.store.get(&secret) else {
            return text(&variable["value"]);
        };
        let value = &secret["data"][from["key"].as_str().unwrap_or_default()];
        let value = serde_json::from_value(value.clone());
        let value = value.map(|ByteString(bytes)| String::from_utf8_lossy(&bytes).into_owned());
        value.unwrap_or_default()
    }
}

/// The process of a pod.
enum Process {
    Child(Box<Child>),
    /// The process ID of a process that an earlier supervisor started.
    Adopted(u32),
}

impl Process {
    fn pid(&self) -> u32 {
        match self {
            Self::Child(child) => child.id().unwrap_or(0),
            Self::Adopted(pid) => *pid,
        }
    }

    /// Waits until the process has ended, and returns how it ended.
    async fn wait(&mut self, context: &Context) -> String {
        match self {
            Self::Child(child) => match child.wait().await {
                Ok(status) => format!("process ended: {status}"),
                Err(error) => format!("cannot wait for the process: {error}"),
            },
            Self::Adopted(pid) => {
                process::wait_for_exit(*pid, context.state_dir.path()).await;
                "process ended".to_owned()
            }
        }
    }
}

/// Keeps the process of the pod `id` running until `stop`; then stops it and removes the pod.
pub async fn run(context: Context, id: Id, stop: CancellationToken, mut adopted: Option<u32>) {
    let mut back_off = MIN_BACK_OFF;
    while !stop.is_cancelled() {
        let Some(pod) = context.store.get(&id) else {
            break;
        };
        let started = Instant::now();
        let process = match adopted.take() {
            Some(pid) => Ok(Process::Adopted(pid)),
            None => start(&context, &id, &pod).map(|child| Process::Child(Box::new(child))),
        };
        let reason = match process {
            Ok(mut process) => {
                let ended = supervise(&context, &id, &pod, &mut process, &stop).await;
                let Some(reason) = ended else {
                    terminate(&context, &id, &mut process).await;
                    break;
                };
                reason
            }
            Err(error) => format!("cannot start: {error}"),
        };
        tracing::warn!(pod = id.name, "{reason}");
        write_status(&context.store, &id, None, CRASHED);
        if started.elapsed() > 2 * MAX_BACK_OFF {
            back_off = MIN_BACK_OFF;
        }
        let _ = timeout(back_off, stop.cancelled()).await;
        back_off = (back_off * 2).min(MAX_BACK_OFF);
    }
    for file in [
        context.health_file(&id),
        context.end_file(&id),
        context.log_file(&id),
    ] {
        let _ = std::fs::remove_file(file);
    }
    context.store.delete(&id);
}

fn start(context: &Context, id: &Id, pod: &Value) -> std::io::Result<Child> {
    let container = &pod["spec"]["containers"][0];
    let list = |key: &str| container[key].as_array().cloned().unwrap_or_default();
    let command = [list("command"), list("args")].concat();
    let command: Vec<String> = command.iter().map(text).collect();
    let Some((program, args)) = command.split_first() else {
        return Err(std::io::Error::other("the container has no command"));
    };
    let path = context.log_file(id);
    let log = OpenOptions::new().create(true).append(true).open(path)?;
    let env = list("env");
    let variables = env.iter();
    let variables = variables.map(|it| (text(&it["name"]), context.value(id, it)));
    #[cfg(windows)] // The process would inherit a connection that is being accepted.
    let _lock = crate::listener::SPAWN_LOCK
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Command::new(program)
        .args(args)
        // This program may run in a pod of a real cluster; its processes must not use that cluster.
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove(REDIS_VARIABLE)
        // Its operator must not look for the API server of this machine behind a proxy.
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .envs(variables)
        .env(POD_VARIABLE, &id.name)
        .env("POD_NAMESPACE", &id.namespace)
        .env("WORKERPOOL_HEALTH_FILE", context.health_file(id))
        .env(END_FILE, context.end_file(id))
        .env(STATE_DIR_VARIABLE, context.state_dir.path())
        .current_dir(context.state_dir.parent())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// Probes the process until it ends or `stop` is cancelled. Returns how the process ended, or `None` on `stop`.
async fn supervise(
    context: &Context,
    id: &Id,
    pod: &Value,
    process: &mut Process,
    stop: &CancellationToken,
) -> Option<String> {
    let probe = &pod["spec"]["containers"][0]["readinessProbe"];
    let pid = process.pid();
    let mut ready = false;
    let mut last_ready = Instant::now();
    write_status(&context.store, id, Some(pid), NOT_READY);
    loop {
        tokio::select! {
            reason = process.wait(context) => return Some(reason),
            () = stop.cancelled() => return None,
            () = sleep(if ready { PROBE } else { STARTUP_PROBE }) => {
                let succeeded = probe_succeeds(probe, &context.health_file(id)).await;
                if succeeded != ready {
                    ready = succeeded;
                    let reason = if ready { READY } else { NOT_READY };
                    write_status(&context.store, id, Some(pid), reason);
                }
                if ready {
                    last_ready = Instant::now();
                } else if last_ready.elapsed() > NOT_READY_TIMEOUT {
                    let seconds = NOT_READY_TIMEOUT.as_secs();
                    tracing::warn!(pod = id.name, "not ready for {seconds} s: killing it");
                    process::kill(pid, context.state_dir.path());
                }
            }
        }
    }
}

/// Asks the process to end, and kills it after the pod's grace period.
async fn terminate(context: &Context, id: &Id, process: &mut Process) {
    let pid = process.pid();
    let pod = context.store.get(id);
    let grace = pod
        .and_then(|pod| pod["metadata"]["deletionGracePeriodSeconds"].as_u64())
        .unwrap_or(30);
    write_status(&context.store, id, Some(pid), "Terminating");
    process::terminate(pid, context.state_dir.path());
    let grace = Duration::from_secs(grace);
    if timeout(grace, process.wait(context)).await.is_err() {
        process::kill(pid, context.state_dir.path());
        process.wait(context).await;
    }
}

async fn probe_succeeds(probe: &Value, health_file: &std::path::Path) -> bool {
    let port = |kind: &str| {
        probe[kind]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
    };
    if let Some(port) = port("httpGet") {
        let path = text(&probe["httpGet"]["path"]);
        let answer = timeout(PROBE, http_status(port, "GET", &path)).await;
        return matches!(answer, Ok(Ok(200)));
    }
    if let Some(port) = port("tcpSocket") {
        let connection = TcpStream::connect(("127.0.0.1", port));
        return matches!(timeout(PROBE, connection).await, Ok(Ok(_)));
    }
    let modified = std::fs::metadata(health_file).and_then(|file| file.modified());
    let age = modified.map(|at| SystemTime::now().duration_since(at));
    matches!(age, Ok(Ok(age)) if age < HEALTH_MAX_AGE)
}

/// Sends a request without a body, and returns the status code of the response.
pub async fn http_status(port: u16, method: &str, path: &str) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    let code = std::str::from_utf8(&head[9..]).ok();
    let code = code.and_then(|code| code.parse().ok());
    code.context("the response is not HTTP")
}

/// Writes the status of a pod: its process, and `READY` or the reason why it is not ready.
pub fn write_status(store: &Store, id: &Id, pid: Option<u32>, reason: &str) {
    let _ = store.write(id, |pod| {
        let mut pod = pod
            .cloned()
            .ok_or_else(|| ApiError::not_found("pods", &id.name))?;
        let status = status(&pod, pid, reason);
        pod["status"] = status;
        Ok(pod)
    });
}

fn status(pod: &Value, pid: Option<u32>, reason: &str) -> Value {
    let ready = reason == READY;
    let previous = &pod["status"];
    let last_transition = &previous["conditions"][0]["lastTransitionTime"];
    let last_transition = if is_ready(pod) == ready && last_transition.is_string() {
        last_transition.clone()
    } else {
        json!(timestamp(Timestamp::now()))
    };
    let mut condition = json!({
        "type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": last_transition,
    });
    if !ready {
        condition["reason"] = json!(reason);
    }
    let restarts = previous["containerStatuses"][0]["restartCount"]
        .as_u64()
        .unwrap_or(0)
        + u64::from(reason == CRASHED);
    let created = &pod["metadata"]["creationTimestamp"];
    let state = match pid {
        Some(_) => json!({"running": {"startedAt": created}}),
        None => json!({"waiting": {"reason": reason}}),
    };
    let container = json!({
        "name": pod["spec"]["containers"][0]["name"], "image": "local", "imageID": "", "ready": ready,
        "started": pid.is_some(), "restartCount": restarts, "state": state,
        "containerID": pid.map(|pid| format!("process://{pid}")),
    });
    json!({
        "phase": "Running", "podIP": "127.0.0.1", "hostIP": "127.0.0.1", "startTime": created,
        "conditions": [condition, {"type": "PodScheduled", "status": "True"}], "containerStatuses": [container],
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
