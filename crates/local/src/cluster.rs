//! The local cluster as a command sees it: [`ensure`] finds or starts it, [`stop`] ends it.

use crate::cluster_info::ClusterInfo;
use crate::objects;
use crate::pod::http_status;
use crate::process::{kill_supervisor, processes, terminate_all};
use crate::state_dir::StateDir;
use crate::supervisor::{REDIS_VARIABLE, SUPERVISOR_COMMAND};
use anyhow::{Context, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// How long a start may take: a little longer than the supervisor itself waits.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an end may take: workers on an external Redis finish the tasks that they have begun.
const STOP_TIMEOUT: Duration = Duration::from_secs(90);
/// How long another command may start or stop the cluster.
const LOCK_TIMEOUT: Duration = Duration::from_secs(150);
/// How long the API server of a running cluster may take to answer.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// How to start a local cluster when none is running.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// URL of the Redis to use; without it the cluster starts a Redis of its own.
    pub redis: Option<String>,
    /// File with the `WorkerPool` to create; without it the cluster creates the demo's.
    pub pool_file: Option<PathBuf>,
}

/// A running local cluster.
#[derive(Clone, Debug)]
pub struct LocalCluster {
    /// Addresses and names of the cluster.
    pub info: ClusterInfo,
    /// The kubeconfig with which clients reach it.
    pub kubeconfig: PathBuf,
    /// Whether this call started it.
    pub started: bool,
}

/// Finds the local cluster of this user, or starts one.
pub async fn ensure(options: &StartOptions) -> anyhow::Result<LocalCluster> {
    let state_dir = StateDir::of_user()?;
    let read = |path: &PathBuf| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let pool_yaml = options.pool_file.as_ref().map(read).transpose()?;
    let lock = acquire_lock(&state_dir).await?;
    if let Some(info) = state_dir.running()? {
        check_running(&state_dir, &info, options, pool_yaml.as_ref()).await?;
        return Ok(LocalCluster {
            info,
            kubeconfig: state_dir.kubeconfig(),
            started: false,
        });
    }
    state_dir.create()?;
    match &pool_yaml {
        Some(yaml) => {
            // Reject an invalid pool before anything starts.
            objects::pool(yaml)?;
            state_dir.write("pool.yaml", yaml.as_bytes())?;
            // Another pool is another cluster.
            let _ = fs::remove_file(state_dir.file("objects.json"));
        }
        None => drop(fs::remove_file(state_dir.file("pool.yaml"))),
    }
    let first_line = spawn_supervisor(&state_dir, options).await?;
    let info = state_dir.running()?;
    drop(lock);
    match info {
        Some(info) if first_line == "ready" => Ok(LocalCluster {
            info,
            kubeconfig: state_dir.kubeconfig(),
            started: true,
        }),
        _ => bail!("the local cluster did not start: {first_line}"),
    }
}

/// The local cluster of this user, running or not; `None` when there is none.
pub fn cluster_info() -> anyhow::Result<Option<ClusterInfo>> {
    Ok(StateDir::of_user()?.cluster_info())
}

/// Ends the local cluster of this user and every process of an earlier one. Returns whether there was anything to end.
pub async fn stop() -> anyhow::Result<bool> {
    let state_dir = StateDir::of_user()?;
    if !state_dir.path().exists() {
        return Ok(false);
    }
    let _lock = acquire_lock(&state_dir).await?;
    let running = state_dir.running()?;
    if let Some(info) = &running {
        let ends_in = async |limit| timeout(limit, supervisor_end(&state_dir)).await.is_ok();
        let asked = timeout(READY_TIMEOUT, request(info, "POST", "stop")).await;
        let ended = matches!(asked, Ok(Ok(_))) && ends_in(STOP_TIMEOUT).await;
        // What does not answer, or not end, is killed: its pods end below.
        let ended =
            ended || kill_supervisor(info.pid, state_dir.path()) && ends_in(READY_TIMEOUT).await;
        if !ended {
            bail!("process {} does not answer: end it", info.pid);
        }
    }
    let leftover = processes(state_dir.path());
    terminate_all(&leftover, state_dir.path(), Duration::from_secs(2)).await;
    state_dir.remove()?;
    Ok(running.is_some() || !leftover.is_empty())
}

