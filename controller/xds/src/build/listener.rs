//! A port: the xDS listener, with a filter chain for each server name where there is TLS.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{Address, address, socket_address::Protocol};
use envoy::listener::{
    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, UdpListenerConfig,
    listener_filter,
};
use envoy::tls::Secret;
use envoy::tls_inspector::TlsInspector;

use super::http_manager::{self, Scheme};
use super::telemetry::Telemetry;
use super::upstream_tls::BuiltTls;
use super::value::socket_address;
use super::{BuildOptions, downstream_tls, tcp_proxy, udp_proxy};

/// A listener, and the secrets that it refers to.
pub(super) struct BuiltListener {
    pub(super) listener: Listener,
    pub(super) secrets: Vec<Secret>,
}

/// `None` where nothing is served: Envoy takes no listener without filter chains.
pub(super) fn build_listener(
    listener: &ir::Listener,
    told: &Telemetry,
    options: &BuildOptions,
) -> Option<BuiltListener> {
    let port = listener.port;
    let base = Listener {
        name: listener.name.clone(),
        address: Some(socket_address(
            &listener.address.to_string(),
            listener.bind_port,
        )),
        access_log: told.listener.clone(),
        ..Listener::default()
    };
    let built = match &listener.traffic {
        ir::Traffic::Http(http) => {
            let filter = http_manager::build_filter((port, Scheme::Http), http, (told, options));
            with_chain(base, filter)
        }
        ir::Traffic::Tcp(route) => {
            let prefix = format!("tcp-{port}");
            with_chain(base, tcp_proxy::build_filter(prefix, route, told))
        }
        ir::Traffic::Udp(route) => Listener {
            address: base.address.map(over_udp),
            // Datagrams make no connections.
            access_log: Vec::new(),
            udp_listener_config: Some(UdpListenerConfig::default()),
            listener_filters: vec![udp_proxy::build_filter(format!("udp-{port}"), route, told)],
            ..base
        },
        ir::Traffic::Tls(chains) if chains.is_empty() => return None,
        ir::Traffic::Tls(chains) => {
            return Some(build_tls_listener(base, port, chains, (told, options)));
        }
    };
    Some(BuiltListener {
        listener: built,
        secrets: Vec::new(),
    })
}

fn with_chain(base: Listener, filter: Filter) -> Listener {
    Listener {
        filter_chains: vec![FilterChain {
            filters: vec![filter],
            ..FilterChain::default()
        }],
        ..base
    }
}

fn over_udp(address: Address) -> Address {
    let address = address.address.map(|address| match address {
        address::Address::SocketAddress(mut socket) => {
            socket.protocol = Protocol::Udp.into();
            address::Address::SocketAddress(socket)
        }
        other => other,
    });
    Address { address }
}

fn build_tls_listener(
    base: Listener,
    port: u16,
    chains: &[ir::TlsChain],
    how: (&Telemetry, &BuildOptions),
) -> BuiltListener {
    let inspector = ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".to_string(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(envoy::pack(
            &TlsInspector::default(),
        ))),
        ..ListenerFilter::default()
    };
    let mut secrets = Vec::new();
    let filter_chains = chains.iter().map(|chain| {
        let (built, used) = build_chain(port, chain, how);
        secrets.extend(used);
        built
    });
    let listener = Listener {
        filter_chains: filter_chains.collect(),
        listener_filters: vec![inspector],
        ..base
    };
    BuiltListener { listener, secrets }
}

/// Its name stays while its server name does: Envoy keeps the connections of chains that have
/// not changed.
fn build_chain(
    port: u16,
    chain: &ir::TlsChain,
    (told, options): (&Telemetry, &BuildOptions),
) -> (FilterChain, Vec<Secret>) {
    let ir::TlsChain {
        name,
        server_name,
        action,
    } = chain;
    let (filter, tls) = match action {
        ir::TlsAction::Https { tls, http } => (
            http_manager::build_tls_filter(port, tls, http, (told, options)),
            Some(downstream_tls::build_tls(tls, downstream_tls::HTTP_ALPN)),
        ),
        ir::TlsAction::Terminate { tls, route } => (
            tcp_proxy::build_filter(format!("tls-{port}"), route, told),
            Some(downstream_tls::build_tls(tls, &[])),
        ),
        ir::TlsAction::Passthrough(route) => (
            tcp_proxy::build_filter(format!("tls-passthrough-{port}"), route, told),
            None,
        ),
    };
    let (socket, secrets) = match tls {
        Some(BuiltTls { socket, secrets }) => (Some(socket), secrets),
        None => (None, Vec::new()),
    };
    let built = FilterChain {
        name: name.clone(),
        filter_chain_match: Some(build_match(server_name)),
        filters: vec![filter],
        transport_socket: socket,
        ..FilterChain::default()
    };
    (built, secrets)
}

/// What is not TLS matches no chain and is closed.
fn build_match(server_name: &ir::Hostname) -> FilterChainMatch {
    let server_names = match server_name {
        ir::Hostname::Any => Vec::new(),
        ir::Hostname::Exact(_) | ir::Hostname::Suffix(_) => vec![server_name.domain()],
    };
    FilterChainMatch {
        server_names,
        transport_protocol: "tls".to_string(),
        ..FilterChainMatch::default()
    }
}
