//! Sees who was marked, who was removed and what became of each task, so that of every task that a worker lost it is
//! known why: its pod was removed under it, or something else befell the worker.

use e2e::world::World;
use serde_json::{Deserializer, Value};
use std::collections::BTreeMap;
use std::io::BufReader;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Asked ten times a second: who holds which tasks for which pod, and how many attempts of each ended badly.
const ASK: &str = "local seen = {} for _, id in ipairs(redis.call('SMEMBERS', 'wp:{tasks}:workers')) do \
    local pod, held = redis.call('HGET', 'wp:{tasks}:worker:' .. id, 'pod'), {} \
    for i, task in ipairs(redis.call('LRANGE', 'wp:{tasks}:claimed:' .. id, 0, -1)) do held[i] = cjson.decode(task).id end \
    seen[#seen + 1] = {id, pod, table.concat(held, ' ')} end \
    return cjson.encode({seen, table.concat(redis.call('HGETALL', 'wp:{tasks}:attempts'), ' ')})";

/// What was seen since the last report.
#[derive(Debug, Default)]
pub struct Report {
    /// Pods that were removed, and how many of them bore no mark.
    pub removed: usize,
    pub unmarked: usize,
    /// Tasks whose worker's pod was removed while it ran them.
    pub interrupted: usize,
    /// Tasks that a worker lost whose pod was not removed: a lease that ended, a container that started again.
    pub lost: usize,
}

/// Two streams, of pods and of the queue; ended with the value.
pub struct Witness {
    streams: Vec<Child>,
    story: Arc<Mutex<Story>>,
}

struct Story {
    start: Instant,
    lines: Vec<String>,
    pods: BTreeMap<String, Pod>,
    /// Pods by worker.
    workers: BTreeMap<String, String>,
    /// Who held each task last, and how many of its attempts ended badly.
    holders: BTreeMap<String, String>,
    attempts: BTreeMap<String, u64>,
    report: Report,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Pod {
    marked: bool,
    leaving: bool,
    ready: bool,
    restarts: u64,
}

impl Witness {
    pub fn new(world: &World) -> Self {
        let story = Story {
            start: Instant::now(),
            lines: Vec::new(),
            pods: BTreeMap::new(),
            workers: BTreeMap::new(),
            holders: BTreeMap::new(),
            attempts: BTreeMap::new(),
            report: Report::default(),
        };
        let mut witness = Self {
            streams: Vec::new(),
            story: Arc::new(Mutex::new(story)),
        };
        let select = "app.kubernetes.io/component=worker";
        let pods = [
            "get",
            "pods",
            "-l",
            select,
            "-o",
            "json",
            "--watch",
            "--output-watch-events",
        ];
        witness.follow(world, &pods, Story::pod);
        let ask = [
            "exec",
            "deploy/redis",
            "--",
            "redis-cli",
            "-r",
            "-1",
            "-i",
            "0.1",
            "EVAL",
            ASK,
            "0",
        ];
        witness.follow(world, &ask, Story::look);
        witness
    }

    fn follow(
        &mut self,
        world: &World,
        arguments: &[&str],
        take: impl Fn(&mut Story, &Value) + Send + 'static,
    ) {
        let mut stream = world
            .command(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl");
        let output = BufReader::new(stream.stdout.take().expect("its output"));
        let story = Arc::clone(&self.story);
        std::thread::spawn(move || {
            for value in Deserializer::from_reader(output)
                .into_iter::<Value>()
                .map_while(Result::ok)
            {
                take(
                    &mut story.lock().unwrap_or_else(PoisonError::into_inner),
                    &value,
                );
            }
        });
        self.streams.push(stream);
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen since the last one. A worker that was killed is known to be dead after 8 s, and its task is ready
    /// again a second later: that long it waits. What was lost is told in full.
    pub fn report(&mut self, what: &str) -> Report {
        let ended = self
            .streams
            .iter_mut()
            .any(|stream| stream.try_wait().is_ok_and(|end| end.is_some()));
        assert!(!ended, "a stream has ended, and nothing was seen since");
        std::thread::sleep(Duration::from_secs(12));
        let mut story = self.story();
        let (report, lines) = (
            std::mem::take(&mut story.report),
            std::mem::take(&mut story.lines),
        );
        eprintln!("{what}: {report:?}");
        if report.interrupted + report.lost > 0 || std::env::var_os("WITNESS").is_some() {
            eprintln!("{}", lines.join("\n"));
        }
        report
    }
}

impl Story {
    fn note(&mut self, line: &str) {
        let line = format!("{:8.1} s {line}", self.start.elapsed().as_secs_f64());
        self.lines.push(line);
    }

    fn pod(&mut self, event: &Value) {
        let (pod, gone) = (&event["object"], event["type"] == "DELETED");
        let name = pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let conditions = pod["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is = Pod {
            marked: pod["metadata"]["annotations"]
                .get("controller.kubernetes.io/pod-deletion-cost")
                .is_some(),
            leaving: gone || pod["metadata"].get("deletionTimestamp").is_some(),
            ready: conditions
                .iter()
                .any(|it| it["type"] == "Ready" && it["status"] == "True"),
            restarts: pod["status"]["containerStatuses"][0]["restartCount"]
                .as_u64()
                .unwrap_or(0),
        };
        // One that was leaving when we began to watch is none of ours.
        let was = self.pods.insert(name.clone(), is.clone()).unwrap_or(Pod {
            leaving: is.leaving,
            ..Pod::default()
        });
        if was == is {
            return;
        }
        self.note(&format!("{name} {is:?}"));
        if is.leaving && !was.leaving {
            self.report.removed += 1;
            self.report.unmarked += usize::from(!is.marked);
            let of_it = |worker: &&String| self.workers.get(*worker) == Some(&name);
            let held: Vec<&String> = self
                .holders
                .iter()
                .filter(|(_, it)| of_it(it))
                .map(|(task, _)| task)
                .collect();
            let held = format!("{name} goes, marked: {}, held: {held:?}", is.marked);
            self.note(&held);
        }
    }

    fn look(&mut self, seen: &Value) {
        let words = |value: &Value| -> Vec<String> {
            value
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        // Before the claims of this look: the task may have another holder by now.
        for pair in words(&seen[1]).chunks_exact(2) {
            let (task, attempts) = (&pair[0], pair[1].parse().unwrap_or(0));
            if self.attempts.insert(task.clone(), attempts).unwrap_or(0) < attempts {
                let by = self.holders.get(task).cloned().unwrap_or_default();
                self.note(&format!("{by} lost {task}, {attempts} bad attempts"));
                let gone = self
                    .workers
                    .get(&by)
                    .and_then(|pod| self.pods.get(pod))
                    .is_some_and(|it| it.leaving);
                *(if gone {
                    &mut self.report.interrupted
                } else {
                    &mut self.report.lost
                }) += 1;
            }
        }
        let mut held = BTreeMap::new();
        for worker in seen[0].as_array().into_iter().flatten() {
            let id = worker[0].as_str().unwrap_or_default();
            if let Some(pod) = worker[1].as_str() {
                self.workers.insert(id.to_owned(), pod.to_owned());
            }
            held.extend(
                words(&worker[2])
                    .into_iter()
                    .map(|task| (task, id.to_owned())),
            );
        }
        self.holders = held;
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        for stream in &mut self.streams {
            let _ = stream.kill();
            let _ = stream.wait();
        }
    }
}
