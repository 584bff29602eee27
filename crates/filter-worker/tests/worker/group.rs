//! A control group that limits the memory of a process, as a container's does.

use crate::process::wrapped;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Removed when dropped, so drop the process first.
pub struct MemoryGroup {
    folder: PathBuf,
    peak: &'static str,
}

impl MemoryGroup {
    /// A group of this size in cgroup v1 or v2; `None` without the right to make one, which is root's.
    pub fn new(name: &str, mib: u64) -> Option<Self> {
        let name = format!("workerpool-{name}-{}", std::process::id());
        for (mount, limit, swap, peak) in [
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.swappiness",
                "memory.max_usage_in_bytes",
            ),
            (
                "/sys/fs/cgroup",
                "memory.max",
                "memory.swap.max",
                "memory.peak",
            ),
        ] {
            let folder = Path::new(mount).join(&name);
            if fs::create_dir(&folder).is_ok() {
                let group = Self { folder, peak };
                let limited = fs::write(group.folder.join(limit), (mib << 20).to_string());
                let _ = fs::write(group.folder.join(swap), "0");
                if limited.is_ok() {
                    return Some(group);
                }
            }
        }
        eprintln!("no right to make a control group: not tested");
        None
    }

    /// The same command, in this group.
    pub fn command(&self, command: &Command) -> Command {
        let mut within = Command::new("sh");
        within
            .args(["-c", r#"echo $$ > "$0" && exec "$@""#])
            .arg(self.folder.join("cgroup.procs"));
        wrapped(within, command)
    }

    /// The most memory that it used so far, in MiB, file caches included.
    pub fn peak_mib(&self) -> u64 {
        let peak = fs::read_to_string(self.folder.join(self.peak)).unwrap_or_default();
        peak.trim().parse::<u64>().unwrap_or_default() >> 20
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel may need a moment for a process that has ended.
        crate::process::until("the group to be empty", || {
            fs::remove_dir(&self.folder).ok()
        });
    }
}
