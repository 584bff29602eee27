//! The network: opens a stream of bytes to a Redis server, where the destination is allowed.

use crate::observe::{Address, Destinations, NotConnected};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Bytes from and to a server.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// How the server of an address is reached. The simulation has a Redis of its own.
pub trait Dial: Send + Sync {
    /// Opens a stream to the server.
    fn dial(
        &self,
        address: Address,
    ) -> BoxFuture<'static, Result<Box<dyn ByteStream>, NotConnected>>;
}

/// Opens connections over the network.
#[derive(Clone)]
pub struct Network {
    destinations: Arc<Destinations>,
}

impl Network {
    /// Connects to `destinations` only.
    pub fn new(destinations: Destinations) -> Self {
        Self {
            destinations: Arc::new(destinations),
        }
    }

    async fn open(self, address: Address) -> Result<Box<dyn ByteStream>, NotConnected> {
        let (host, port) = address.server();
        let destinations = self.destinations;
        let allowed = destinations
            .resolve(address.namespace(), host, port)
            .await?;
        let stream = TcpStream::connect(&*allowed).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = address.tls() else {
            return Ok(Box::new(stream));
        };
        let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        Ok(Box::new(tls.connector.connect(name, stream).await?))
    }
}

impl Dial for Network {
    fn dial(
        &self,
        address: Address,
    ) -> BoxFuture<'static, Result<Box<dyn ByteStream>, NotConnected>> {
        self.clone().open(address).boxed()
    }
}
