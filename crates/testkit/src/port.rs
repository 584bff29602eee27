//! Ports for the servers of tests.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports that are tried. The system takes those of connections from a range above, and could take a free one of it
/// before the server does.
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// A port that no program listens on, and that this process has not returned before.
pub fn free_port() -> u16 {
    // Each process begins elsewhere.
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let process = std::process::id().wrapping_mul(97) % u32::from(COUNT);
        AtomicU16::new(u16::try_from(process).unwrap())
    });
    let mut ports = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).expect("a free port")
}
