//! The rights that docs/queue-systems.md names, and that `check` tries, are enough for a queue, and each of them is needed.

use crate::fill;
use crate::stage::read;
use protocol::{Keys, Registration, register};
use queues::{DrainRequest, Purpose, Queue, QueueOptions, QueueSystem};
use redis::Commands;
use redis::{Connection, cmd};
use std::collections::BTreeSet;
use testkit::redis::RedisServer;

/// The rights of each row of the table.
fn table() -> Vec<(String, Vec<String>)> {
    let page = std::fs::read_to_string(testkit::root().join("docs/queue-systems.md")).unwrap();
    let (_, table) = page.split_once("| `ACL SETUSER` |").expect("the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let rights = cells[2].trim_matches('`').replace('\u{0}', "|");
        let rights = rights.split(' ').map(str::to_owned).collect();
        (cells[1].to_owned(), rights)
    };
    rows.map(row).collect()
}

/// A connection of a user with these rights alone.
fn user(server: &RedisServer, rights: &[&str]) -> Connection {
    let mut redis = server.connect();
    let mut user = cmd("ACL");
    user.arg("SETUSER")
        .arg("reader")
        .arg("reset")
        .arg("on")
        .arg(">secret");
    user.arg("+hello").arg("+auth").arg("+ping").arg(rights);
    let _: () = user.query(&mut redis).unwrap();
    let url = server.url().replace("//", "//reader:secret@");
    let client = redis::Client::open(format!("{url}?protocol=resp3")).unwrap();
    let connection = client.get_connection().unwrap();
    let _: () = cmd("ACL")
        .arg("LOG")
        .arg("RESET")
        .query(&mut redis)
        .unwrap();
    connection
}

#[test]
fn rights_are_enough_and_each_is_needed() {
    let server = RedisServer::start();
    let rows = table();
    assert_eq!(rows.len(), 6);
    for (name, rights) in &rows {
        let system = QueueSystem::ALL
            .iter()
            .find(|it| name.split(' ').next() == Some(it.name()));
        let system = *system.expect(name);
        // Without masters Horizon is not there.
        let workers = if name == "Laravel" { 0 } else { 2 };
        fill::queue(&mut server.connect(), system, workers, 3);
        let all: Vec<&str> = rights.iter().map(String::as_str).collect();
        let open = || Queue::new(system, &QueueOptions::named("mail"));
        let metrics =
            |rights: &[&str]| read(&mut user(&server, rights), &open()).map(|it| it.metrics);
        let known = metrics(&all).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let log: Vec<redis::Value> = cmd("ACL").arg("LOG").query(&mut server.connect()).unwrap();
        assert_eq!(log, [], "{name}");
        for missing in &all {
            let fewer: Vec<&str> = all.iter().filter(|it| *it != missing).copied().collect();
            let is_noticed = match metrics(&fewer) {
                Err(_) => true,
                Ok(metrics) => metrics != known || *missing == "+client|list",
            };
            assert!(is_noticed, "{name} does not need {missing}");
        }
    }
}

/// Whether a user has lacked a right since [`user`].
fn has_lacked(server: &RedisServer) -> bool {
    let log: Vec<redis::Value> = cmd("ACL").arg("LOG").query(&mut server.connect()).unwrap();
    !log.is_empty()
}

/// All that `check` says that a queue needs, as `ACL SETUSER` grants it.
fn granted(queue: &Queue) -> Vec<String> {
    let rights = queue.needs().into_iter().map(|it| format!("+{}", it.right));
    let rights: BTreeSet<String> = rights.collect();
    queue.key_patterns().into_iter().chain(rights).collect()
}

