//! Addresses told to the process for Backends: they stand in the snapshot before anything is
//! translated. Those of a compact route's providers are read where the provider is (`provider`).

use std::borrow::Cow;

use tollgate_crds::envoy_gateway::{
    BackendEndpoint, BackendSpec, BackendTls, BackendType, FqdnEndpoint, IpEndpoint,
    WellKnownCaCertificates,
};
use tollgate_ir as ir;

use crate::world::Lookups;
use crate::{BaseUrl, Options, World};

/// The snapshot with every Backend whose name has an address of its own sent there. A path in
/// the address is not used: what stands before an API's own path is the AIServiceBackend's
/// `prefix`, and a plain route's path is the client's.
pub(crate) fn redirect_backends<'w>(world: &'w World, options: &Options) -> Cow<'w, World> {
    let mut world = Cow::Borrowed(world);
    let Some(standalone) = options.standalone() else {
        return world;
    };
    let told: Vec<_> = world
        .backends
        .keys()
        .filter_map(|name| {
            let url = standalone.provider_urls.get(&name.name)?;
            Some((name.clone(), url))
        })
        .collect();
    for (name, url) in told {
        let world = world.to_mut();
        world.lookups = Lookups::default();
        if let Some(backend) = world.backends.get_mut(&name) {
            backend.spec = spec(url);
        }
    }
    world
}

fn spec(url: &BaseUrl) -> BackendSpec {
    let ir::Destination {
        name: _,
        endpoints,
        tls,
        protocol: _,
    } = url.destination();
    BackendSpec {
        type_: BackendType::Endpoints,
        endpoints: endpoints.into_iter().map(endpoint).collect(),
        app_protocols: Vec::new(),
        fallback: None,
        tls: tls.map(|tls| BackendTls {
            well_known_ca_certificates: Some(WellKnownCaCertificates::System),
            sni: Some(tls.sni),
            ..BackendTls::default()
        }),
    }
}

fn endpoint(endpoint: ir::Endpoint) -> BackendEndpoint {
    let port = endpoint.port;
    match endpoint.host {
        ir::Host::Dns(hostname) => BackendEndpoint {
            fqdn: Some(FqdnEndpoint { hostname, port }),
            ..BackendEndpoint::default()
        },
        ir::Host::Ip(address) => BackendEndpoint {
            ip: Some(IpEndpoint {
                address: address.to_string(),
                port,
            }),
            ..BackendEndpoint::default()
        },
    }
}
