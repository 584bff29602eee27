//! A scripted API server: fixed responses by method and path, and a record of the requests. It serves plain HTTP on a
//! port of its own, so that whole programs can run against it. A port-forward to a pod leads to the same port of this machine.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

use crate::wait::TIMEOUT;

/// The status code and body that answer a method, path, query and body; `None` is a 404.
type Answer = dyn Fn(&str, &str, &str, &Value) -> Option<(u16, String)> + Send + Sync;
/// What is kept of a request: its method, its body, and when it came.
type Recorded = (String, Value, Instant);
/// All requests, and a signal for new ones.
type Requests = (Mutex<Vec<Recorded>>, Condvar);
/// The watched paths with their connections, and a signal for new ones.
type Watchers = Arc<(Mutex<Vec<(String, TcpStream)>>, Condvar)>;

/// A running server, which stops when dropped.
pub struct ApiServer {
    address: SocketAddr,
    requests: Arc<Requests>,
    closed: Arc<AtomicBool>,
    watchers: Watchers,
}

impl ApiServer {
    /// Serves `(method, path, code, body)`, and 404 for everything else.
    pub fn start<'a>(responses: impl IntoIterator<Item = (&'a str, &'a str, u16, Value)>) -> Self {
        Self::serving(responses, false)
    }

    /// The same with watches, which receive the events of [`Self::send_event`].
    pub fn streaming<'a>(
        responses: impl IntoIterator<Item = (&'a str, &'a str, u16, Value)>,
    ) -> Self {
        Self::serving(responses, true)
    }

    fn serving<'a>(
        responses: impl IntoIterator<Item = (&'a str, &'a str, u16, Value)>,
        streams: bool,
    ) -> Self {
        Self::listening(paged(scripted(responses)), streams)
    }

    /// Serves what `answer` returns, and watches.
    pub fn answering(
        answer: impl Fn(&str, &str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) -> Self {
        Self::listening(paged(answer), true)
    }

    /// Serves the same as [`Self::streaming`], and lists of JSON texts: as values, large ones would need many times their
    /// memory. A patch of what is in a list is answered with its first item.
    pub fn streaming_texts<'a>(
        responses: impl IntoIterator<Item = (&'a str, &'a str, u16, Value)>,
        lists: impl IntoIterator<Item = (&'a str, Vec<Arc<str>>)>,
    ) -> Self {
        let lists = lists.into_iter().map(|(path, items)| (path.into(), items));
        let lists: Vec<(String, Vec<Arc<str>>)> = lists.collect();
        let others = paged(scripted(responses));
        let answer = move |method: &str, path: &str, query: &str, body: &Value| {
            let inside = |at: &str| Some(path.strip_prefix(at)?.starts_with('/'));
            let mut lists = lists.iter();
            let text = match method {
                "GET" => lists.find(|(at, _)| at == path).map(|(_, items)| {
                    let metadata = serde_json::json!({"resourceVersion": "1"});
                    text_page(&metadata, items, query)
                }),
                "PATCH" => lists
                    .find(|(at, _)| inside(at) == Some(true))
                    .and_then(|(_, items)| Some(items.first()?.to_string())),
                _ => None,
            };
            text.map(|text| (200, text))
                .or_else(|| others(method, path, query, body))
        };
        Self::listening(Arc::new(answer), true)
    }

    fn listening(answer: Arc<Answer>, streams: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, closed) = (Arc::<Requests>::default(), Arc::<AtomicBool>::default());
        let watchers = Watchers::default();
        let (recorded, end, all) = (requests.clone(), closed.clone(), watchers.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return; // the port closes with the listener
                }
                let (answer, recorded) = (answer.clone(), recorded.clone());
                let watchers = streams.then(|| all.clone());
                thread::spawn(move || {
                    serve(
                        &stream.expect("a connection"),
                        &*answer,
                        &recorded,
                        watchers.as_ref(),
                    );
                });
            }
        });
        Self {
            address,
            requests,
            closed,
            watchers,
        }
    }

    /// Waits until `count` clients watch `path`.
    pub fn wait_for_watchers(&self, path: &str, count: usize) {
        let (watchers, arrival) = &*self.watchers;
        let too_few = |all: &mut Vec<(String, TcpStream)>| {
            all.iter().filter(|(at, _)| at == path).count() < count
        };
        drop(
            arrival
                .wait_while(watchers.lock().expect("no panic"), too_few)
                .expect("no panic"),
        );
    }

    /// Sends an event to all clients that watch `path`, its type first, as a real server does.
    pub fn send_event(&self, path: &str, kind: &str, object: &Value) {
        let line = format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        let mut watchers = self.watchers.0.lock().expect("no panic");
        // Closed connections are removed.
        watchers
            .retain_mut(|(at, stream)| at != path || stream.write_all(chunk.as_bytes()).is_ok());
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

    /// A kubeconfig for this server, with a context named `class`.
    pub fn kubeconfig(&self) -> String {
        kubeconfig(&format!("http://{}", self.address), "class")
    }

    /// The bodies of all requests with this method, in order.
    pub fn bodies(&self, method: &str) -> Vec<Value> {
        let requests = self.requests.0.lock().expect("no panic");
        requests
            .iter()
            .filter(|(it, ..)| it == method)
            .map(|(_, body, _)| body.clone())
            .collect()
    }

    /// When it received the first request with this method and such a body. It waits for one at most [`TIMEOUT`].
    pub fn received_at(&self, method: &str, is_such: impl Fn(&Value) -> bool) -> Instant {
        let (requests, arrival) = &*self.requests;
        let find = |all: &[Recorded]| {
            let mut all = all.iter();
            let found = all.find(|(it, body, _)| it == method && is_such(body));
            found.map(|(.., at)| *at)
        };
        let all = requests.lock().expect("no panic");
        let (all, _) = arrival
            .wait_timeout_while(all, TIMEOUT, |all| find(all).is_none())
            .expect("no panic");
        find(&all).unwrap_or_else(|| panic!("no such {method} within {TIMEOUT:?}"))
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.close();
    }
}

