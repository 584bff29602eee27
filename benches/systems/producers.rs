//! The producers: each pushes a task to the queue that it is given, with the library of its system.

use crate::trials::{QUEUES, Redis};
use protocol::{Keys, Task, push};
use queues::QueueSystem;
use std::collections::HashMap;
use testkit::producer::Programs;
use testkit::redis::RedisServer;

/// The group of a stream.
pub const GROUP: &str = "workers";

const LIBRARIES: &str = env!("CARGO_TARGET_TMPDIR");

/// Pushes a task to a queue, and returns once the library does.
pub type Push = dyn FnMut(&str) + Send;

/// The producer of `system` on `redis`, which is `server` alone.
pub fn of(system: QueueSystem, redis: &Redis, server: &RedisServer) -> Box<Push> {
    let programs = match system {
        QueueSystem::Celery => Programs::celery(LIBRARIES),
        QueueSystem::RQ => Programs::rq(LIBRARIES),
        QueueSystem::BullMQ => Programs::bullmq(LIBRARIES, "bullmq"),
        QueueSystem::Bull => Programs::bullmq(LIBRARIES, "bull"),
        QueueSystem::Sidekiq => Programs::sidekiq(),
        QueueSystem::Laravel => Programs::laravel("laravel_database_"),
        QueueSystem::WorkerPool | QueueSystem::List | QueueSystem::Stream => {
            return of_rust(system, redis);
        }
    };
    let mut producer = programs.produce(server, server);
    Box::new(move |queue| producer.push(queue, "job"))
}

/// The producer of a system that is used from Rust.
pub fn of_rust(system: QueueSystem, redis: &Redis) -> Box<Push> {
    let connect = |queue| {
        let connection = redis.client(queue).get_connection();
        (queue, connection.expect("a connection"))
    };
    let mut connections: HashMap<_, _> = QUEUES.into_iter().map(connect).collect();
    if system == QueueSystem::Stream {
        for (queue, redis) in &mut connections {
            let mut create = redis::cmd("XGROUP");
            create.arg("CREATE").arg(*queue).arg(GROUP);
            create.arg("$").arg("MKSTREAM").exec(redis).unwrap();
        }
    }
    Box::new(move |queue| {
        let redis = connections.get_mut(queue).expect("one of the queues");
        let pushed = match system {
            QueueSystem::Stream => redis::cmd("XADD")
                .arg(queue)
                .arg("*")
                .arg("task")
                .arg("x")
                .exec(redis),
            QueueSystem::List => redis::cmd("LPUSH").arg(queue).arg("x").exec(redis),
            _ => push(&Keys::new(queue), &[Task::new("x")])
                .and_then(|transaction| transaction.exec(redis)),
        };
        pushed.expect("Redis takes it");
    })
}
