//! Route configurations: the virtual hosts of a port.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route,
    route_match::PathSpecifier,
};

use super::http_manager::Scheme;
use super::value::uint64;
use super::{BuildOptions, ai_route, http_route};

/// RFC 9110, section 15.5.20: the client shall try another connection.
const MISDIRECTED: u32 = 421;

/// The routes of a port that clients know by this number.
pub(super) fn build_route_configuration(
    client_side: (u16, Scheme),
    http: &ir::HttpTraffic,
    options: &BuildOptions,
) -> RouteConfiguration {
    let ir::HttpTraffic {
        name,
        virtual_hosts,
        misdirected,
    } = http;
    let hosts = virtual_hosts
        .iter()
        .map(|host| build_virtual_host(client_side, host, options));
    RouteConfiguration {
        name: name.clone(),
        virtual_hosts: hosts.chain(build_misdirected(name, misdirected)).collect(),
        // Clients write the port into `Host` where it is not the scheme's own.
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    }
}

/// Answers for hosts that are served over other connections. Envoy takes the most specific
/// domain, of whichever virtual host it is.
fn build_misdirected(name: &str, hostnames: &[ir::Hostname]) -> Option<VirtualHost> {
    if hostnames.is_empty() {
        return None;
    }
    let answer = Route {
        name: "misdirected".to_string(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_string())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::DirectResponse(DirectResponseAction {
            status: MISDIRECTED,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    };
    Some(VirtualHost {
        name: format!("{name}/misdirected"),
        domains: hostnames.iter().map(ir::Hostname::domain).collect(),
        routes: vec![answer],
        ..VirtualHost::default()
    })
}

fn build_virtual_host(
    client_side: (u16, Scheme),
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
        routes.extend(ai_route::build_ai_routes(host, ai, options));
    }
    routes.extend(
        http_routes
            .iter()
            .flat_map(|route| http_route::build_http_routes(route, client_side)),
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
