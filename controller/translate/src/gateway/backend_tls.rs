//! The certificate that a Gateway shows to backends (`Gateway.spec.tls.backend`), put wherever
//! its proxies speak TLS and nothing more specific says which one to show.

use tollgate_ir as ir;

/// Puts a certificate where there is none.
pub(super) fn show(listeners: &mut [ir::Listener], certificate: &ir::Certificate) {
    let mut show = |destination: &mut ir::Destination| {
        if let Some(tls) = &mut destination.tls {
            tls.client_certificate
                .get_or_insert_with(|| certificate.clone());
        }
    };
    for listener in listeners {
        for http in listener.http_mut() {
            for host in &mut http.virtual_hosts {
                of_host(host, &mut show);
            }
        }
        match &mut listener.traffic {
            ir::Traffic::Tcp(route) | ir::Traffic::Udp(route) => of_stream(route, &mut show),
            ir::Traffic::Tls(chains) => {
                for chain in chains {
                    if let ir::TlsAction::Terminate { route, .. }
                    | ir::TlsAction::Passthrough(route) = &mut chain.action
                    {
                        of_stream(route, &mut show);
                    }
                }
            }
            ir::Traffic::Http(_) => {}
        }
    }
}

fn of_host(host: &mut ir::VirtualHost, show: &mut impl FnMut(&mut ir::Destination)) {
    for route in &mut host.routes {
        of_filters(&mut route.filters, show);
        if let ir::HttpAction::Forward(backends) = &mut route.action {
            for backend in backends {
                of_filters(&mut backend.filters, show);
                if let Ok(destination) = &mut backend.destination {
                    show(destination);
                }
            }
        }
    }
    for rule in host.ai.iter_mut().flat_map(|ai| &mut ai.rules) {
        rule.destinations.iter_mut().flatten().for_each(&mut *show);
    }
}

fn of_filters(filters: &mut [ir::Filter], show: &mut impl FnMut(&mut ir::Destination)) {
    for filter in filters {
        if let ir::Filter::Mirror(mirror) = filter {
            show(&mut mirror.destination);
        }
    }
}

fn of_stream(route: &mut ir::StreamRoute, show: &mut impl FnMut(&mut ir::Destination)) {
    for backend in &mut route.backends {
        if let Ok(destination) = &mut backend.destination {
            show(destination);
        }
    }
}
