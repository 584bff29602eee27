//! A queue system at work: a producer, workers in containers, and what both write down.

use decide::{Metric, QueueMetrics, Unavailable};
use queues::{Poll, Queue, QueueOptions, QueueSystem, Reading};
use redis::{Commands, Connection, ConnectionLike};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use testkit::process::Process;
use testkit::producer::{Producer, Programs};
use testkit::redis::RedisServer;
use testkit::wait::{TIMEOUT, until};

/// The system at work.
pub struct Stage {
    pub redis: RedisServer,
    /// What producers and jobs write down: on a server of its own, so that nothing of it is read.
    notes: RedisServer,
    programs: Programs,
    producer: Producer,
    pods: BTreeMap<String, Pod>,
    /// The queue of each job that was pushed, and whether it was delayed.
    jobs: BTreeMap<String, (String, bool)>,
    failed: BTreeSet<String>,
}

/// A worker process in a container of its own, with its own host name.
struct Pod {
    _process: Process,
    queues: Vec<String>,
}

/// What is compared: the metrics, and which pods hold a task.
#[derive(Debug, PartialEq, Eq)]
pub struct Figures {
    pub ready: i64,
    pub in_flight: i64,
    pub delayed: i64,
    pub failed: i64,
    pub live: Option<i64>,
    pub busy: Option<i64>,
    /// Each pod, and whether it holds a task.
    pub pods: Option<BTreeMap<String, bool>>,
}

impl Stage {
    pub fn new(programs: Programs) -> Self {
        let redis = RedisServer::start();
        let notes = RedisServer::start();
        Self {
            producer: programs.produce(&redis, &notes),
            redis,
            notes,
            programs,
            pods: BTreeMap::new(),
            jobs: BTreeMap::new(),
            failed: BTreeSet::new(),
        }
    }

    /// Pushes jobs to `queue`.
    pub fn push(&mut self, queue: &str, jobs: &[&str]) {
        for job in jobs {
            self.push_with(queue, job, "priority", 0);
        }
    }

    /// Pushes a job that is ready after some seconds.
    pub fn delay(&mut self, queue: &str, job: &str, seconds: u32) {
        self.push_with(queue, job, "delay", seconds);
    }

    /// Pushes a job with an option of its system; 0 is none.
    pub fn push_with(&mut self, queue: &str, job: &str, option: &str, value: u32) {
        let mut what = serde_json::json!({"do": "push", "queue": queue, "job": job});
        if value > 0 {
            what[option] = value.into();
        }
        self.producer.ask(&what);
        let is_delayed = option == "delay";
        self.jobs
            .insert(job.to_owned(), (queue.to_owned(), is_delayed));
    }

    /// Has the producer begin to push jobs to `queue` whose names begin with `name`.
    pub fn burst(&mut self, queue: &str, name: &str) {
        self.producer
            .ask(&serde_json::json!({"do": "burst", "queue": queue, "job": name}));
    }

    /// Waits until it has pushed the last one.
    pub fn join(&mut self) {
        self.producer.ask(&serde_json::json!({"do": "join"}));
    }

    /// Pauses or resumes `queue`.
    pub fn pause(&mut self, queue: &str, pause: bool) {
        let what = if pause { "pause" } else { "resume" };
        self.producer
            .ask(&serde_json::json!({"do": what, "queue": queue}));
    }

    /// Lets as many jobs of `queue` run at once, or begin within a minute, by `what` is limited.
    pub fn limit(&mut self, queue: &str, what: &str, most: u32) {
        self.producer
            .ask(&serde_json::json!({"do": "limit", "queue": queue, what: most}));
    }

    /// Starts a worker of `queues` in a container whose host name is `pod`; `arguments` follow the queues.
    pub fn start(&mut self, pod: &str, queues: &[&str], arguments: &[&str]) {
        let words = [queues, arguments].concat();
        let process = self.programs.work(pod, &words, &self.redis, &self.notes);
        let started = Pod {
            _process: process,
            queues: queues.iter().map(|it| (*it).to_owned()).collect(),
        };
        self.pods.insert(pod.to_owned(), started);
    }

    /// Kills all processes of a pod at once, as the end of a node does.
    pub fn kill(&mut self, pod: &str) {
        self.pods.remove(pod).expect("it runs");
    }

    /// Waits until `job` has started, and returns its host.
    pub fn started(&self, job: &str) -> String {
        until(&format!("the start of {job}"), || {
            self.notes("started").remove(job)
        })
    }

    /// Ends jobs that have started, and waits until they say so.
    pub fn end(&mut self, jobs: &[&str], how: &str) {
        for job in jobs {
            self.started(job);
            let _: i64 = self
                .notes
                .connect()
                .rpush(format!("end:{job}"), how)
                .unwrap();
            until(&format!("the end of {job}"), || {
                self.notes("ended").remove(*job)
            });
            if how == "fail" {
                self.failed.insert((*job).to_owned());
            }
        }
    }

