//! Which host names of a listener belong to HTTPRoutes and which to GRPCRoutes.

use std::collections::BTreeMap;

use tollgate_ir::Hostname;

use crate::NamespacedName;
use crate::gateway::{ListenerIndex, upward};
use crate::hostname::covers;
use crate::http_route::RouteType;

/// Host names by listener and kind, with the first route that has them.
#[derive(Debug, Default)]
pub(super) struct Hosts(BTreeMap<(ListenerIndex, RouteType), BTreeMap<Hostname, NamespacedName>>);

// === impl Hosts ===

impl Hosts {
    /// The first of the host names that is a route's of the other kind, in whole or in part.
    pub(super) fn rival(
        &self,
        at: ListenerIndex,
        route_type: RouteType,
        hostnames: &[Hostname],
    ) -> Option<(Hostname, &NamespacedName)> {
        let others = self.0.get(&(at, route_type.other()))?;
        hostnames.iter().find_map(|hostname| {
            let above = upward(hostname).find_map(|name| others.get(&name));
            let rival = above.or_else(|| below(others, hostname))?;
            Some((hostname.clone(), rival))
        })
    }

    /// Gives a route its host names.
    pub(super) fn claim(
        &mut self,
        at: ListenerIndex,
        (route_type, route): (RouteType, &NamespacedName),
        hostnames: &[Hostname],
    ) {
        let own = self.0.entry((at, route_type)).or_default();
        for hostname in hostnames {
            own.entry(hostname.clone()).or_insert_with(|| route.clone());
        }
    }
}

/// A name that the wildcard covers.
fn below<'a>(
    others: &'a BTreeMap<Hostname, NamespacedName>,
    hostname: &Hostname,
) -> Option<&'a NamespacedName> {
    match hostname {
        Hostname::Exact(_) => None,
        Hostname::Suffix(_) | Hostname::Any => others
            .iter()
            .find(|(other, _)| covers(hostname, other))
            .map(|(_, route)| route),
    }
}

#[cfg(test)]
mod tests {
    use super::Hosts;
    use crate::NamespacedName;
    use crate::gateway::ListenerIndex;
    use crate::http_route::RouteType;
    use tollgate_ir::Hostname;

    fn check(first: &str, second: &str, collides: bool) {
        let at = ListenerIndex {
            gateway: 0,
            listener: 0,
        };
        let parse = |name| [Hostname::parse(Some(name))];
        let route = NamespacedName::new("default", "first");
        let mut hosts = Hosts::default();
        hosts.claim(at, (RouteType::Http, &route), &parse(first));
        let rival = hosts.rival(at, RouteType::Grpc, &parse(second));
        assert_eq!(rival.is_some(), collides, "{first} and {second}");
        let same_kind = hosts.rival(at, RouteType::Http, &parse(second));
        assert_eq!(same_kind, None, "{first} and {second} of one kind");
    }

    #[test]
    fn host_names_of_both_kinds_collide_where_they_intersect() {
        check("a.example.com", "a.example.com", true);
        check("a.example.com", "b.example.com", false);
        check("*.example.com", "a.example.com", true);
        check("a.example.com", "*.example.com", true);
        check("*.example.com", "*.b.example.com", true);
        check("*.b.example.com", "*.example.com", true);
        check("*", "a.example.com", true);
        check("a.example.com", "*", true);
        check("*.example.com", "example.com", false);
    }
}
