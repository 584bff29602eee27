//! What a command does first: finds the local cluster, or starts it; and how `stop` ends it.

use super::objects;
use super::process;
use crate::state_dir::{ClusterInfo, StateDir};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// The hidden command that runs the supervisor.
pub const COMMAND: &str = "local-cluster";
/// The longest that a start may take: a little longer than the supervisor itself waits.
const START: Duration = Duration::from_secs(30);
/// The longest that an end may take: workers on a Redis that stays finish what they began.
const END: Duration = Duration::from_secs(90);

/// What a command was told.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The Redis to use instead of one of its own.
    pub redis: Option<String>,
    /// The file with the pool, instead of the demo's.
    pub pool: Option<PathBuf>,
}

/// The local cluster of this user, and whether it was started just now.
pub async fn ensure(wanted: &Wanted) -> anyhow::Result<(StateDir, ClusterInfo, bool)> {
    let folder = StateDir::of_user()?;
    let yaml = wanted
        .pool
        .as_ref()
        .map(|path| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        })
        .transpose()?;
    let lock = hold(&folder).await?;
    let pool = folder.file("pool.yaml");
    if let Some(record) = folder.living()? {
        let other = |what: &str| {
            format!(
                "a local cluster with another {what} runs already; first: kubectl workerpool stop --local"
            )
        };
        if wanted
            .redis
            .as_ref()
            .is_some_and(|redis| *redis != record.redis)
        {
            bail!(other("Redis"));
        }
        if yaml.is_some() && yaml != std::fs::read_to_string(&pool).ok() {
            bail!(other("pool"));
        }
        let answer = timeout(Duration::from_secs(5), ask(&record, "GET", "readyz")).await;
        if !matches!(answer, Ok(Ok(200))) {
            bail!(
                "the local cluster (process {}) does not answer; end it, or see {}",
                record.pid,
                folder.file("cluster.log").display()
            );
        }
        return Ok((folder, record, false));
    }
    folder.make()?;
    match &yaml {
        Some(yaml) => {
            objects::pool(yaml, "redis://127.0.0.1:6379/0")?; // refused before anything is started
            folder.write("pool.yaml", yaml.as_bytes())?;
            // Another pool is another cluster.
            let _ = std::fs::remove_file(folder.file("objects.json"));
        }
        None => drop(std::fs::remove_file(&pool)),
    }
    let said = spawn(&folder, wanted).await?;
    let record = folder.living()?;
    drop(lock);
    match record {
        Some(record) if said == "ready" => Ok((folder, record, true)),
        _ => bail!("the local cluster did not start: {said}"),
    }
}

/// Waits until no other command starts or stops the cluster.
async fn hold(folder: &StateDir) -> anyhow::Result<std::fs::File> {
    let parent = folder.parent();
    std::fs::create_dir_all(parent)
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    let latch = folder.latch()?;
    tokio::task::spawn_blocking(move || Ok(latch.lock().map(|()| latch)?)).await?
}

/// Starts the supervisor on its own, and waits for its first line.
async fn spawn(folder: &StateDir, wanted: &Wanted) -> anyhow::Result<String> {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.file("cluster.log"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(COMMAND)
        .arg("--folder")
        .arg(folder.path())
        .current_dir(folder.parent());
    if let Some(redis) = &wanted.redis {
        command.arg("--redis").arg(redis);
    }
    if let Some(idle) = std::env::var_os("WORKERPOOL_LOCAL_IDLE") {
        command.arg("--idle").arg(idle);
    }
    #[cfg(unix)] // Ctrl-C here is not meant for it.
    command.process_group(0);
    #[cfg(windows)]
    apart(&mut command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let stdout = child.stdout.take().context("no pipe")?;
    let line = timeout(START, BufReader::new(stdout).lines().next_line()).await;
    match line {
        Ok(Ok(Some(line))) => Ok(line),
        Ok(_) => Ok(format!(
            "it ended without a word: see {}",
            folder.file("cluster.log").display()
        )),
        Err(_) => Ok(format!("no word from it within {} s", START.as_secs())),
    }
}

/// Gives `command` a console of its own, without a window: Ctrl-C here is not meant for it, and this window may close.
/// Nor does it get our streams, which Windows hands on to every child: who reads them would wait for its end.
#[cfg(windows)]
fn apart(command: &mut Command) {
    use filedescriptor::{FileDescriptor, StdioDescriptor};
    use std::io;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
    // Each is replaced by a copy that no child inherits; what is given back is the old one, closed here.
    let _ = FileDescriptor::redirect_stdio(&io::stdin(), StdioDescriptor::Stdin);
    let _ = FileDescriptor::redirect_stdio(&io::stdout(), StdioDescriptor::Stdout);
    let _ = FileDescriptor::redirect_stdio(&io::stderr(), StdioDescriptor::Stderr);
}

/// Ends the local cluster and all that is left of one; whether there was any.
pub async fn stop() -> anyhow::Result<bool> {
    let folder = StateDir::of_user()?;
    if !folder.path().exists() {
        return Ok(false);
    }
    let _lock = hold(&folder).await?;
    let living = folder.living()?;
    if let Some(record) = &living {
        ask(record, "POST", "stop")
            .await
            .context("the local cluster does not answer")?;
        let gone = async {
            while folder.living()?.is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok::<_, anyhow::Error>(())
        };
        timeout(END, gone)
            .await
            .with_context(|| format!("process {} did not end", record.pid))??;
    }
    let left = process::all(folder.path());
    process::end(&left, folder.path(), Duration::from_secs(2)).await;
    folder.remove()?;
    Ok(living.is_some() || !left.is_empty())
}

/// The code of the answer to one small request.
async fn ask(record: &ClusterInfo, method: &str, path: &str) -> anyhow::Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", record.port)).await?;
    let request = format!(
        "{method} /{}/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        record.secret
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    std::str::from_utf8(&head[9..])
        .ok()
        .and_then(|code| code.parse().ok())
        .context("no answer of a web server")
}
