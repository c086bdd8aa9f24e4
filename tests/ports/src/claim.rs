//! Claims of ports, across the test processes of this machine.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
};

/// Below what Linux gives to connections that go out (`ip_local_port_range`), and below what
/// Kubernetes gives to Services.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static TRIED: AtomicU16 = AtomicU16::new(0);
static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port, TCP and UDP, that nobody listens on and that no other test is given.
///
/// # Errors
///
/// There is none.
pub fn free_port() -> io::Result<u16> {
    for _ in 0..COUNT {
        let tried = u32::from(TRIED.fetch_add(1, Ordering::Relaxed));
        // Processes begin at different places, so that they seldom meet.
        let place = std::process::id().wrapping_mul(7_919).wrapping_add(tried) % u32::from(COUNT);
        // Below COUNT.
        let port = FIRST + place as u16;
        if let Some(claim) = claim(port)
            && is_free(port)
        {
            let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
            claims.push(claim);
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no port from {FIRST} on is free, of {COUNT}"),
    ))
}

/// A name that one process at a time can have; the kernel takes it back when the process ends.
fn claim(port: u16) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("tollgate-test-port-{port}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}

fn is_free(port: u16) -> bool {
    let everywhere = (Ipv4Addr::UNSPECIFIED, port);
    TcpListener::bind(everywhere).is_ok() && UdpSocket::bind(everywhere).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ports_are_claimed_once_and_those_in_use_are_passed_over() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        for port in &ports {
            assert!(claim(*port).is_none());
            assert!(is_free(*port));
        }
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
