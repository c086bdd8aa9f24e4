//! Gateways: listeners that routes attach to, then the IR of each Gateway.
//!
//! Drafts are made first, routes are placed on them, and `assemble` merges the listeners of each
//! port. Everything that a Gateway's status says is decided here.

mod allowed;
mod assemble;
mod conflicts;
mod listener;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use tollgate_crds::DEFAULT_NAMESPACE;
use tollgate_ir::{self as ir, Hostname};

pub(crate) use allowed::AllowedRoutes;
pub(crate) use assemble::assemble;
pub(crate) use listener::{Protocol, Refusal};
pub(crate) use status::report;

use crate::ai_rule::AiPrecedence;
use crate::sort::{MatchPrecedence, by_age};
use crate::status::{ObjectRef, RouteKind};
use crate::{NamespacedName, Options, World, gateway_class, groups};

/// Name of the Gateway that is made where there is none.
const DEFAULT_GATEWAY: &str = "tollgate";

/// A Gateway of ours while routes are placed on it.
#[derive(Debug)]
pub(crate) struct GatewayDraft {
    pub(crate) name: NamespacedName,
    /// The object; `None` for the Gateway that is made where there is none.
    pub(crate) object: Option<ObjectRef>,
    pub(crate) generation: Option<i64>,
    pub(crate) listeners: Vec<ListenerDraft>,
    /// Fields that have no effect in this version.
    pub(crate) ignored: Vec<&'static str>,
}

/// A listener while routes are placed on it.
#[derive(Debug)]
pub(crate) struct ListenerDraft {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) hostname: Hostname,
    pub(crate) allowed: AllowedRoutes,
    pub(crate) supported_kinds: Vec<RouteKind>,
    /// Kinds it was asked to take and cannot.
    pub(crate) invalid_kinds: Vec<String>,
    /// Why it serves nothing; `None` serves.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) protocol: Protocol,
    pub(crate) attached: BTreeSet<ObjectRef>,
    pub(crate) hosts: BTreeMap<Hostname, HostDraft>,
}

/// What is served on a host name.
#[derive(Debug, Default)]
pub(crate) struct HostDraft {
    pub(crate) routes: Vec<(MatchPrecedence, ir::HttpRoute)>,
    pub(crate) ai: Option<Vec<(AiPrecedence, ir::AiRule)>>,
}

/// A listener of one of the drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerIndex {
    pub(crate) gateway: usize,
    pub(crate) listener: usize,
}

/// The Gateways that are ours, oldest first, without routes.
pub(crate) fn drafts(world: &World, options: &Options) -> Vec<GatewayDraft> {
    if let Some(standalone) = options.standalone()
        && world.gateways.is_empty()
    {
        return vec![default_gateway(standalone.default_port)];
    }
    let mut drafts: Vec<GatewayDraft> =
        by_age(world.gateways.values(), |gateway| &gateway.metadata)
            .into_iter()
            .filter(|gateway| {
                gateway_class::manages(world, options, &gateway.spec.gateway_class_name)
            })
            .map(draft)
            .collect();
    conflicts::mark_within_gateways(&mut drafts);
    if options.standalone().is_some() {
        conflicts::mark_across_gateways(&mut drafts);
    }
    drafts
}

fn draft(gateway: &crate::k8s::Gateway) -> GatewayDraft {
    let name = crate::world::key(&gateway.metadata);
    let spec = &gateway.spec;
    let ignored = [
        (
            "spec.addresses",
            spec.addresses.as_ref().is_some_and(|list| !list.is_empty()),
        ),
        ("spec.allowedListeners", spec.allowed_listeners.is_some()),
        ("spec.defaultScope", spec.default_scope.is_some()),
        ("spec.infrastructure.parametersRef", {
            let infrastructure = spec.infrastructure.as_ref();
            infrastructure.is_some_and(|it| it.parameters_ref.is_some())
        }),
        ("spec.tls", spec.tls.is_some()),
    ];
    GatewayDraft {
        object: Some(ObjectRef::namespaced(groups::GATEWAY_API, "Gateway", &name)),
        generation: gateway.metadata.generation,
        listeners: spec
            .listeners
            .iter()
            .map(|it| listener::draft(it, &name))
            .collect(),
        ignored: ignored
            .into_iter()
            .filter_map(|(field, is_set)| is_set.then_some(field))
            .collect(),
        name,
    }
}

/// One port, any host, routes of every namespace.
fn default_gateway(port: u16) -> GatewayDraft {
    GatewayDraft {
        name: NamespacedName::new(DEFAULT_NAMESPACE, DEFAULT_GATEWAY),
        object: None,
        generation: None,
        listeners: vec![ListenerDraft {
            name: "http".to_string(),
            port,
            hostname: Hostname::Any,
            allowed: AllowedRoutes::all(),
            supported_kinds: listener::default_kinds(),
            invalid_kinds: Vec::new(),
            refusal: None,
            protocol: Protocol::Http,
            attached: BTreeSet::new(),
            hosts: BTreeMap::new(),
        }],
        ignored: Vec::new(),
    }
}
