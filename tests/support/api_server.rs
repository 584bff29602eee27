//! A scripted API server: fixed answers by method and path, and a record of what was asked. It speaks plain HTTP on
//! a port of its own, so that a whole program can be run against it.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

type Answers = Vec<(String, String, u16, Value)>;

/// A running server; it ends with the value.
pub struct ApiServer {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    closed: Arc<AtomicBool>,
}

impl ApiServer {
    /// Answers `METHOD path` as told, and all else with 404.
    pub fn start<const N: usize>(answers: [(&str, &str, u16, Value); N]) -> Self {
        let answers: Answers = answers
            .into_iter()
            .map(|(method, path, code, body)| (method.into(), path.into(), code, body))
            .collect();
        let answers = Arc::new(answers);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (calls, closed) = (Arc::<Mutex<Vec<(String, Value)>>>::default(), Arc::<AtomicBool>::default());
        let (seen, end) = (calls.clone(), closed.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return; // the port closes with the listener
                }
                let (answers, seen) = (answers.clone(), seen.clone());
                thread::spawn(move || serve(&stream.expect("a connection"), &answers, &seen));
            }
        });
        Self { address, calls, closed }
    }

    /// Closes the port: from now on connections are refused.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        while TcpStream::connect(self.address).is_ok() {
            thread::yield_now();
        }
    }

    /// `127.0.0.1:<port>`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// A kubeconfig that leads here, with a context named `class`.
    pub fn kubeconfig(&self) -> String {
        format!(
            "{{apiVersion: v1, kind: Config, current-context: class,
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}], users: [{{name: u, user: {{}}}}],
             contexts: [{{name: class, context: {{cluster: c, user: u}}}}]}}",
            self.address
        )
    }

    /// The bodies of all requests with this method, in order.
    pub fn bodies(&self, method: &str) -> Vec<Value> {
        let calls = self.calls.lock().expect("no panic");
        calls.iter().filter(|(it, _)| it == method).map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Serves one connection until the client closes it.
fn serve(mut stream: &TcpStream, answers: &Answers, calls: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream);
    while let Some((method, path, body)) = read(&mut reader) {
        calls
            .lock()
            .expect("no panic")
            .push((method.clone(), serde_json::from_slice(&body).unwrap_or(Value::Null)));
        let missing = (404, r#"{"apiVersion":"v1","kind":"Status","status":"Failure","code":404,"reason":"NotFound","message":"not found"}"#.to_owned());
        let found = answers.iter().find(|(it, at, ..)| *it == method && *at == path);
        let (code, body) = found.map_or(missing, |(_, _, code, body)| (*code, body.to_string()));
        let head = format!(
            "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

/// Method, path without query, and body of the next request.
fn read(reader: &mut impl BufRead) -> Option<(String, String, Vec<u8>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.split('?').next()?.to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, body))
}
