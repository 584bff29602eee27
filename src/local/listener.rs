//! The listener of the stand-in API server on Windows, which hands connections on to every worker that starts: those of
//! a supervisor that was killed would stay open there, and its clients would wait for it for ever.

use axum::serve::Listener;
use std::io;
use std::net::{SocketAddr, TcpListener};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Accepts connections that no child inherits.
pub struct Own(mpsc::Receiver<(std::net::TcpStream, SocketAddr)>, SocketAddr);

impl Own {
    /// Accepts on a thread, which ends with the process: a connection is replaced by a copy, which is never inherited,
    /// before the runtime knows it.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let (told, accepted) = mpsc::channel(1);
        let here = listener.local_addr()?;
        std::thread::spawn(move || {
            loop {
                let accepted = listener.accept().and_then(|(stream, from)| {
                    let copy = stream.try_clone()?;
                    copy.set_nonblocking(true)?;
                    Ok((copy, from))
                });
                match accepted {
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
