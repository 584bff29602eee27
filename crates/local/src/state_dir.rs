//! The folder that holds all that outlives a process: who runs where, the objects, the logs.

use super::store::Saved;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What others must know to talk to a running local cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterInfo {
    /// Version of the program that runs it.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Port of the API server, on loopback.
    pub port: u16,
    /// Begins the path of each request.
    pub secret: String,
    /// The same for the operator.
    pub operator_secret: String,
    /// Address of Redis.
    pub redis: String,
    /// Whether that Redis is the cluster's own.
    pub own_redis: bool,
    /// Port of the dashboard, on loopback.
    pub dashboard: u16,
    /// Name of the pool.
    pub pool: String,
    /// The queue that its workers read.
    pub queue: String,
}

impl ClusterInfo {
    /// Where the API server answers people, or the operator.
    #[must_use]
    pub fn server(&self, operator: bool) -> String {
        let secret = if operator {
            &self.operator_secret
        } else {
            &self.secret
        };
        format!("http://127.0.0.1:{}/{secret}", self.port)
    }

    fn kubeconfig(&self, operator: bool) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: local\nclusters:\n- name: local\n  cluster: {{server: '{}'}}\nusers:\n- name: you\n  user: {{}}\ncontexts:\n- name: local\n  context: {{cluster: local, user: you, namespace: default}}\n",
            self.server(operator)
        )
    }
}

/// The folder, which need not exist yet.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Where the system keeps the state of programs for this user.
    pub fn of_user() -> anyhow::Result<Self> {
        let set = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let home = || {
            let home = set("HOME")?;
            Some(if cfg!(target_os = "macos") {
                home.join("Library/Application Support")
            } else {
                home.join(".local/state")
            })
        };
        let state = set("XDG_STATE_HOME")
            .or_else(|| set("LOCALAPPDATA").filter(|_| cfg!(windows)))
            .or_else(home);
        let state = state.context("no folder for state: set XDG_STATE_HOME or HOME")?;
        let state = std::path::absolute(state).context("XDG_STATE_HOME is no path")?;
        Ok(Self(state.join("workerpool").join("local")))
    }

    /// At a path.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What it lies in, and where its processes are: Windows keeps a folder that a process is in.
    #[must_use]
    pub fn parent(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// A file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The kubeconfig for people.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.file("kubeconfig")
    }

    /// Makes it, for this user alone: the record holds secrets.
    pub fn make(&self) -> anyhow::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        for path in [
            self.0.clone(),
            self.file("logs"),
            self.file("health"),
            self.file("redis"),
        ] {
            builder
                .create(&path)
                .with_context(|| format!("cannot make the folder {}", path.display()))?;
        }
        Ok(())
    }

    /// The file that is locked by the command that starts or stops the cluster.
    pub fn latch(&self) -> anyhow::Result<File> {
        open(&self.parent().join("local.lock"))
    }

    /// Says for as long as the file is held that the cluster lives; `None` when another says so.
    pub fn live(&self) -> anyhow::Result<Option<File>> {
        let file = open(&self.file("life"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The cluster that lives here.
    pub fn living(&self) -> anyhow::Result<Option<ClusterInfo>> {
        if !self.file("life").exists() || self.live()?.is_some() {
            return Ok(None);
        }
        Ok(self.record())
    }

    /// The cluster that lives or lived here.
    #[must_use]
    pub fn record(&self) -> Option<ClusterInfo> {
        serde_json::from_slice(&fs::read(self.file("cluster.json")).ok()?).ok()
    }

    /// Writes the record and the kubeconfigs.
    pub fn keep(&self, record: &ClusterInfo) -> anyhow::Result<()> {
        self.write("kubeconfig", record.kubeconfig(false).as_bytes())?;
        self.write("operator.kubeconfig", record.kubeconfig(true).as_bytes())?;
        self.write("cluster.json", &serde_json::to_vec_pretty(record)?)
    }

    /// The objects as they were saved.
    #[must_use]
    pub fn saved(&self) -> Option<Saved> {
        serde_json::from_slice(&fs::read(self.file("objects.json")).ok()?).ok()
    }

    /// Saves the objects.
    pub fn save(&self, objects: &Saved) -> anyhow::Result<()> {
        self.write("objects.json", &serde_json::to_vec(objects)?)
    }

    /// Whole or not at all, even when the power fails in the middle.
    pub fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let (file, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let written = open(&draft).and_then(|mut it| {
            it.set_len(0)?;
            Ok(it.write_all(content)?)
        });
        written
            .and_then(|()| Ok(fs::rename(&draft, &file)?))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Removes it with all that is in it.
    pub fn remove(&self) -> anyhow::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}
