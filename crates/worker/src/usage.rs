//! The resource usage of this process: CPU in percent of its limit, or of what its tasks can use, and memory.

use protocol::Usage;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// The mean covers this much time.
const WINDOW: Duration = Duration::from_secs(15);
/// A mean over less time is meaningless: the kernel counts CPU in ticks of 10 ms, and a start uses many at once.
const MIN_SPAN: Duration = Duration::from_secs(1);

/// Measures this process and keeps the mean of its CPU usage.
pub struct Meter {
    system: Option<(System, Pid)>,
    /// The CPUs that make 100 %: the limit of the container, or without one a CPU for each slot, if the host has them.
    cpus: f64,
    /// The time that threads waited for a CPU. `None` with a limit, which is reached by use alone.
    waits: Option<Waits>,
    /// A time, and the CPU that the process had used, or also waited for, until then, in milliseconds.
    samples: VecDeque<(Instant, u64)>,
}

impl Meter {
    /// Measures a process that runs at most `slots` tasks at once, each on one thread.
    pub fn new(slots: usize) -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let limit = cpu_limit(&groups, Path::new("/sys/fs/cgroup"));
        let usable_cpus = || {
            let host = std::thread::available_parallelism().map_or(1, Into::into);
            f64::from(u32::try_from(host.min(slots)).unwrap_or(1).max(1))
        };
        Self {
            system: System::new().ok().zip(sysinfo::get_current_pid().ok()),
            waits: limit.is_none().then(Waits::default),
            cpus: limit.unwrap_or_else(usable_cpus),
            samples: VecDeque::new(),
        }
    }

    /// Returns zero memory and no CPU if the system does not report them, and no CPU in the first second.
    pub fn measure(&mut self) -> Usage {
        let Some((system, pid)) = &mut self.system else {
            return Usage::default();
        };
        let refresh = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), true, refresh);
        let Some(process) = system.process(*pid) else {
            return Usage::default();
        };
        let now = Instant::now();
        // On a full host nobody gets a whole CPU: three workers on two would never use more than 67 % of one.
        let waited = self.waits.as_mut().map_or(0, Waits::millis);
        let used = process.accumulated_cpu_time() + waited;
        let memory = process.memory();
        self.samples.push_back((now, used));
        // Keep the newest sample that is at least a window old, as the start of the mean.
        while self
            .samples
            .get(1)
            .is_some_and(|(at, _)| now - *at >= WINDOW)
        {
            self.samples.pop_front();
        }
        let (since, before) = self.samples.front().copied().unwrap_or((now, used));
        let span = Some(now - since).filter(|span| *span >= MIN_SPAN);
        let used = Duration::from_millis(used.saturating_sub(before)).as_secs_f64();
        Usage {
            cpu: span.map(|span| 100.0 * used / span.as_secs_f64() / self.cpus),
            memory,
        }
    }
}

/// How long the threads of this process could run but waited for a CPU.
#[derive(Debug, Default)]
struct Waits {
    /// The nanoseconds of each living thread, by its id.
    threads: HashMap<OsString, u64>,
    nanos: u64,
}

impl Waits {
    /// The milliseconds so far; 0 where the system does not report them (it is Linux that does).
    fn millis(&mut self) -> u64 {
        let tasks = fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten();
        let now: HashMap<OsString, u64> = tasks
            .filter_map(|task| {
                let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
                Some((task.file_name(), stat.split(' ').nth(1)?.parse().ok()?))
            })
            .collect();
        for (thread, nanos) in &now {
            let before = self.threads.get(thread).copied().unwrap_or(0);
            // The id of an ended thread may belong to a new one, which counts from 0.
            self.nanos += nanos.checked_sub(before).unwrap_or(*nanos);
        }
        self.threads = now;
        self.nanos / 1_000_000
    }
}

