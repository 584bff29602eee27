//! The rights that docs/queue-systems.md names are enough to read a queue, and each of them is needed.

use crate::fill;
use crate::stage::read;
use queues::{Queue, QueueOptions, QueueSystem};
use redis::{Connection, cmd};
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
