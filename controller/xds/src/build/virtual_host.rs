//! Route configurations: the virtual hosts of a port.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{RouteConfiguration, VirtualHost};

use super::value::uint64;
use super::{BuildOptions, ai_route, http_route};

pub(super) fn build_route_configuration(
    (listener, http): (&ir::Listener, &ir::HttpTraffic),
    options: &BuildOptions,
) -> RouteConfiguration {
    RouteConfiguration {
        name: http.name.clone(),
        virtual_hosts: http
            .virtual_hosts
            .iter()
            .map(|host| build_virtual_host(listener, host, options))
            .collect(),
        // Clients write the port into `Host` where it is not the scheme's own.
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    }
}

fn build_virtual_host(
    listener: &ir::Listener,
    host: &ir::VirtualHost,
    options: &BuildOptions,
) -> VirtualHost {
    let ir::VirtualHost {
        name,
        hostname,
        routes: http_routes,
        ai,
    } = host;
    let mut routes = Vec::new();
    if let Some(ai) = ai {
        routes.extend(ai_route::build_ai_routes(host, ai));
    }
    routes.extend(
        http_routes
            .iter()
            .map(|route| http_route::build_http_route(route, listener.port)),
    );
    VirtualHost {
        name: name.clone(),
        domains: vec![hostname.domain()],
        routes,
        // The filter on retries is skipped on attempt 1 (`ai_upstream`).
        include_request_attempt_count: ai.is_some(),
        // Holds for both directions, and instead of the connection's own limit (1 MiB).
        request_body_buffer_limit: ai.as_ref().and_then(|_| uint64(options.body_bytes_max)),
        ..VirtualHost::default()
    }
}
