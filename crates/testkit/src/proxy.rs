//! A small real proxy: HTTP `CONNECT` and SOCKS5 on one port. It connects every client to one server, whatever name the
//! client asks for, and counts what passes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What went through the proxy.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The host and port of each request to connect.
    pub asked: Vec<String>,
    /// The bytes from the server to the clients.
    pub received: u64,
}

/// A running proxy, which ends with the test's process.
pub struct Proxy {
    address: SocketAddr,
    traffic: Arc<Mutex<Traffic>>,
}

impl Proxy {
    /// Starts a proxy to the server at `host:port`.
    pub fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let traffic = Arc::<Mutex<Traffic>>::default();
        let (seen, server) = (traffic.clone(), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (seen, server) = (seen.clone(), server.clone());
                thread::spawn(move || serve(&client, &server, &seen));
            }
        });
        Self { address, traffic }
    }

    /// `SCHEME://127.0.0.1:<port>`
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// What went through until now.
    pub fn traffic(&self) -> Traffic {
        self.traffic.lock().unwrap().clone()
    }
}

/// Serves one client; an error ends its connection.
fn serve(client: &TcpStream, server: &str, traffic: &Mutex<Traffic>) -> Option<()> {
    let mut first = [0];
    client.peek(&mut first).ok()?;
    let (asked, answer): (String, &[u8]) = if first == [5] {
        (
            socks5(client)?,
            &[5, 0, 0, 1, 127, 0, 0, 1, 0, 0], // connected
        )
    } else {
        (connect(client)?, b"HTTP/1.1 200 Connected\r\n\r\n")
    };
    traffic.lock().unwrap().asked.push(asked);
    let server = TcpStream::connect(server).ok()?;
    let mut back = client;
    back.write_all(answer).ok()?;
    let (from, to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || copy(&from, &to, |_| {}));
    copy(&server, client, |count| {
        traffic.lock().unwrap().received += count;
    });
    Some(())
}

/// The host and port after `CONNECT`.
fn connect(client: &TcpStream) -> Option<String> {
    let mut lines = BufReader::with_capacity(1, client).lines(); // reads nothing ahead
    let first = lines.next()?.ok()?;
    lines
        .find(|line| line.as_ref().is_ok_and(String::is_empty))?
        .ok()?;
    let mut words = first.split(' ');
    (words.next()? == "CONNECT").then_some(())?;
    words.next().map(str::to_owned)
}

/// The host and port of a SOCKS5 request without a password.
fn socks5(client: &TcpStream) -> Option<String> {
    let mut stream = client;
    let mut read = |length: usize| {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = read(2)?[1];
    read(usize::from(methods))?;
    let mut answer = client;
    answer.write_all(&[5, 0]).ok()?; // no password
    let host = if read(4)?[3] == 1 {
        let [a, b, c, d] = read(4)?.try_into().ok()?;
        format!("{a}.{b}.{c}.{d}")
    } else {
        let length = read(1)?[0];
        String::from_utf8(read(usize::from(length))?).ok()?
    };
    let port = u16::from_be_bytes(read(2)?.try_into().ok()?);
    Some(format!("{host}:{port}"))
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, mut count: impl FnMut(u64)) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count(length as u64);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
}
