//! How much memory this process may use: the limit of its cgroup (v2 or v1), or the host's memory.

use std::fs;
use std::path::Path;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The memory that this process may use, in bytes.
pub fn limit() -> u64 {
    let ram = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(ram));
    let host = system.map_or(u64::MAX, |it| it.total_memory());
    cgroup_limit(Path::new("/")).map_or(host, |limit| limit.min(host))
}

/// The smallest limit of this process's cgroup and its parents; `None` if nothing is limited.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    groups
        .lines()
        .filter_map(|line| {
            // `0::/path` for v2, `4:memory:/path` for v1.
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let (mount, file) = if controllers.is_empty() {
                ("sys/fs/cgroup", "memory.max")
            } else if controllers.split(',').any(|it| it == "memory") {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                return None;
            };
            // In a container the path may be the host's, and only the last parent, the mount itself, exists.
            Path::new(path.trim_start_matches('/'))
                .ancestors()
                .filter_map(|group| {
                    let limit = fs::read_to_string(root.join(mount).join(group).join(file)).ok()?;
                    limit.trim().parse::<u64>().ok() // "max" is no number
                })
                .min()
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::v2("0::/", &[("memory.max", "268435456")], Some(268_435_456))]
    #[case::v2_parent("0::/a/b", &[("a/b/memory.max", "max"), ("a/memory.max", "7")], Some(7))]
    #[case::v2_unlimited("0::/a", &[("a/memory.max", "max")], None)]
    #[case::v1("5:cpu:/x\n4:memory:/a", &[("memory/a/memory.limit_in_bytes", "9"), ("x/memory.max", "1")], Some(9))]
    #[case::v1_container("4:cpu,memory:/docker/1", &[("memory/memory.limit_in_bytes", "5")], Some(5))]
    #[case::hybrid("4:memory:/a\n0::/", &[("memory/a/memory.limit_in_bytes", "9")], Some(9))]
    #[case::none("garbage", &[], None)]
    fn the_smallest_limit_of_the_cgroup_counts(
        #[case] groups: &str,
        #[case] files: &[(&str, &str)],
        #[case] limit: Option<u64>,
    ) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        };
        write("proc/self/cgroup", groups);
        for (path, text) in files {
            write(&format!("sys/fs/cgroup/{path}"), text);
        }
        assert_eq!(cgroup_limit(root.path()), limit);
    }

    #[test]
    fn this_process_has_a_limit() {
        assert!(limit() > 16 << 20, "{}", limit());
    }
}