#[test]
fn what_check_tries_is_what_the_page_names() {
    let mut page: Vec<(QueueSystem, BTreeSet<String>)> = Vec::new();
    for (name, rights) in table() {
        let mut systems = QueueSystem::ALL.iter();
        let system = systems.find(|it| name.split(' ').next() == Some(it.name()));
        let commands = rights.iter().filter_map(|it| it.strip_prefix('+'));
        let commands = commands
            .filter(|it| *it != "client|list")
            .map(str::to_owned);
        page.push((*system.unwrap(), commands.collect()));
        if let [.., (before, all), (system, more)] = &mut *page
            && before == system
        {
            all.append(more);
            page.pop();
        }
    }
    for (system, expected) in page {
        let needs = Queue::new(system, &QueueOptions::named("mail")).needs();
        let reads = needs.into_iter().filter(|it| it.purpose == Purpose::Read);
        let reads: BTreeSet<String> = reads.map(|it| it.right).collect();
        assert_eq!(reads, expected, "{system:?}");
    }
}

#[test]
fn what_check_tries_is_enough_to_read_to_drain_and_to_rescue() {
    let server = RedisServer::start();
    let mut admin = server.connect();
    for system in QueueSystem::ALL {
        let mut options = QueueOptions::named("mail");
        options.group = (*system == QueueSystem::Stream).then(|| "g".to_owned());
        let _: () = cmd("FLUSHALL").query(&mut admin).unwrap();
        let queue = match system {
            QueueSystem::WorkerPool | QueueSystem::List | QueueSystem::Celery => {
                Queue::new(*system, &options)
            }
            QueueSystem::Stream => {
                let group = ["CREATE", "mail", "g", "0", "MKSTREAM"];
                let _: () = cmd("XGROUP").arg(&group).query(&mut admin).unwrap();
                Queue::new(*system, &options)
            }
            _ => fill::queue(&mut admin, *system, 1, 3),
        };
        let rights = granted(&queue);
        let rights: Vec<&str> = rights.iter().map(String::as_str).collect();
        let mut redis = user(&server, &rights);
        read(&mut redis, &queue).unwrap();
        assert!(!has_lacked(&server), "{system:?}");
    }
}

#[test]
fn each_right_to_read_the_reference_protocol_is_needed() {
    let server = RedisServer::start();
    let queue = Queue::new(QueueSystem::WorkerPool, &QueueOptions::named("mail"));
    let keys = Keys::new("mail");
    let mut admin = server.connect();
    let _: () = admin.lpush(keys.ready(), "{}").unwrap();
    let worker = |name: &str| Registration {
        name: name.to_owned(),
        pod: name.to_owned(),
        namespace: None,
        host: "host".to_owned(),
        version: "1".to_owned(),
    };
    let mut id = || {
        let id = register(&keys, &worker("w"), 1);
        id.run_blocking(&mut admin).unwrap()
    };
    let (drained, dead) = (id(), id());
    let _: () = admin.del(keys.worker(&dead)).unwrap();
    let _: () = admin.lpush(keys.claimed(&dead), "{}").unwrap();
    let all = granted(&queue);
    for need in queue.needs() {
        if need.purpose != Purpose::Read || need.right == "evalsha_ro" {
            continue; // the script is sent in full
        }
        let right = format!("+{}", need.right);
        let fewer = all.iter().filter(|it| **it != right);
        let fewer: Vec<&str> = fewer.map(String::as_str).collect();
        let _ = read(&mut user(&server, &fewer), &queue);
        assert!(has_lacked(&server), "it does not need {right}");
    }
    let rights: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut redis = user(&server, &rights);
    let Some(DrainRequest::Script(drain)) =
        Queue::request_drain(std::slice::from_ref(&queue), 0, &drained, true)
    else {
        panic!("a script");
    };
    assert!(drain.run_blocking(&mut redis).unwrap());
    let rescue = queue.rescue().unwrap();
    let found = rescue.find_dead().run_blocking(&mut redis).unwrap();
    assert_eq!(found, std::slice::from_ref(&dead));
    let reaped = rescue.reap(&dead).run_blocking(&mut redis).unwrap();
    assert_eq!(reaped.rescued, 1);
    assert!(!has_lacked(&server), "a right that is not named");
}
