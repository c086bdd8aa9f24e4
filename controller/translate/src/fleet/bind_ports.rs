//! Which ports proxies bind: never one twice, and never one of their own.

use std::collections::BTreeSet;

use tollgate_ir as ir;

use super::Transport;

/// Where a proxy has its admin endpoint, and its metrics and health.
const OWN: [u16; 2] = [1_064, 19_001];
/// The first port that anybody may bind.
const FIRST: u16 = 1_024;

/// Moves listeners whose port is bound by another already: port 80, which is bound as 10080, and
/// port 10080 beside it. Clients use the Service's ports and see nothing of it.
pub(crate) fn separate(listeners: &mut [ir::Listener]) {
    let mut bound: BTreeSet<(Transport, u16)> =
        OWN.iter().map(|port| (Transport::Tcp, *port)).collect();
    // Those that are bound as they are known come first: they stay where they are.
    let (plain, moved): (Vec<_>, Vec<_>) = listeners
        .iter_mut()
        .partition(|listener| listener.bind_port == listener.port);
    for listener in plain.into_iter().chain(moved) {
        let transport = Transport::of(listener);
        while !bound.insert((transport, listener.bind_port)) {
            listener.bind_port = listener.bind_port.checked_add(1).unwrap_or(FIRST);
        }
    }
}

// === impl Transport ===

impl Transport {
    /// What carries the traffic of a listener.
    pub(super) fn of(listener: &ir::Listener) -> Self {
        match listener.traffic {
            ir::Traffic::Udp(_) => Self::Udp,
            ir::Traffic::Http(_) | ir::Traffic::Tls(_) | ir::Traffic::Tcp(_) => Self::Tcp,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tollgate_ir::{HttpTraffic, Listener, StreamRoute, Traffic};

    use super::separate;

    fn listener(port: u16, bind_port: u16, traffic: Traffic) -> Listener {
        Listener {
            name: format!("ns/gw/{port}"),
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port,
            bind_port,
            traffic,
        }
    }

    fn http(port: u16, bind_port: u16) -> Listener {
        listener(port, bind_port, Traffic::Http(HttpTraffic::default()))
    }

    fn bound(mut listeners: Vec<Listener>) -> Vec<u16> {
        separate(&mut listeners);
        listeners.iter().map(|it| it.bind_port).collect()
    }

    #[test]
    fn port_that_another_is_moved_to_keeps_its_number() {
        let listeners = vec![http(80, 10_080), http(10_080, 10_080)];
        assert_eq!(bound(listeners), [10_081, 10_080]);
    }

    #[test]
    fn port_of_the_proxy_itself_is_bound_elsewhere() {
        assert_eq!(
            bound(vec![http(19_001, 19_001), http(1_064, 1_064)]),
            [19_002, 1_065]
        );
    }

    #[test]
    fn tcp_and_udp_of_one_number_are_bound_beside_each_other() {
        let route = StreamRoute {
            name: "none".to_string(),
            backends: Vec::new(),
        };
        let udp = listener(53, 10_053, Traffic::Udp(route));
        assert_eq!(bound(vec![http(53, 10_053), udp]), [10_053, 10_053]);
    }
}
