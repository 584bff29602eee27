//! Listening sockets that serve IPv6 and IPv4, with IPv4 alone as the fallback where IPv6 is off.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Connections that wait to be accepted; the kernel caps it.
const BACKLOG: i32 = 1024;

/// Listens on `address`, without blocking. `[::]` takes both IPv6 and IPv4, and means `0.0.0.0` on a system without IPv6.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if !(address.is_ipv6() && address.ip().is_unspecified()) {
        return bind(address);
    }
    bind(address).or_else(|error| {
        if lacks_ipv6(&error) {
            tracing::info!("no IPv6 here ({error}): listening on IPv4 alone");
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        } else {
            Err(error)
        }
    })
}

/// Whether the error says that the system has no IPv6, and not that the port is taken or forbidden.
fn lacks_ipv6(error: &io::Error) -> bool {
    // The standard library has no kind of its own for "address family not supported".
    let taken_or_forbidden = [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied];
    !taken_or_forbidden.contains(&error.kind())
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // The default depends on the system: net.ipv6.bindv6only on Linux, always IPv6 alone on Windows.
        socket.set_only_v6(false)?;
    }
    #[cfg(unix)] // elsewhere it would allow a second process on the same port
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
