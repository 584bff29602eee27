//! Records which pods were marked and deleted and what became of each task, to tell why a worker lost a task: its pod was
//! deleted while it ran, or the worker failed in another way.

use e2e::stream::Stream;
use e2e::world::{World, eventually, name_of, require, words};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Run ten times a second: which worker of which pod holds which tasks, the failed attempts of each task, and how many
/// workers have no lease any more.
const QUERY: &str = "local seen, expired = {}, 0 for _, id in ipairs(redis.call('SMEMBERS', 'wp:{tasks}:workers')) do \
    local pod, held = redis.call('HGET', 'wp:{tasks}:worker:' .. id, 'pod'), {} \
    for i, task in ipairs(redis.call('LRANGE', 'wp:{tasks}:claimed:' .. id, 0, -1)) do held[i] = cjson.decode(task).id end \
    expired = expired + 1 - redis.call('EXISTS', 'wp:{tasks}:worker:' .. id) \
    seen[#seen + 1] = {id, pod, table.concat(held, ' ')} end \
    return cjson.encode({seen, table.concat(redis.call('HGETALL', 'wp:{tasks}:attempts'), ' '), expired})";

/// What was recorded since the last report.
#[derive(Debug, Default)]
pub struct Report {
    /// Deleted pods.
    pub removed: usize,
    /// Deleted pods without a mark.
    pub unmarked: usize,
    /// Tasks whose worker's pod was deleted while it ran them.
    pub interrupted: usize,
    /// Tasks that a worker lost whose pod was not deleted: an expired lease, or a restarted container.
    pub lost: usize,
}

/// Two streams, of pods and of the queue, which end when dropped.
pub struct Witness {
    streams: [Stream; 2],
    record: Arc<Mutex<Record>>,
}

struct Record {
    start: Instant,
    lines: Vec<String>,
    pods: BTreeMap<String, Pod>,
    /// The pod of each worker.
    workers: BTreeMap<String, String>,
    /// How many workers the queue knows, and how many of them have no lease any more.
    known: (usize, u64),
    /// The last worker of each task.
    holders: BTreeMap<String, String>,
    /// The failed attempts of each task.
    attempts: BTreeMap<String, u64>,
    report: Report,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Pod {
    marked: bool,
    terminating: bool,
    ready: bool,
    restarts: u64,
}

impl Pod {
    fn runs(&self) -> bool {
        self.ready && !self.terminating
    }
}

impl Witness {
    pub fn new(world: &World) -> Self {
        let record = Record {
            start: Instant::now(),
            lines: Vec::new(),
            pods: BTreeMap::new(),
            workers: BTreeMap::new(),
            known: (0, 0),
            holders: BTreeMap::new(),
            attempts: BTreeMap::new(),
            report: Report::default(),
        };
        let record = Arc::new(Mutex::new(record));
        let handler = |handle: fn(&mut Record, &Value)| {
            let record = Arc::clone(&record);
            move |value: &Value| {
                handle(
                    &mut record.lock().unwrap_or_else(PoisonError::into_inner),
                    value,
                );
            }
        };
        let query = words("exec deploy/redis -- redis-cli -r -1 -i 0.1 EVAL");
        let query = [&query[..], &[QUERY, "0"]].concat();
        let select = "app.kubernetes.io/component=worker";
        let streams = [
            Stream::of_pods(world, select, handler(Record::on_pod)),
            Stream::start(world, &query, handler(Record::on_query)),
        ];
        Self { streams, record }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was recorded since the last report. Waits first until the queue knows exactly the workers that run: one
    /// that was killed loses its lease after 8 s, and then its task. If a task was lost, prints the whole record.
    pub fn report(&mut self, what: &str) -> Report {
        eventually("the queue knows the workers that run", || {
            let record = self.record();
            let run = record.pods.values().filter(|pod| pod.runs()).count();
            require(record.known == (run, 0), || {
                format!("{run} run: {:?}", record.known)
            })
        });
        let ended = self.streams.iter_mut().any(Stream::has_ended);
        assert!(!ended, "a stream has ended, so the record is incomplete");
        let mut record = self.record();
        let (report, lines) = (
            std::mem::take(&mut record.report),
            std::mem::take(&mut record.lines),
        );
        eprintln!("{what}: {report:?}");
        if report.interrupted + report.lost > 0 || std::env::var_os("WITNESS").is_some() {
            eprintln!("{}", lines.join("\n"));
        }
        report
    }
}

impl Record {
    fn note(&mut self, line: &str) {
        let line = format!("{:8.1} s {line}", self.start.elapsed().as_secs_f64());
        self.lines.push(line);
    }

    fn on_pod(&mut self, event: &Value) {
        let pod = &event["object"];
        let deleted = event["type"] == "DELETED";
        let name = name_of(pod);
        let conditions = pod["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let now = Pod {
            marked: pod["metadata"]["annotations"]
                .get("controller.kubernetes.io/pod-deletion-cost")
                .is_some(),
            terminating: deleted || pod["metadata"].get("deletionTimestamp").is_some(),
            ready: conditions
                .iter()
                .any(|it| it["type"] == "Ready" && it["status"] == "True"),
            restarts: pod["status"]["containerStatuses"][0]["restartCount"]
                .as_u64()
                .unwrap_or(0),
        };
        // A pod that was already terminating at the start does not count.
        let before = self.pods.insert(name.clone(), now.clone()).unwrap_or(Pod {
            terminating: now.terminating,
            ..Pod::default()
        });
        if before == now {
            return;
        }
        self.note(&format!("{name} {now:?}"));
        if now.terminating && !before.terminating {
            self.report.removed += 1;
            self.report.unmarked += usize::from(!now.marked);
            let of_it = |worker: &&String| self.workers.get(*worker) == Some(&name);
            let held: Vec<&String> = self
                .holders
                .iter()
                .filter(|(_, it)| of_it(it))
                .map(|(task, _)| task)
                .collect();
            let held = format!("{name} is deleted, marked: {}, held: {held:?}", now.marked);
            self.note(&held);
        }
    }

    fn on_query(&mut self, result: &Value) {
        let words = |value: &Value| -> Vec<String> {
            value
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        // Before the claims of this result are recorded, because the task may have another holder by now.
        for pair in words(&result[1]).chunks_exact(2) {
            let (task, attempts) = (&pair[0], pair[1].parse().unwrap_or(0));
            if self.attempts.insert(task.clone(), attempts).unwrap_or(0) < attempts {
                let worker = self.holders.get(task).cloned().unwrap_or_default();
                self.note(&format!("{worker} lost {task}, {attempts} failed attempts"));
                let deleted = self
                    .workers
                    .get(&worker)
                    .and_then(|pod| self.pods.get(pod))
                    .is_some_and(|it| it.terminating);
                *(if deleted {
                    &mut self.report.interrupted
                } else {
                    &mut self.report.lost
                }) += 1;
            }
        }
        let workers = result[0].as_array().map_or(&[][..], Vec::as_slice);
        self.known = (workers.len(), result[2].as_u64().unwrap_or(0));
        let mut held = BTreeMap::new();
        for worker in workers {
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