/// The CPU limit of the control groups in `/proc/self/cgroup` (version 1 or 2, mounted at `root`); `None`: no limit.
fn cpu_limit(groups: &str, root: &Path) -> Option<f64> {
    let read = |path: &Path, file: &str| fs::read_to_string(path.join(file)).ok();
    let mut limits = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let v1 = controllers.split(',').any(|it| it == "cpu");
        if !v1 && !controllers.is_empty() {
            continue;
        }
        let mount = if v1 {
            root.join("cpu")
        } else {
            root.to_owned()
        };
        // The limits of the parent groups apply too. In a container the own group is often mounted as the root.
        for path in Path::new(path.trim_start_matches('/')).ancestors() {
            let group = mount.join(path);
            let text = if v1 {
                let quota = read(&group, "cpu.cfs_quota_us").zip(read(&group, "cpu.cfs_period_us"));
                quota.map(|(quota, period)| format!("{quota} {period}"))
            } else {
                read(&group, "cpu.max")
            };
            limits.extend(text.as_deref().and_then(quota));
        }
    }
    limits.into_iter().reduce(f64::min)
}

/// Parses `<quota> <period>` in microseconds; `max` and -1 mean no limit.
fn quota(text: &str) -> Option<f64> {
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(quota)), Some(Ok(period))) if quota > 0.0 && period > 0.0 => Some(quota / period),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<f64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        cpu_limit(groups, root.path())
    }

    #[test]
    fn the_lowest_cgroup_v2_limit_applies() {
        let files = [
            ("pods/cpu.max", "150000 100000\n"),
            ("pods/a/cpu.max", "max 100000\n"),
        ];
        assert_eq!(limit("0::/pods/a\n", &files), Some(1.5));
        assert_eq!(limit("0::/\n", &[("cpu.max", "50000 100000\n")]), Some(0.5));
    }

    #[test]
    fn cgroup_v1_is_supported_and_garbage_is_no_limit() {
        let v1_files = |quota| {
            [
                ("cpu/a/cpu.cfs_quota_us", quota),
                ("cpu/a/cpu.cfs_period_us", "100000\n"),
            ]
        };
        let groups = "5:memory:/b\n4:cpu,cpuacct:/a\n";
        assert_eq!(limit(groups, &v1_files("200000\n")), Some(2.0));
        assert_eq!(limit(groups, &v1_files("-1\n")), None);
        assert_eq!(limit("no groups\n::\n", &[("cpu.max", "x y")]), None);
    }

    #[test]
    fn a_busy_process_reports_cpu() {
        let mut meter = Meter::new(1);
        let first = meter.measure();
        assert!(first.memory > 1_000_000 && first.cpu.is_none(), "{first:?}");
        assert_eq!(
            meter.measure().cpu,
            None,
            "so soon, a single tick would be hundreds of percent"
        );
        let until = Instant::now() + MIN_SPAN;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let cpu = meter.measure().cpu.map_or(0.0, |cpu| cpu * meter.cpus);
        assert!((10.0..6_400.0).contains(&cpu), "{cpu} % of a CPU");
    }

    /// More threads than CPUs: each waits for one about half of the time, and all the same each wants a whole one.
    #[cfg(target_os = "linux")]
    #[test]
    fn waiting_for_a_full_host_counts_as_cpu() {
        let host: usize = std::thread::available_parallelism().unwrap().into();
        let mut meter = Meter::new(usize::MAX);
        if meter.waits.is_none() {
            return; // a container with a limit
        }
        meter.measure();
        let until = Instant::now() + Duration::from_secs(2);
        let spin = || {
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        };
        let cpu = std::thread::scope(|scope| {
            for _ in 0..2 * host {
                scope.spawn(spin);
            }
            while Instant::now() + Duration::from_millis(300) < until {
                std::thread::yield_now();
            }
            meter.measure().cpu.unwrap()
        });
        assert!(
            cpu > 150.0,
            "{cpu} % of {host} CPUs, for {} threads",
            2 * host
        );
    }
}
