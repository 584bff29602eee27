//! A running HTTP front, and a client for it.

use crate::process::{Harness, Process, TIMEOUT, until};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use testkit::port::free_port;

/// Where batches are sent to.
pub const BATCHES: &str = "/api/process-batch/distributed/";
/// The name of the front in a request.
pub const HOST: &str = "Host: front\r\n";

/// A running front, with a client.
pub struct Front {
    pub harness: Harness,
    pub process: Process,
    pub address: SocketAddr,
}

pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Message, location and hint of an error response.
    pub fn error(&self) -> String {
        let error = &self.json()["error"];
        format!("{} | {} | {}", error["message"], error["at"], error["hint"])
    }

    /// Asserts this status, and an error that contains `part`.
    #[track_caller]
    pub fn assert_error(&self, status: u16, part: &str) {
        let error = self.error();
        assert!(
            self.status == status && error.contains(part),
            "{} {error}: not {status} {part}",
            self.status
        );
    }
}

impl Front {
    pub fn start(args: &[&str]) -> Self {
        Self::start_within(args, |command| command)
    }

    /// Starts it with a changed command.
    pub fn start_within(args: &[&str], change: impl FnOnce(Command) -> Command) -> Self {
        let harness = Harness::new();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let listen = address.to_string();
        let mut command = harness.command("front");
        command.args([&["serve", "--listen", &listen], args].concat());
        let process = Process::start(&mut change(command));
        until("the front", || TcpStream::connect(address).ok());
        Self {
            harness,
            process,
            address,
        }
    }

    pub fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Response {
        let headers = format!("{HOST}Content-Type: {kind}\r\n");
        request(self.address, method, path, &headers, body)
    }

    /// Sends a batch with further headers.
    pub fn post_with(&self, headers: &str, batch: &Value) -> Response {
        post_to(self.address, headers, batch)
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, "text/plain", b"")
    }

    pub fn post(&self, batch: &Value) -> Response {
        self.post_with(HOST, batch)
    }

    /// The URLs of a batch's tasks.
    pub fn urls(response: &Response) -> Vec<String> {
        assert_eq!(response.status, 202, "{}", response.error());
        let tasks = response.json()["tasks"].as_array().unwrap().clone();
        tasks
            .iter()
            .map(|it| it["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Waits until a task is no longer pending.
    #[track_caller]
    pub fn wait_for(&self, url: &str) -> Value {
        until("the task to end", || {
            Some(self.get(url).json()).filter(|it| it["status"] != "pending")
        })
    }
}

/// `POST`s a batch. `headers` are whole lines and contain `Host`.
pub fn post_to(address: SocketAddr, headers: &str, batch: &Value) -> Response {
    let headers = format!("{headers}Content-Type: application/json\r\n");
    let body = batch.to_string();
    request(address, "POST", BATCHES, &headers, body.as_bytes())
}

pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let _ = stream.write_all(body); // the server may refuse after the head and close
    read_response(&mut stream)
}

pub fn read_response(stream: &mut TcpStream) -> Response {
    let mut response = Vec::new();
    let read = stream.read_to_end(&mut response);
    let end = response
        .windows(4)
        .position(|it| it == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("{read:?}: no response with a head: {response:?}"));
    let head = String::from_utf8(response[..end].to_vec())
        .unwrap()
        .to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response {
        status,
        head,
        body: response[end + 4..].to_vec(),
    }
}
