//! The listener of the stand-in API server on Windows, which hands connections on to every worker that starts: those of
//! a supervisor that was killed would stay open there, and its clients would wait for it for ever.

use axum::serve::Listener;
use filedescriptor::{AsRawSocketDescriptor, POLLIN, poll, pollfd};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Held by who starts a process, and by who accepts a connection until it is one that is not inherited.
pub static ALONE: Mutex<()> = Mutex::new(());

/// Accepts connections that no child inherits.
pub struct Own(
    mpsc::Receiver<(std::net::TcpStream, SocketAddr)>,
    SocketAddr,
);

impl Own {
    /// Accepts on a thread, which ends with the process.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let (told, accepted) = mpsc::channel(1);
        let here = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        std::thread::spawn(move || {
            loop {
                match accept(&listener) {
                    Ok(it) => {
                        if told.blocking_send(it).is_err() {
                            return;
                        }
                    }
                    Err(_) => std::thread::sleep(std::time::Duration::from_millis(100)),
                }
            }
        });
        Ok(Self(accepted, here))
    }
}

/// A connection, replaced by a copy, which is never inherited.
fn accept(listener: &TcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    // Waited for before the lock is taken: no start waits for a caller.
    let mut there = [pollfd {
        fd: listener.as_socket_descriptor(),
        events: POLLIN,
        revents: 0,
    }];
    poll(&mut there, None).map_err(io::Error::other)?;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (stream, from) = listener.accept()?;
    let copy = stream.try_clone()?;
    copy.set_nonblocking(true)?;
    Ok((copy, from))
}

impl Listener for Own {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.recv().await {
                Some((stream, from)) => {
                    if let Ok(stream) = TcpStream::from_std(stream) {
                        return (stream, from);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.1)
    }
}
