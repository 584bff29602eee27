//! `kubectl workerpool dashboard` forwards to the operator's page, and to the next operator's after the pod is deleted; with
//! a login it sends a token.

use e2e::world::{World, eventually, name_of, words};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::process::Process;
use testkit::proxy::Proxy;

/// The pools that the dashboard at local port `port` serves, or its whole response.
fn pools(port: &str) -> Result<Value, String> {
    pools_with(port, "")
}

/// The same with further headers, each with its end of line.
pub fn pools_with(port: &str, headers: &str) -> Result<Value, String> {
    let describe = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).map_err(describe)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(describe)?;
    let request = format!("GET /api/pools HTTP/1.0\r\nhost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).map_err(describe)?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map_err(describe)?;
    let body = response
        .split_once("\r\n\r\n")
        .filter(|_| response.contains(" 200 "));
    body.and_then(|(_, body)| serde_json::from_str(body).ok())
        .ok_or(response)
}

/// `kubectl workerpool dashboard` on a free port, and that port.
fn dashboard(world: &World, kubeconfig: &Path) -> (Process, String) {
    let line = "workerpool dashboard --port 0 --no-open -n";
    let mut command = Command::new("kubectl");
    command.args(words(line)).arg(&world.namespace);
    command.env("KUBECONFIG", kubeconfig);
    let mut plugin = Process::start(command.stdout(Stdio::piped()));
    let url = plugin.read_line();
    let port = url.trim().strip_prefix("http://localhost:");
    (plugin, port.expect("an address").to_owned())
}

fn kubeconfig() -> PathBuf {
    std::env::var_os("KUBECONFIG").expect("KUBECONFIG").into()
}

/// Runs the dashboard through a proxy that the kubeconfig names, and checks that the bytes went through it.
fn forwards_through_a_proxy(world: &World, scheme: &str) {
    let fields = "jsonpath={.clusters[0].cluster.server} {.clusters[0].name}";
    let server = world.kubectl(&["config", "view", "--minify", "-o", fields]);
    let (server, cluster) = server.split_once(' ').expect("a server and a name");
    let server = server.strip_prefix("https://").expect("TLS");
    let proxy = Proxy::start(server);
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config");
    std::fs::copy(kubeconfig(), &config).expect("a copy");
    let file = config.to_str().expect("UTF-8");
    let (field, url) = (format!("clusters.{cluster}.proxy-url"), proxy.url(scheme));
    world.kubectl(&["config", "--kubeconfig", file, "set", &field, &url]);
    let (_running, port) = dashboard(world, &config);
    let page = eventually("the page", || pools(&port));
    assert_eq!(page[0]["name"], "filters");
    let traffic = proxy.traffic();
    // One connection for the requests, and at least one for the forward.
    assert!(
        traffic.asked.len() >= 2 && traffic.asked.iter().all(|asked| asked == server),
        "{scheme}: {traffic:?}"
    );
}

#[test]
fn dashboard_survives_a_new_operator_and_a_proxy() {
    let world = World::install("dashboard", &json!({}));
    for scheme in ["http", "socks5"] {
        forwards_through_a_proxy(&world, scheme);
    }
    let (_running, port) = dashboard(&world, &kubeconfig());
    let first = eventually("the page", || pools(&port));
    assert_eq!(first[0]["name"], "filters");

    let operators = || -> Vec<String> { world.pods("operator").iter().map(name_of).collect() };
    let old = operators();
    world.kubectl(&["delete", "pod", &old[0], "--wait"]);
    let again = eventually("the page of the next operator", || pools(&port));
    assert_eq!(again[0]["name"], "filters");
    assert!(
        operators().iter().all(|pod| !old.contains(pod)),
        "the page comes from a new pod"
    );
    shows_what_the_account_may_get(&world);
}

/// `kubectl port-forward` to the dashboard, without the plugin.
pub fn port_forward(world: &World) -> (Process, String) {
    let mut command = world.command(&["port-forward", "deployment/wp-workerpool", ":8000"]);
    let mut forward = Process::start(command.stdout(Stdio::piped()));
    let line = forward.read_line();
    let port = line.strip_prefix("Forwarding from 127.0.0.1:");
    let port = port.and_then(|rest| rest.split(' ').next());
    (forward, port.expect("a port").to_owned())
}

/// With a login, the dashboard answers only to accounts of the cluster, with what each may get.
fn shows_what_the_account_may_get(world: &World) {
    world.upgrade("dashboard.auth=token");
    let account = |name: &str| {
        let token = world.kubectl(&["create", "token", name]);
        format!("authorization: Bearer {}\r\n", token.trim())
    };
    let (_forward, direct) = port_forward(world);
    let refused = pools(&direct).expect_err("no token");
    assert!(refused.starts_with("HTTP/1.0 401"), "{refused}");
    let tenant = account("default");
    // With a Role in one namespace, the operator may not ask who a token belongs to.
    let unknown = pools_with(&direct, &tenant).expect_err("no right to ask");
    assert!(unknown.contains("system:auth-delegator"), "{unknown}");
    let binding = "e2e-dashboard-reviews";
    world.allow_reviews(binding);

    let seen = eventually("an answer", || pools_with(&direct, &tenant));
    assert_eq!(seen, json!([]), "it may get no pools");
    let forged = pools_with(&direct, "authorization: Bearer forged\r\n");
    assert!(forged.expect_err("forged").starts_with("HTTP/1.0 401"));
    // This kubeconfig has a certificate and no token: the plugin takes one of the chart's account for viewers.
    let (_running, port) = dashboard(world, &kubeconfig());
    let page = eventually("the page", || pools(&port));
    assert_eq!(page[0]["name"], "filters");
    world.kubectl(&["delete", "clusterrolebinding", binding]);
}
