//! What was built before, and of what: so that what has not changed is neither built nor encoded
//! again.

use std::collections::HashMap;
use std::sync::Arc;

use tollgate_ir as ir;

use crate::resources::SameCluster;
use crate::{Resources, RouteTable};

use super::http_manager::{self, Scheme};

/// The pieces of a gateway by the names of their resources, and those.
#[derive(Default)]
pub(super) struct Last<'a> {
    built: Option<&'a Resources>,
    traffic: HashMap<&'a str, ((u16, Scheme), &'a ir::HttpTraffic)>,
    destinations: HashMap<&'a str, &'a ir::Destination>,
    rules: HashMap<&'a str, &'a ir::Shared<ir::AiRule>>,
}

// === impl Last ===

impl<'a> Last<'a> {
    /// In the order in which `build` goes: of two clusters of one name the first counts.
    pub(super) fn new(gateway: &'a ir::Gateway, built: &'a Resources) -> Self {
        let mut last = Self {
            built: Some(built),
            ..Self::default()
        };
        for listener in &gateway.listeners {
            let client_side = http_manager::client_side(listener);
            for http in listener.http() {
                last.traffic.insert(&http.name, (client_side, http));
                for host in &http.virtual_hosts {
                    let routes = host.routes.iter();
                    for (name, destination) in routes.flat_map(|route| route.destinations()) {
                        last.destinations.entry(name).or_insert(destination);
                    }
                    let rules = host.ai.iter().flat_map(|ai| &ai.rules);
                    last.rules
                        .extend(rules.map(|rule| (rule.rule.id.as_str(), rule)));
                }
            }
        }
        last
    }

    /// The traffic of this name and the routes that were built of it, if clients knew it in the same
    /// way.
    pub(super) fn routes(
        &self,
        client_side: (u16, Scheme),
        http: &ir::HttpTraffic,
    ) -> Option<(&'a ir::HttpTraffic, &'a Arc<RouteTable>)> {
        let (before, traffic) = self.traffic.get(http.name.as_str())?;
        let routes = self.built?.routes.get(&http.name)?;
        (*before == client_side).then_some((*traffic, routes))
    }

    /// The cluster of a plain HTTP backend, if it was built of the same.
    pub(super) fn cluster(&self, name: &str, destination: &ir::Destination) -> Option<SameCluster> {
        let before = self.destinations.get(name)?;
        (*before == destination).then(|| self.built_cluster(name))?
    }

    /// The clusters of an AI rule, if they were built of the same.
    pub(super) fn rule(&self, rule: &ir::Shared<ir::AiRule>) -> Option<Vec<SameCluster>> {
        let before = self.rules.get(rule.rule.id.as_str())?;
        if *before != rule {
            return None;
        }
        let backends = rule.rule.backends.iter().zip(&rule.destinations);
        backends
            .filter(|(_, destination)| destination.is_some())
            .map(|(backend, _)| self.built_cluster(&backend.cluster))
            .collect()
    }

    fn built_cluster(&self, name: &str) -> Option<SameCluster> {
        let built = self.built?;
        Some(SameCluster {
            cluster: Arc::clone(built.clusters.get(name)?),
            endpoints: built.endpoints.get(name).cloned(),
        })
    }
}
