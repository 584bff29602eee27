//! One pod: a process that is started, looked after, started anew when it ends, and told to go when the pod must.

use super::kind::Id;
use super::process::{self, MARK, POD};
use super::store::{Store, second};
use crate::error::ApiError;
use crate::state_dir::StateDir;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use telemetry::END_FILE;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often a pod is probed until it is ready, and from then on.
const SOON: Duration = Duration::from_millis(25);
const LATER: Duration = Duration::from_secs(2);
/// A worker notes every 2 s that it lives; the probe of the program itself allows as much.
const FRESH: Duration = Duration::from_secs(15);
/// One that is not ready for so long is started anew.
const LONG: Duration = Duration::from_secs(20);
/// Pauses before a start: doubled from the first, and the first again after a run that was long.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How a pod is, in one word.
const READY: &str = "Ready";
const CRASHED: &str = "CrashLoopBackOff";
pub const NOT_READY: &str = "ContainersNotReady";

/// What all pods share.
#[derive(Clone)]
pub struct Ground {
    pub store: Arc<Store>,
    pub folder: StateDir,
}

/// The process of a pod: our child, or one that an earlier supervisor left behind.
enum Process {
    Child(Box<Child>),
    Adopted(u32),
}

/// Keeps the process of the pod `id` running until `go`; then ends it and removes the pod.
pub async fn run(ground: Ground, id: Id, go: CancellationToken, mut adopted: Option<u32>) {
    let mut pause = BACK_OFF.0;
    while !go.is_cancelled() {
        let Some(pod) = ground.store.get(&id) else {
            break;
        };
        let begun = Instant::now();
        let process = match adopted.take() {
            Some(pid) => Ok(Process::Adopted(pid)),
            None => start(&ground, &id, &pod).map(|child| Process::Child(Box::new(child))),
        };
        let why = match process {
            Ok(process) => {
                let Some(why) = attend(&ground, &id, &pod, process, &go).await else {
                    break;
                };
                why
            }
            Err(error) => format!("cannot start: {error}"),
        };
        tracing::warn!(pod = id.name, "{why}");
        report(&ground.store, &id, None, CRASHED);
        if begun.elapsed() > 2 * BACK_OFF.1 {
            pause = BACK_OFF.0;
        }
        let _ = timeout(pause, go.cancelled()).await;
        pause = (pause * 2).min(BACK_OFF.1);
    }
    let files = [
        health(&ground, &id),
        end_file(&ground, &id),
        log(&ground, &id),
    ];
    for file in files {
        let _ = std::fs::remove_file(file);
    }
    ground.store.delete(&id);
}

fn start(ground: &Ground, id: &Id, pod: &Value) -> std::io::Result<Child> {
    let container = &pod["spec"]["containers"][0];
    let words = |key: &str| container[key].as_array().cloned().unwrap_or_default();
    let words: Vec<String> = words("command")
        .iter()
        .chain(&words("args"))
        .map(text)
        .collect();
    let Some((program, args)) = words.split_first() else {
        return Err(std::io::Error::other("the container has no command"));
    };
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log(ground, id))?;
    let variables = container["env"].as_array().cloned().unwrap_or_default();
    #[cfg(windows)] // A connection that is accepted meanwhile would be handed on.
    let _alone = super::listener::ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    Command::new(program)
        .args(args)
        .env_remove("KUBERNETES_SERVICE_HOST") // it is not in that cluster, even where this program is
        .envs(
            variables
                .iter()
                .map(|it| (text(&it["name"]), text(&it["value"]))),
        )
        .env(POD, &id.name)
        .env("WORKERPOOL_HEALTH_FILE", health(ground, id))
        .env(END_FILE, end_file(ground, id))
        .env(MARK, ground.folder.path())
        .current_dir(ground.folder.parent())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