/// A kubeconfig for the server at this URL, with one context.
pub fn kubeconfig(server: &str, context: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: {context},
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}], users: [{{name: u, user: {{}}}}],
         contexts: [{{name: {context}, context: {{cluster: c, user: u}}}}]}}"
    )
}

/// Serves one connection until the client closes it.
fn serve(
    mut stream: &TcpStream,
    answer: &Answer,
    (requests, arrival): &Requests,
    watchers: Option<&Watchers>,
) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let received_at = Instant::now();
        let Request {
            method,
            target,
            body,
            socket_key,
        } = request;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut parameters = query.split('&');
        let port = parameters.find_map(|it| it.strip_prefix("ports=")?.parse().ok());
        if let (true, Some(key), Some(port)) = (path.ends_with("/portforward"), socket_key, port) {
            crate::port_forward::serve(&mut reader, stream, &key, port);
            return;
        }
        if let Some(watchers) = watchers.filter(|_| query.contains("watch=true")) {
            let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            if stream.write_all(head.as_bytes()).is_ok() {
                let stream = stream.try_clone().expect("a second handle");
                watchers
                    .0
                    .lock()
                    .expect("no panic")
                    .push((path.to_owned(), stream));
                watchers.1.notify_all();
            }
            return; // the connection now belongs to the watch
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let missing = (404, r#"{"apiVersion":"v1","kind":"Status","status":"Failure","code":404,"reason":"NotFound","message":"not found"}"#.to_owned());
        let (code, answered) = answer(&method, path, query, &body).unwrap_or(missing);
        let request = (method, body, received_at);
        requests.lock().expect("no panic").push(request);
        arrival.notify_all();
        let head = format!(
            "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answered.len()
        );
        if stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(answered.as_bytes()))
            .is_err()
        {
            return;
        }
    }
}

/// Answers with the first response of a method and path.
fn scripted<'a>(
    responses: impl IntoIterator<Item = (&'a str, &'a str, u16, Value)>,
) -> impl Fn(&str, &str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static {
    let responses: Vec<(String, String, u16, Value)> = responses
        .into_iter()
        .map(|(method, path, code, body)| (method.into(), path.into(), code, body))
        .collect();
    move |method, path, _| {
        let mut responses = responses.iter();
        let found = responses.find(|(it, at, ..)| it == method && at == path);
        found.map(|(_, _, code, body)| (*code, body.clone()))
    }
}

/// Answers with the page that is asked for.
fn paged(
    answer: impl Fn(&str, &str, &Value) -> Option<(u16, Value)> + Send + Sync + 'static,
) -> Arc<Answer> {
    Arc::new(move |method: &str, path: &str, query: &str, body: &Value| {
        let (code, found) = answer(method, path, body)?;
        Some((code, page(&found, query)))
    })
}

/// The page of a list that `query` asks for, as a real server paginates.
fn page(body: &Value, query: &str) -> String {
    let (Some(_), Some(items)) = (parameter(query, "limit"), body["items"].as_array()) else {
        return body.to_string();
    };
    let items: Vec<Arc<str>> = items.iter().map(|item| item.to_string().into()).collect();
    text_page(&body["metadata"], &items, query)
}

/// The same of items that are JSON texts.
fn text_page(metadata: &Value, items: &[Arc<str>], query: &str) -> String {
    let (from, end) = (parameter(query, "continue").unwrap_or(0), items.len());
    let limit = parameter(query, "limit").unwrap_or(end);
    let mut metadata = metadata.clone();
    if from + limit < end {
        metadata["continue"] = (from + limit).to_string().into();
    }
    let items = items[from.min(end)..(from + limit).min(end)].join(",");
    format!(r#"{{"metadata":{metadata},"items":[{items}]}}"#)
}

/// The number in a parameter of `query`.
fn parameter(query: &str, name: &str) -> Option<usize> {
    let mut parts = query.split('&');
    let value = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    value?.parse().ok()
}

/// What a client asks for.
struct Request {
    method: String,
    /// The path with its query.
    target: String,
    body: Vec<u8>,
    /// What it sends where it wants a WebSocket.
    socket_key: Option<String>,
}

/// The next request.
fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    reader
        .read_line(&mut first)
        .ok()
        .filter(|length| *length > 0)?;
    let mut parts = first.split(' ');
    let method = parts.next()?.to_owned();
    let target = parts.next()?.to_owned();
    let (mut length, mut socket_key) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => {
                socket_key = Some(value.to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        body,
        socket_key,
    })
}
