//! The directory that holds what outlives a process: the cluster's description, its objects and its logs.

use crate::cluster_info::ClusterInfo;
use crate::store::SavedObjects;
use anyhow::Context;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The path of a state directory, which need not exist yet.
#[derive(Clone, Debug)]
pub struct StateDir(PathBuf);

impl StateDir {
    /// Where the system keeps the state of programs for this user.
    pub fn of_user() -> anyhow::Result<Self> {
        let variable = |name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        let below_home = if cfg!(target_os = "macos") {
            "Library/Application Support"
        } else {
            ".local/state"
        };
        let in_home = || Some(variable("HOME")?.join(below_home));
        let parent = variable("XDG_STATE_HOME")
            .or_else(|| variable("LOCALAPPDATA").filter(|_| cfg!(windows)))
            .or_else(in_home)
            .context("no state directory: set XDG_STATE_HOME or HOME")?;
        let parent = std::path::absolute(parent).context("XDG_STATE_HOME is not a valid path")?;
        Ok(Self(parent.join("workerpool").join("local")))
    }

    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory around it, in which the processes run: Windows cannot remove the working directory of a process.
    pub fn parent(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The kubeconfig for people.
    pub fn kubeconfig(&self) -> PathBuf {
        self.file("kubeconfig")
    }

    /// Creates it with access for this user only, because the cluster's description holds secrets.
    pub fn create(&self) -> anyhow::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let parts = ["logs", "health", "redis"].map(|name| self.file(name));
        for path in [self.0.clone()].into_iter().chain(parts) {
            let created = builder.create(&path);
            created.with_context(|| format!("cannot create the directory {}", path.display()))?;
        }
        Ok(())
    }

    /// The file that a command locks while it starts or stops the cluster.
    pub fn lock_file(&self) -> anyhow::Result<File> {
        open(&self.parent().join("local.lock"))
    }

    /// Locks the file that marks the cluster as running for as long as the lock is held. `None` when another process
    /// holds the lock.
    pub fn try_lock(&self) -> anyhow::Result<Option<File>> {
        let file = open(&self.running_lock())?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn running_lock(&self) -> PathBuf {
        self.file("running.lock")
    }

    /// The cluster that runs here, if any.
    pub fn running(&self) -> anyhow::Result<Option<ClusterInfo>> {
        if !self.running_lock().exists() || self.try_lock()?.is_some() {
            return Ok(None);
        }
        Ok(self.cluster_info())
    }

    /// The cluster that runs or ran here, if any.
    pub fn cluster_info(&self) -> Option<ClusterInfo> {
        serde_json::from_slice(&fs::read(self.file("cluster.json")).ok()?).ok()
    }

    /// Writes the cluster's description and its kubeconfigs.
    pub fn write_cluster_info(&self, info: &ClusterInfo) -> anyhow::Result<()> {
        self.write("kubeconfig", info.kubeconfig().as_bytes())?;
        self.write("operator.kubeconfig", info.operator_kubeconfig().as_bytes())?;
        self.write("cluster.json", &serde_json::to_vec_pretty(info)?)
    }

    /// The objects as they were last saved.
    pub fn load_objects(&self) -> Option<SavedObjects> {
        serde_json::from_slice(&fs::read(self.file("objects.json")).ok()?).ok()
    }

    pub fn save_objects(&self, objects: &SavedObjects) -> anyhow::Result<()> {
        self.write("objects.json", &serde_json::to_vec(objects)?)
    }

    /// Replaces a file atomically, so that a power failure leaves the old content or the new one.
    pub fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let path = self.file(name);
        let draft = self.file(&format!("{name}.new"));
        let written = open(&draft).and_then(|mut file| {
            file.set_len(0)?;
            Ok(file.write_all(content)?)
        });
        written
            .and_then(|()| Ok(fs::rename(&draft, &path)?))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes it with everything in it.
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