/// Until the process ends, which is said; `None` when it was told to go and has gone.
async fn attend(
    ground: &Ground,
    id: &Id,
    pod: &Value,
    mut process: Process,
    go: &CancellationToken,
) -> Option<String> {
    let folder = ground.folder.path();
    let probe = &pod["spec"]["containers"][0]["readinessProbe"];
    let (mut ready, mut well) = (false, Instant::now());
    let pid = match &process {
        Process::Child(child) => child.id().unwrap_or(0),
        Process::Adopted(pid) => *pid,
    };
    report(&ground.store, id, Some(pid), NOT_READY);
    loop {
        tokio::select! {
            why = end(&mut process, ground) => return Some(why),
            () = go.cancelled() => break,
            () = sleep(if ready { LATER } else { SOON }) => {
                let now = answers(probe, &health(ground, id)).await;
                if now != ready {
                    ready = now;
                    report(&ground.store, id, Some(pid), if ready { READY } else { NOT_READY });
                }
                if ready {
                    well = Instant::now();
                } else if well.elapsed() > LONG {
                    tracing::warn!(pod = id.name, "not ready for {} s: it is ended", LONG.as_secs());
                    process::kill(pid, folder);
                }
            }
        }
    }
    let meta = ground
        .store
        .get(id)
        .map(|pod| pod["metadata"].clone())
        .unwrap_or_default();
    let grace = Duration::from_secs(meta["deletionGracePeriodSeconds"].as_u64().unwrap_or(30));
    report(&ground.store, id, Some(pid), "Terminating");
    process::terminate(pid, folder);
    if timeout(grace, end(&mut process, ground)).await.is_err() {
        process::kill(pid, folder);
        end(&mut process, ground).await;
    }
    None
}

async fn end(process: &mut Process, ground: &Ground) -> String {
    match process {
        Process::Child(child) => match child.wait().await {
            Ok(status) => format!("it ended: {status}"),
            Err(error) => format!("it was lost: {error}"),
        },
        Process::Adopted(pid) => {
            process::ended(*pid, ground.folder.path()).await;
            "it ended".to_owned()
        }
    }
}

/// Whether the pod answers its probe.
async fn answers(probe: &Value, health: &std::path::Path) -> bool {
    let port = |kind: &str| {
        probe[kind]["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
    };
    if let Some(port) = port("httpGet") {
        return timeout(LATER, ok(port, &text(&probe["httpGet"]["path"])))
            .await
            .is_ok_and(|ok| ok.is_ok_and(|ok| ok));
    }
    if let Some(port) = port("tcpSocket") {
        return timeout(LATER, TcpStream::connect(("127.0.0.1", port)))
            .await
            .is_ok_and(|it| it.is_ok());
    }
    let written = std::fs::metadata(health).and_then(|file| file.modified());
    written.is_ok_and(|at| {
        SystemTime::now()
            .duration_since(at)
            .is_ok_and(|age| age < FRESH)
    })
}

/// Whether `GET path` is answered by 200.
async fn ok(port: u16, path: &str) -> std::io::Result<bool> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(&head == b"HTTP/1.1 200")
}

/// Writes how the pod is: its process, and in one word whether it is ready or why not.
pub fn report(store: &Store, id: &Id, pid: Option<u32>, word: &str) {
    let _ = store.write(id, |pod| {
        let mut pod = pod.cloned().ok_or_else(|| ApiError::missing("pods", &id.name))?;
        let is = word == READY;
        let (was, since) = (super::table::ready(&pod), &pod["status"]["conditions"][0]["lastTransitionTime"]);
        let since = if was == is && since.is_string() { since.clone() } else { json!(second(Timestamp::now())) };
        let crashes = pod["status"]["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0) + u64::from(word == CRASHED);
        let begun = &pod["metadata"]["creationTimestamp"];
        let state = match pid {
            Some(_) => json!({"running": {"startedAt": begun}}),
            None => json!({"waiting": {"reason": word}}),
        };
        let mut ready = json!({"type": "Ready", "status": if is { "True" } else { "False" }, "lastTransitionTime": since});
        if !is {
            ready["reason"] = json!(word);
        }
        let container = json!({
            "name": pod["spec"]["containers"][0]["name"], "image": "local", "imageID": "", "ready": is, "started": pid.is_some(),
            "restartCount": crashes, "state": state, "containerID": pid.map(|pid| format!("process://{pid}")),
        });
        pod["status"] = json!({
            "phase": "Running", "podIP": "127.0.0.1", "hostIP": "127.0.0.1", "startTime": begun,
            "conditions": [ready, {"type": "PodScheduled", "status": "True"}], "containerStatuses": [container],
        });
        Ok(pod)
    });
}

fn health(ground: &Ground, id: &Id) -> PathBuf {
    ground
        .folder
        .file("health")
        .join(format!("{}.json", id.name))
}

fn end_file(ground: &Ground, id: &Id) -> PathBuf {
    ground
        .folder
        .file("health")
        .join(format!("{}.end", id.name))
}

fn log(ground: &Ground, id: &Id) -> PathBuf {
    ground.folder.file("logs").join(format!("{}.log", id.name))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
