//! The password of a local cluster's Redis: Redis asks for it, and nobody else on the machine can read it.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use testkit::local::{Local, http, until};
use testkit::port::free_port;

/// The argument lists of all processes of this machine, as `ps` shows them.
fn argument_lists() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lists = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    lists
        .map(|list| String::from_utf8_lossy(&list).replace('\0', " "))
        .collect()
}

/// The files below `directory` that have `password`, which other users may read.
fn open_files(directory: &Path, password: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    let open = |entry: std::fs::DirEntry| {
        if entry.file_type().unwrap().is_dir() {
            return open_files(&entry.path(), password);
        }
        let content = std::fs::read(entry.path()).unwrap_or_default();
        let has = String::from_utf8_lossy(&content).contains(password);
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let is_open = has && mode != 0o600;
        Vec::from_iter(is_open.then(|| format!("{} {mode:o}", entry.path().display())))
    };
    entries.flat_map(open).collect()
}

/// The reply to PING on a connection without a password.
fn ping(host: &str) -> String {
    let mut connection = TcpStream::connect(host).unwrap();
    connection.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    connection.read_exact(&mut reply).unwrap();
    String::from_utf8(reply.to_vec()).unwrap()
}

/// The URL of the cluster's Redis, its password, and its host with the port.
fn login(local: &Local) -> (String, String, String) {
    let url = local.cluster_info()["redis"].as_str().unwrap().to_owned();
    let (password, host) = url["redis://:".len()..].split_once('@').unwrap();
    let (password, host) = (password.to_owned(), host.replace("/0", ""));
    assert!(password.len() >= 32, "{password}");
    (url, password, host)
}

#[test]
fn redis_has_a_password_and_no_argument_list_shows_it() {
    let (local, other) = (Local::new(), Local::new());
    let started = local.run(&["metrics", "--local"]);
    let (url, password, host) = login(&local);
    // Another cluster is led to this Redis by a URL with the password.
    let metrics = ["metrics", "--local", "--redis", &url];
    let started = started + &other.run(&metrics);
    assert_eq!(started.matches("exit 0").count(), 2, "{started}");
    let listen = format!("127.0.0.1:{}", free_port());
    let mut front = local
        .command(&["serve", "--local", "--listen", &listen])
        .spawn()
        .unwrap();
    until("the front", || {
        http(&listen, "GET", "/api/workers/status", "", "").filter(|answer| answer.0 == 200)
    });

    let lists = argument_lists();
    testkit::local::signal(front.id(), "TERM");
    front.wait().unwrap();
    let count = |part: &str| lists.iter().filter(|list| list.contains(part)).count();
    let supervisor = format!("{}/workerpool", local.home().display());
    for part in [
        "redis-server",
        "workerpool-operator --listen",
        "workerpool-worker",
        "kubectl-workerpool serve --local",
        "workerpool-worker --queue",
        &supervisor,
    ] {
        assert!(count(part) > 0, "no process {part}: {lists:#?}");
    }
    assert_eq!(count(&password), 0, "{lists:#?}");

    assert_eq!(ping(&host), "-NOAUTH");
    assert!(!started.contains(&password), "{started}");
    assert!(started.contains(&format!("redis://{host}/0")), "{started}");
    let shown = [
        "apis/workerpool.dev/v1alpha1/workerpools",
        "apis/apps/v1/deployments",
        "api/v1/pods",
    ];
    for kind in shown {
        let objects: Value = local.get(kind);
        assert!(objects["items"][0].is_object(), "{kind}: {objects}");
        assert!(!objects.to_string().contains(&password), "{objects}");
    }
    for cluster in [&local, &other] {
        assert_eq!(
            open_files(&cluster.state_dir(), &password),
            Vec::<String>::new()
        );
    }
}

#[test]
fn each_cluster_has_another_password() {
    let passwords = [Local::new(), Local::new()].map(|local| {
        local.run(&["metrics", "--local"]);
        login(&local).1
    });
    assert_ne!(passwords[0], passwords[1]);
}
