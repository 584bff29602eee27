//! The listener of the stand-in API server on Windows. Windows passes open connections to every worker that starts;
//! those of a killed supervisor would stay open there, and its clients would wait forever.

use axum::serve::Listener;
use filedescriptor::{AsRawSocketDescriptor, POLLIN, poll, pollfd};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Held while a process starts, and from the moment that a connection is accepted until it cannot be inherited.
pub static SPAWN_LOCK: Mutex<()> = Mutex::new(());

/// Accepts connections that no child process inherits.
pub struct PrivateListener {
    connections: mpsc::Receiver<(std::net::TcpStream, SocketAddr)>,
    address: SocketAddr,
}

impl PrivateListener {
    /// Accepts on a thread, which ends with the process.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let (sender, connections) = mpsc::channel(1);
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        std::thread::spawn(move || {
            loop {
                match accept(&listener) {
                    Ok(connection) => {
                        if sender.blocking_send(connection).is_err() {
                            return;
                        }
                    }
                    Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
                }
            }
        });
        Ok(Self {
            connections,
            address,
        })
    }
}

/// Accepts a connection and replaces it by a copy, which is never inherited.
fn accept(listener: &TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    // Wait before taking the lock, so that no process start waits for a client.
    let mut descriptors = [pollfd {
        fd: listener.as_socket_descriptor(),
        events: POLLIN,
        revents: 0,
    }];
    poll(&mut descriptors, None).map_err(io::Error::other)?;
    let _lock = SPAWN_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, peer) = listener.accept()?;
    let copy = stream.try_clone()?;
    copy.set_nonblocking(true)?;
    Ok((copy, peer))
}

impl Listener for PrivateListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.connections.recv().await {
                Some((stream, peer)) => {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        return (stream, peer);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
