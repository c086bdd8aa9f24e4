//! Route configurations: the virtual hosts of a port.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route,
    route_match::PathSpecifier,
};

use super::http_manager::Scheme;
use super::value::uint64;
use super::{BuildOptions, ai_route, http_route, telemetry};
use crate::route_table::{EncodedHost, RouteTable};

/// RFC 9110, section 15.5.20: the client shall try another connection.
const MISDIRECTED: u32 = 421;

/// The routes of a port that clients know by this number. Virtual hosts that are the same in
/// `before` are taken over from what was built of that.
pub(super) fn build_route_table(
    client_side: (u16, Scheme),
    http: &ir::HttpTraffic,
    before: Option<(&ir::HttpTraffic, &RouteTable)>,
    (detail, options): (&[ir::Detail], &BuildOptions),
) -> RouteTable {
    let ir::HttpTraffic {
        name,
        virtual_hosts,
        misdirected,
    } = http;
    let mut known = before.map(|(http, table)| KnownHosts::new(&http.virtual_hosts, table));
    let mut hosts: Vec<Arc<EncodedHost>> = Vec::with_capacity(virtual_hosts.len() + 1);
    for host in virtual_hosts {
        let same = known.as_mut().and_then(|known| known.find(host));
        hosts.push(same.unwrap_or_else(|| {
            let mut built = build_virtual_host(client_side, host, options);
            built.virtual_clusters = telemetry::build_virtual_clusters(detail);
            Arc::new(EncodedHost::new(&built))
        }));
    }
    hosts.extend(build_misdirected(name, misdirected).map(|mut built| {
        built.virtual_clusters = telemetry::build_virtual_clusters(detail);
        Arc::new(EncodedHost::new(&built))
    }));
    let shell = RouteConfiguration {
        name: name.clone(),
        // Clients write the port into `Host` where it is not the scheme's own.
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    };
    RouteTable::new(shell, hosts)
}

/// Virtual hosts and what was built of them, asked for in an order that is nearly theirs.
struct KnownHosts<'a> {
    hosts: &'a [ir::Shared<ir::VirtualHost>],
    built: &'a RouteTable,
    next: usize,
    places: Option<HashMap<&'a str, usize>>,
}

impl<'a> KnownHosts<'a> {
    fn new(hosts: &'a [ir::Shared<ir::VirtualHost>], built: &'a RouteTable) -> Self {
        Self {
            hosts,
            built,
            next: 0,
            places: None,
        }
    }

    fn find(&mut self, host: &ir::Shared<ir::VirtualHost>) -> Option<Arc<EncodedHost>> {
        let in_turn = self.hosts.get(self.next);
        let at = match in_turn.is_some_and(|it| it.is_same(host)) {
            true => self.next,
            false => {
                let hosts = self.hosts.iter().enumerate();
                let places = self
                    .places
                    .get_or_insert_with(|| hosts.map(|(at, it)| (it.name.as_str(), at)).collect());
                *places.get(host.name.as_str())?
            }
        };
        self.next = at + 1;
        let same = self.hosts.get(at).is_some_and(|it| it == host);
        same.then(|| self.built.hosts().get(at).cloned())?
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