    /// The jobs that have started and not ended.
    pub fn running(&self) -> Vec<String> {
        let ended = self.notes("ended");
        let started = self.notes("started").into_keys();
        started.filter(|job| !ended.contains_key(job)).collect()
    }

    /// How many jobs have ended.
    pub fn ended(&self) -> usize {
        self.notes("ended").len()
    }

    /// Each job of a list, and its host.
    fn notes(&self, list: &str) -> BTreeMap<String, String> {
        let lines: Vec<String> = self.notes.connect().lrange(list, 0, -1).unwrap();
        let split = |line: String| {
            line.split_once(' ')
                .map(|(job, host)| (job.to_owned(), host.to_owned()))
        };
        lines.into_iter().filter_map(split).collect()
    }

    /// What producer and jobs have written down about `queue`.
    pub fn written(&self, queue: &str) -> Figures {
        let (started, ended) = (self.notes("started"), self.notes("ended"));
        let of_queue = |job: &&String| self.jobs.get(*job).is_some_and(|(name, _)| name == queue);
        let running = |job: &&String| started.contains_key(*job) && !ended.contains_key(*job);
        let waiting = |delayed| {
            let jobs = self.jobs.iter().filter(|(job, (name, late))| {
                name == queue && *late == delayed && !started.contains_key(*job)
            });
            count(jobs)
        };
        let hosts: BTreeSet<&String> = self
            .jobs
            .keys()
            .filter(running)
            .map(|job| &started[job])
            .collect();
        let pods = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.queues.iter().any(|it| it == queue));
        let pods: BTreeMap<String, bool> = pods
            .map(|(name, _)| (name.clone(), hosts.contains(name)))
            .collect();
        Figures {
            ready: waiting(false),
            delayed: waiting(true),
            in_flight: count(self.jobs.keys().filter(of_queue).filter(running)),
            failed: count(self.failed.iter().filter(of_queue)),
            live: Some(count(&pods)),
            busy: Some(count(pods.values().filter(|busy| **busy))),
            pods: Some(pods),
        }
    }

    /// Reads `queue` as the operator does.
    pub fn read(&self, queue: &Queue) -> Reading {
        let url = format!("{}?protocol=resp3", self.redis.url());
        let client = redis::Client::open(url).unwrap();
        let reading = read(&mut client.get_connection().unwrap(), queue);
        reading.expect("a readable queue")
    }

    /// Asserts that what is read of `queue` becomes `expected`.
    pub fn expect(&self, queue: &Queue, expected: &Figures) -> Reading {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let reading = self.read(queue);
            let figures = figures(&reading, expected);
            if figures == *expected {
                return reading;
            }
            assert!(
                Instant::now() < deadline,
                "read: {figures:#?}\nwritten: {expected:#?}\n{reading:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asserts that what is read of `queue` becomes what producer and jobs have written down.
    pub fn check(&self, queue: &Queue) -> Reading {
        self.expect(queue, &self.written(queue.name()))
    }
}

/// Reads `queue` as the operator does.
pub fn read(redis: &mut Connection, queue: &Queue) -> Result<Reading, Unavailable> {
    let mut poll = Poll::new([(0, queue)]);
    let mut commands = poll.commands(true);
    while !commands.is_empty() {
        let mut pipeline = redis::Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command);
        }
        let packed = pipeline.get_packed_pipeline();
        let replies = redis.req_packed_commands(&packed, 0, pipeline.len());
        commands = poll.receive(replies.expect("Redis answers"));
    }
    poll.finish().next().expect("one queue")
}

/// What of `reading` is compared: what is unsupported is absent, and `expected` says so, too.
fn figures(reading: &Reading, expected: &Figures) -> Figures {
    let QueueMetrics {
        ready,
        in_flight,
        delayed,
        failed,
        live,
        busy,
        ..
    } = reading.metrics;
    let value = |metric: Metric, otherwise| metric.known().unwrap_or(otherwise);
    let rows = reading
        .workers
        .iter()
        .filter_map(|row| Some((row.pod.clone()?, row.busy)));
    Figures {
        ready: value(ready, -1),
        in_flight: value(in_flight, -1),
        delayed: value(delayed, -1),
        failed: value(failed, -1),
        live: live.known(),
        busy: busy.known(),
        pods: expected.pods.as_ref().map(|_| rows.collect()),
    }
}

fn count(things: impl IntoIterator) -> i64 {
    i64::try_from(things.into_iter().count()).unwrap()
}

/// A queue that has not been read yet: the server's list of clients is read at most every 10 s.
pub fn queue(system: QueueSystem, name: &str, prefix: Option<&str>) -> Queue {
    let options = QueueOptions {
        key_prefix: prefix.map(str::to_owned),
        ..QueueOptions::named(name)
    };
    Queue::new(system, &options)
}
