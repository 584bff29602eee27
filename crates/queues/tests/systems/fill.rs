//! Queues of any size, as their systems write them: to measure reads, not to show that they are right.

use queues::{Queue, QueueOptions, QueueSystem};
use redis::{Connection, Pipeline, pipe};

/// A queue `mail` of `system`, with `tasks` that wait and `workers` of which each holds one.
pub fn queue(redis: &mut Connection, system: QueueSystem, workers: usize, tasks: usize) -> Queue {
    let mut pipe = pipe();
    match system {
        QueueSystem::RQ => rq(&mut pipe, workers, tasks),
        QueueSystem::BullMQ | QueueSystem::Bull => bullmq(&mut pipe, workers, tasks),
        QueueSystem::Sidekiq => sidekiq(&mut pipe, workers, tasks),
        _ => horizon(&mut pipe, workers, tasks),
    }
    let _: () = redis::cmd("FLUSHALL").query(redis).unwrap();
    let _: () = pipe.query(redis).unwrap();
    Queue::new(system, &QueueOptions::named("mail"))
}

/// Lists of 1,000 elements each time: one command with all would be too long.
fn push(pipe: &mut Pipeline, key: &str, tasks: usize, task: impl Fn(usize) -> String) {
    let tasks: Vec<String> = (0..tasks).map(task).collect();
    for chunk in tasks.chunks(1_000) {
        pipe.rpush(key, chunk).ignore();
    }
}

fn rq(pipe: &mut Pipeline, workers: usize, tasks: usize) {
    push(pipe, "rq:queue:mail", tasks, |n| format!("job-{n}"));
    pipe.hset("rq:job:job-0", "enqueued_at", "2026-11-20T13:06:39.500000Z")
        .ignore();
    for n in 0..workers {
        let key = format!("rq:worker:w{n}");
        let hash = [
            ("state", "busy"),
            ("hostname", "worker-5d4f-abcde"),
            ("queues", "mail"),
        ];
        pipe.hset_multiple(&key, &hash)
            .sadd("rq:workers:mail", &key)
            .ignore();
        pipe.zadd("rq:wip:mail", n, 9_999_999_999i64).ignore();
    }
}

fn bullmq(pipe: &mut Pipeline, workers: usize, tasks: usize) {
    push(pipe, "bull:mail:wait", tasks, |n| format!("{n}"));
    push(pipe, "bull:mail:active", workers, |n| format!("active-{n}"));
    for n in 0..workers {
        let token = format!("5f0e7a52-96b5-4d3e-8a50-{n:012}:1");
        pipe.set(format!("bull:mail:active-{n}:lock"), token)
            .ignore();
        pipe.hset(
            format!("bull:mail:active-{n}"),
            "pb",
            format!("worker-5d4f-{n}"),
        )
        .ignore();
    }
}

fn sidekiq(pipe: &mut Pipeline, workers: usize, tasks: usize) {
    let job = r#"{"class":"Job","args":[1],"queue":"mail","enqueued_at":1795180000.1}"#;
    push(pipe, "queue:mail", tasks, |_| job.to_owned());
    for n in 0..workers {
        let id = format!("worker-5d4f-{n}:1:0123456789ab");
        let info = format!(
            r#"{{"hostname":"worker-5d4f-{n}","started_at":1.5,"pid":1,"tag":"","concurrency":5,"queues":["mail"],"labels":[],"identity":"{id}"}}"#
        );
        let hash = [("info", &*info), ("busy", "1"), ("quiet", "false")];
        pipe.sadd("processes", &id)
            .hset_multiple(&id, &hash)
            .ignore();
        let work = r#"{"queue":"mail","payload":"{}","run_at":1795180000}"#;
        pipe.hset(format!("{id}:workers"), "tid", work).ignore();
    }
}

fn horizon(pipe: &mut Pipeline, workers: usize, tasks: usize) {
    let job = r#"{"uuid":"x","job":"Job","data":{},"pushedAt":"1795180000.5"}"#;
    push(pipe, "laravel_database_queues:mail", tasks, |_| {
        job.to_owned()
    });
    for n in 0..workers {
        let master = format!("worker-5d4f-{n}-aB3d");
        let (supervisor, key) = (format!("{master}:mail"), |kind: &str, name: &str| {
            format!("laravel_horizon:{kind}:{name}")
        });
        pipe.zadd("laravel_horizon:masters", &master, n).ignore();
        pipe.zadd("laravel_horizon:supervisors", &supervisor, n)
            .ignore();
        pipe.hset(key("master", &master), "status", "running")
            .ignore();
        let hash = [
            ("master", &*master),
            ("status", "running"),
            ("processes", r#"{"redis:mail":3}"#),
        ];
        pipe.hset_multiple(key("supervisor", &supervisor), &hash)
            .ignore();
    }
}
