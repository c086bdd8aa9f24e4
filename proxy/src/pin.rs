//! The names of clusters: by what they lead to, so that all that leads to one place shares one.
//!
//! Fed by the data plane with a gateway as it was translated, where each backend of each rule has a
//! name of its own; feeds rendering, the engine's bundle, and the search for what Envoy refuses.

mod last;

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_ir as ir;

use last::{Last, Pair, Pairs};

/// Names every cluster of a gateway by what it leads to.
///
/// - Of plain routes: `service/team/web/8080` speaks plain HTTP/1.1, further ways to speak to the
///   same endpoints stand behind that: `/h2`, `/tls@1a2b3c4d5e6f` (a hash of how TLS is spoken),
///   `/stream`. Endpoints are not part of the name: they change under it.
/// - Of AI rules: `ai/1a2b3c4d5e6f/address/api.openai.com:443@7a8b9c0d1e2f/0`: a hash of the rule's times
///   and retries (rules that share them share Envoy's route), where it leads first, a hash of all
///   that the rule may lead to, and the backend's place in it. Endpoints are part of that hash: the
///   engine translates and signs a request for the provider that it believes a cluster leads to,
///   and one that changed under its name would, until the engine knows, lead to another provider
///   with the wrong translation and somebody else's key.
///
/// To be called once on a gateway.
pub fn pin_clusters(gateway: &mut ir::Gateway) {
    let nothing = ir::Gateway::default();
    pin(gateway, &Last::new(&nothing, &nothing));
}

/// A gateway as it was translated, and with pinned clusters.
#[derive(Clone, Debug, Default)]
pub struct Pinned {
    translated: Arc<ir::Gateway>,
    /// With pinned clusters.
    pub gateway: Arc<ir::Gateway>,
}

// === impl Pinned ===

impl Pinned {
    /// Pins a first gateway.
    pub fn new(gateway: Arc<ir::Gateway>) -> Self {
        Self::default().next(gateway)
    }

    /// Another gateway. What is the same in both is shared. The name of a cluster depends on nothing
    /// but its own route or rule.
    pub fn next(&self, translated: Arc<ir::Gateway>) -> Self {
        let mut gateway = ir::Gateway::clone(&translated);
        pin(&mut gateway, &Last::new(&self.translated, &self.gateway));
        Self {
            translated,
            gateway: Arc::new(gateway),
        }
    }
}

fn pin(gateway: &mut ir::Gateway, last: &Last<'_>) {
    let mut names = Names::default();
    for listener in &mut gateway.listeners {
        for http in listener.http_mut() {
            let hosts = last.hosts(&http.name);
            hosts.carry(&mut http.virtual_hosts, |host, before| {
                pin_host(host, before, &mut names);
            });
        }
        let streams = listener.streams_mut();
        for (name, destination) in streams.flat_map(ir::StreamRoute::destinations_mut) {
            names.give(name, destination, Usage::Stream);
        }
    }
}

fn pin_host(host: &mut ir::VirtualHost, before: Pair<'_, ir::VirtualHost>, names: &mut Names) {
    let routes = before.map(|it| it.routes.as_slice());
    let routes = Pairs::new(routes, |route: &ir::HttpRoute| &route.name);
    routes.carry(&mut host.routes, |route, _| {
        for (name, destination) in route.destinations_mut() {
            names.give(name, destination, Usage::Http);
        }
    });
    let Some(ai) = &mut host.ai else { return };
    let rules = before.map(|it| it.ai.as_ref().map_or([].as_slice(), |ai| &ai.rules));
    let rules = Pairs::new(rules, |rule: &ir::AiRule| &rule.rule.id);
    rules.carry(&mut ai.rules, |rule, _| pin_rule(rule));
}

/// Names of clusters of plain routes that were given already, by the name of the destination.
#[derive(Default)]
struct Names(HashMap<String, Vec<Given>>);

/// A name, and what makes it differ from others of one destination.
struct Given {
    usage: Usage,
    protocol: ir::UpstreamProtocol,
    tls: Option<ir::UpstreamTls>,
    name: String,
}

/// What a cluster is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Usage {
    Http,
    Stream,
}

// === impl Names ===

impl Names {
    fn give(&mut self, name: &mut String, destination: &ir::Destination, usage: Usage) {
        let ir::Destination {
            name: wanted,
            endpoints: _,
            tls,
            protocol,
        } = destination;
        if wanted.is_empty() {
            return;
        }
        if !self.0.contains_key(wanted) {
            self.0.insert(wanted.clone(), Vec::new());
        }
        let Some(given) = self.0.get_mut(wanted) else {
            return;
        };
        let is_it = |it: &&Given| it.usage == usage && it.protocol == *protocol && it.tls == *tls;
        if let Some(known) = given.iter().find(is_it) {
            name.clone_from(&known.name);
            return;
        }
        *name = plain_name(destination, usage);
        given.push(Given {
            usage,
            protocol: *protocol,
            tls: tls.clone(),
            name: name.clone(),
        });
    }
}

fn plain_name(destination: &ir::Destination, usage: Usage) -> String {
    let mut name = destination.name.clone();
    name.push_str(match (usage, destination.protocol) {
        (Usage::Stream, _) => "/stream",
        (Usage::Http, ir::UpstreamProtocol::Http2) => "/h2",
        (Usage::Http, ir::UpstreamProtocol::Http1) => "",
    });
    if let Some(tls) = &destination.tls {
        name.push_str("/tls@");
        name.push_str(&digest(tls));
    }
    name
}

fn pin_rule(rule: &mut ir::AiRule) {
    let ir::AiRule {
        rule: contract,
        destinations,
        timeouts,
        retry,
        rate_limits,
        cluster_prefix,
    } = rule;
    let prefix = format!("ai/{}/", digest(&(timeouts, retry, rate_limits)));
    // What the clusters of the rule are made of; the API, because the engine knows no more of a
    // request under way than the cluster that it named.
    let backends: Vec<_> = contract
        .backends
        .iter()
        .zip(destinations.iter())
        .map(|(it, destination)| (it.priority, it.weight, &it.api, destination))
        .collect();
    let content = digest(&backends);
    for (place, backend) in contract.backends.iter_mut().enumerate() {
        let first = destinations.get(place).and_then(Option::as_ref);
        let first = first.map_or("none", |it| it.name.as_str());
        backend.cluster = format!("{prefix}{first}@{content}/{place}");
    }
    *cluster_prefix = Some(prefix);
}

/// Twelve hexadecimal digits: few enough to read, and no two of many thousands are equal. `Debug` of plain data: equal for equal content within one version of
/// this program, which is where these names live.
fn digest(content: &impl Debug) -> String {
    struct Hashed(Sha256);
    impl Write for Hashed {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hash = Hashed(Sha256::new());
    // Neither the hash nor `Debug` of plain data fails.
    let _ = write!(hash, "{content:?}");
    let digest = hash.0.finalize();
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