/// Returns when no supervisor runs.
async fn supervisor_end(state_dir: &StateDir) {
    while !matches!(state_dir.running(), Ok(None)) {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Fails when the running cluster differs from `options` or does not answer.
async fn check_running(
    state_dir: &StateDir,
    info: &ClusterInfo,
    options: &StartOptions,
    pool_yaml: Option<&String>,
) -> anyhow::Result<()> {
    let conflict = |what: &str| {
        format!(
            "a local cluster with another {what} is already running; stop it first: kubectl workerpool stop --local"
        )
    };
    let redis = options.redis.as_ref();
    if redis.is_some_and(|redis| *redis != info.redis) {
        bail!(conflict("Redis"));
    }
    let running = fs::read_to_string(state_dir.file("pool.yaml")).ok();
    if pool_yaml.is_some() && pool_yaml != running.as_ref() {
        bail!(conflict("pool"));
    }
    let answer = timeout(READY_TIMEOUT, request(info, "GET", "readyz")).await;
    if !matches!(answer, Ok(Ok(200))) {
        bail!(
            "the local cluster (process {}) does not answer; end that process, or see {}",
            info.pid,
            state_dir.file("cluster.log").display()
        );
    }
    Ok(())
}

/// Waits until no other command starts or stops the cluster.
async fn acquire_lock(state_dir: &StateDir) -> anyhow::Result<File> {
    let parent = state_dir.parent();
    fs::create_dir_all(parent)
        .with_context(|| format!("cannot create the directory {}", parent.display()))?;
    let lock_file = state_dir.lock_file()?;
    let locked = async {
        loop {
            match lock_file.try_lock() {
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(20)).await,
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
    };
    timeout(LOCK_TIMEOUT, locked).await.with_context(|| {
        format!(
            "another command has been starting or stopping the local cluster for {} s: end it",
            LOCK_TIMEOUT.as_secs()
        )
    })??;
    Ok(lock_file)
}

/// Starts the supervisor as a background process, and returns its first line of output.
async fn spawn_supervisor(state_dir: &StateDir, options: &StartOptions) -> anyhow::Result<String> {
    let log_file = state_dir.file("cluster.log");
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_file)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(SUPERVISOR_COMMAND)
        .arg("--state-dir")
        .arg(state_dir.path())
        .current_dir(state_dir.parent());
    if let Some(redis) = &options.redis {
        command.env(REDIS_VARIABLE, redis);
    }
    if let Some(idle) = std::env::var_os("WORKERPOOL_LOCAL_IDLE") {
        command.arg("--idle").arg(idle);
    }
    #[cfg(unix)] // Ctrl-C in this terminal must not reach the supervisor.
    command.process_group(0);
    #[cfg(windows)]
    detach(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(log).spawn()?;
    let stdout = child.stdout.take();
    let stdout = stdout.context("the supervisor has no standard output")?;
    let line = timeout(START_TIMEOUT, BufReader::new(stdout).lines().next_line()).await;
    let (log, seconds) = (log_file.display(), START_TIMEOUT.as_secs());
    Ok(match line {
        Ok(Ok(Some(line))) => line,
        Ok(_) => format!("the supervisor ended without a message: see {log}"),
        Err(_) => format!("no message from the supervisor within {seconds} s"),
    })
}

/// Gives `command` a console of its own, without a window: Ctrl-C here must not reach it, and this window may close.
/// The standard streams of this process become non-inheritable, because Windows passes them to every child, and a
/// program that reads them would wait until that child ends.
#[cfg(windows)]
fn detach(command: &mut Command) {
    use filedescriptor::{FileDescriptor, StdioDescriptor};
    use std::io;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
    // Each stream is replaced by a copy that no child inherits; the call returns the old one, which is closed here.
    let _ = FileDescriptor::redirect_stdio(&io::stdin(), StdioDescriptor::Stdin);
    let _ = FileDescriptor::redirect_stdio(&io::stdout(), StdioDescriptor::Stdout);
    let _ = FileDescriptor::redirect_stdio(&io::stderr(), StdioDescriptor::Stderr);
}

/// Sends a request without a body to the API server, and returns the status code of the response.
async fn request(info: &ClusterInfo, method: &str, path: &str) -> anyhow::Result<u16> {
    let path = format!("/{}/{path}", info.secret);
    http_status(info.port, method, &path).await
}
