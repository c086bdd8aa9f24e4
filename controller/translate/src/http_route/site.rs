//! Where in a route a piece stands: what it is called, and in whose name it refers.

use crate::backend_ref::{Referrer, Usage};
use crate::{NamespacedName, Options, World, grpc_route, names};

/// The two kinds of plain routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteType {
    /// HTTPRoute.
    #[default]
    Http,
    /// GRPCRoute.
    Grpc,
}

/// A rule of a route while it is translated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleSite<'a> {
    pub(crate) world: &'a World,
    pub(crate) options: &'a Options,
    pub(crate) route_type: RouteType,
    pub(crate) route: &'a NamespacedName,
    /// Position of the rule.
    pub(crate) rule: usize,
}

// === impl RouteType ===

impl RouteType {
    /// Group and kind, as references and grants name it.
    pub(crate) fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Http => super::KIND,
            Self::Grpc => grpc_route::KIND,
        }
    }

    /// The kind that it does not share a host name with.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Http => Self::Grpc,
            Self::Grpc => Self::Http,
        }
    }

    /// Status of what cannot be served: 500 (HTTPRouteRule.backendRefs), or 503, which gRPC
    /// clients are told as `UNAVAILABLE` (GRPCRouteRule.backendRefs).
    pub(crate) fn failure_status(self) -> u16 {
        match self {
            Self::Http => 500,
            Self::Grpc => 503,
        }
    }

    /// What its names in the IR begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Http => "httproute",
            Self::Grpc => "grpcroute",
        }
    }
}

// === impl RuleSite ===

impl<'a> RuleSite<'a> {
    /// `spec.rules[2].filters[0]`
    pub(crate) fn field(&self, rest: &str) -> String {
        format!("spec.rules[{}].{rest}", self.rule)
    }

    /// In whose name the rule refers to other objects.
    pub(crate) fn referrer(&self) -> Referrer<'a> {
        Referrer {
            kind: self.route_type.kind(),
            namespace: &self.route.namespace,
        }
    }

    /// What the rule's backends are sent.
    pub(crate) fn usage(&self) -> Usage {
        match self.route_type {
            RouteType::Http => Usage::Http,
            RouteType::Grpc => Usage::Grpc,
        }
    }

    /// Name of the route of a match.
    pub(crate) fn match_name(&self, position: usize) -> String {
        self.name("match", position)
    }

    /// Name of the cluster of a backend.
    pub(crate) fn backend_name(&self, position: usize) -> String {
        self.name("backend", position)
    }

    /// Name of the cluster of the mirror in a filter.
    pub(crate) fn mirror_name(&self, position: usize) -> String {
        self.name("mirror", position)
    }

    /// Name of the cluster of the service that the filter asks.
    pub(crate) fn auth_name(&self, position: usize) -> String {
        self.name("auth", position)
    }

    fn name(&self, part: &str, position: usize) -> String {
        let prefix = self.route_type.prefix();
        names::route_part((prefix, self.route), self.rule, (part, position))
    }
}
