//! `kubectl workerpool dashboard` forwards to the operator's page, and to the next operator's after the pod is deleted.

use e2e::world::{World, eventually};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process that is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The pools that the dashboard at local port `port` serves.
fn pools(port: &str) -> Result<Value, String> {
    let describe = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).map_err(describe)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(describe)?;
    stream
        .write_all(b"GET /api/pools HTTP/1.0\r\nhost: localhost\r\n\r\n")
        .map_err(describe)?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map_err(describe)?;
    let body = response
        .split_once("\r\n\r\n")
        .filter(|_| response.contains(" 200 "));
    body.and_then(|(_, body)| serde_json::from_str(body).ok())
        .ok_or(response)
}

#[test]
fn dashboard_reconnects_to_the_next_operator() {
    let world = World::install("dashboard", &json!({}));
    let mut child = Command::new("kubectl")
        .args([
            "workerpool",
            "-n",
            &world.namespace,
            "dashboard",
            "--port",
            "0",
            "--no-open",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .expect("the plugin");
    let mut url = String::new();
    BufReader::new(child.0.stdout.take().expect("a pipe"))
        .read_line(&mut url)
        .expect("an address");
    let port = url
        .trim()
        .strip_prefix("http://localhost:")
        .expect("an address")
        .to_owned();
    let first = eventually("the page", || pools(&port));
    assert_eq!(first[0]["name"], "filters");

    let operators = || {
        let pods = world.json(&["get", "pods", "-l", "app.kubernetes.io/component=operator"]);
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        pods.iter()
            .map(|pod| {
                pod["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    let old = operators();
    world.kubectl(&["delete", "pod", &old[0], "--wait"]);
    let again = eventually("the page of the next operator", || pools(&port));
    assert_eq!(again[0]["name"], "filters");
    assert!(
        operators().iter().all(|pod| !old.contains(pod)),
        "the page comes from a new pod"
    );
}
