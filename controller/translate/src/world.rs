//! The snapshot: every object that translation may look at, by kind and name.

mod lookups;

mod objects;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_crds::envoy_ai_gateway::{
    AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy, QuotaPolicy,
};
use tollgate_crds::envoy_gateway::{
    Backend, BackendTrafficPolicy, CompactAIGatewayRoute, EnvoyProxy, UnenforcedKind,
    UnenforcedPolicy,
};
use tollgate_crds::tollgate::{Consumer, TokenBudget};
use tollgate_crds::{DEFAULT_NAMESPACE, GATEWAY_API_GROUP, Object, SecretObject};
use tollgate_crds::{envoy_ai_gateway, envoy_gateway, tollgate};

pub(crate) use lookups::Lookups;

use crate::{BrokenBudget, FleetState, NamespacedName, ObjectRef, k8s};

pub(crate) use objects::Objects;

/// An immutable snapshot of all objects. Values of Secrets are wrapped; they print as `*****`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    pub(crate) ai_gateway_routes: Objects<AIGatewayRoute>,
    pub(crate) ai_service_backends: Objects<AIServiceBackend>,
    pub(crate) backend_security_policies: Objects<BackendSecurityPolicy>,
    pub(crate) backend_traffic_policies: Objects<BackendTrafficPolicy>,
    pub(crate) backends: Objects<Backend>,
    /// Documents that are meant to be a TokenBudget and are not in effect.
    pub(crate) broken_budgets: Vec<BrokenBudget>,
    /// Namespaces with a document that is meant to be a Consumer and cannot be one.
    pub(crate) closed_namespaces: BTreeSet<String>,
    pub(crate) compact_ai_gateway_routes: Objects<CompactAIGatewayRoute>,
    pub(crate) config_maps: Objects<k8s::ConfigMap>,
    pub(crate) consumers: Objects<Consumer>,
    pub(crate) endpoint_slices: Objects<k8s::EndpointSlice>,
    pub(crate) envoy_proxies: Objects<EnvoyProxy>,
    /// What is known of the fleets' objects, by their namespace and name.
    pub(crate) fleets_seen: BTreeMap<NamespacedName, FleetState>,
    pub(crate) gateway_classes: Objects<k8s::GatewayClass, String>,
    pub(crate) gateways: Objects<k8s::Gateway>,
    pub(crate) grpc_routes: Objects<k8s::GrpcRoute>,
    pub(crate) tls_routes: Objects<k8s::TlsRoute>,
    pub(crate) tcp_routes: Objects<k8s::TcpRoute>,
    pub(crate) udp_routes: Objects<k8s::UdpRoute>,
    pub(crate) listener_sets: Objects<k8s::ListenerSet>,
    /// Emptied by every change of an object that is no route.
    pub(crate) lookups: Lookups,
    pub(crate) backend_tls_policies: Objects<k8s::BackendTlsPolicy>,
    pub(crate) http_routes: Objects<k8s::HttpRoute>,
    pub(crate) namespaces: Objects<k8s::Namespace, String>,
    pub(crate) quota_policies: Objects<QuotaPolicy>,
    pub(crate) reference_grants: Objects<k8s::ReferenceGrant>,
    pub(crate) secrets: Objects<SecretObject>,
    pub(crate) services: Objects<k8s::Service>,
    pub(crate) token_budgets: Objects<TokenBudget>,
    pub(crate) unenforced_policies: Objects<UnenforcedPolicy, (UnenforcedKind, NamespacedName)>,
}

// === impl World ===

impl World {
    /// Puts an object in, in the place of one of the same kind and name.
    pub fn insert(&mut self, object: Object) {
        self.replace(object);
    }

    /// As [`World::insert`]; whether the snapshot is another now.
    pub fn replace(&mut self, object: Object) -> bool {
        let namespace = object.namespace().unwrap_or(DEFAULT_NAMESPACE);
        let name = NamespacedName::new(namespace, object.name());
        if !is_route(&object) {
            self.lookups = Lookups::default();
        }
        match object {
            Object::Namespace(it) => self.namespaces.insert(name.name, *it),
            Object::Secret(it) => self.secrets.insert(name, it),
            Object::ConfigMap(it) => self.config_maps.insert(name, *it),
            Object::Service(it) => self.services.insert(name, *it),
            Object::EndpointSlice(it) => self.endpoint_slices.insert(name, *it),
            Object::GatewayClass(it) => self.gateway_classes.insert(name.name, *it),
            Object::Gateway(it) => self.gateways.insert(name, *it),
            Object::GrpcRoute(it) => self.grpc_routes.insert(name, *it),
            Object::TlsRoute(it) => self.tls_routes.insert(name, *it),
            Object::TcpRoute(it) => self.tcp_routes.insert(name, *it),
            Object::UdpRoute(it) => self.udp_routes.insert(name, *it),
            Object::ListenerSet(it) => self.listener_sets.insert(name, *it),
            Object::BackendTlsPolicy(it) => self.backend_tls_policies.insert(name, *it),
            Object::HttpRoute(it) => self.http_routes.insert(name, *it),
            Object::ReferenceGrant(it) => self.reference_grants.insert(name, *it),
            Object::Backend(it) => self.backends.insert(name, *it),
            Object::BackendTrafficPolicy(it) => self.backend_traffic_policies.insert(name, *it),
            Object::EnvoyProxy(it) => self.envoy_proxies.insert(name, *it),
            Object::UnenforcedPolicy(it) => self.unenforced_policies.insert((it.kind, name), *it),
            Object::CompactAIGatewayRoute(it) => self.compact_ai_gateway_routes.insert(name, *it),
            Object::AIGatewayRoute(it) => self.ai_gateway_routes.insert(name, *it),
            Object::AIServiceBackend(it) => self.ai_service_backends.insert(name, *it),
            Object::BackendSecurityPolicy(it) => self.backend_security_policies.insert(name, *it),
            Object::QuotaPolicy(it) => self.quota_policies.insert(name, *it),
            Object::Consumer(it) => self.consumers.insert(name, *it),
            Object::TokenBudget(it) => self.token_budgets.insert(name, *it),
        }
    }

    /// Takes an object out; whether it was there.
    pub fn remove(&mut self, object: &ObjectRef) -> bool {
        let namespace = object.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let name = &NamespacedName::new(namespace, &object.name);
        if !object.kind.ends_with("Route") {
            self.lookups = Lookups::default();
        }
        match (object.group.as_str(), object.kind.as_str()) {
            ("", "Namespace") => self.namespaces.remove(&name.name),
            ("", "Secret") => self.secrets.remove(name),
            ("", "ConfigMap") => self.config_maps.remove(name),
            ("", "Service") => self.services.remove(name),
            ("discovery.k8s.io", "EndpointSlice") => self.endpoint_slices.remove(name),
            (GATEWAY_API_GROUP, kind) => self.remove_gateway_api(kind, name),
            (envoy_gateway::GROUP, "Backend") => self.backends.remove(name),
            (envoy_gateway::GROUP, "BackendTrafficPolicy") => {
                self.backend_traffic_policies.remove(name)
            }
            (envoy_gateway::GROUP, "EnvoyProxy") => self.envoy_proxies.remove(name),
            (envoy_gateway::GROUP, "AIGatewayRoute") => self.compact_ai_gateway_routes.remove(name),
            (envoy_gateway::GROUP, kind) => UnenforcedKind::of(kind)
                .is_some_and(|kind| self.unenforced_policies.remove(&(kind, name.clone()))),
            (envoy_ai_gateway::GROUP, "AIGatewayRoute") => self.ai_gateway_routes.remove(name),
            (envoy_ai_gateway::GROUP, "AIServiceBackend") => self.ai_service_backends.remove(name),
            (envoy_ai_gateway::GROUP, "BackendSecurityPolicy") => {
                self.backend_security_policies.remove(name)
            }
            (envoy_ai_gateway::GROUP, "QuotaPolicy") => self.quota_policies.remove(name),
            (tollgate::GROUP, "Consumer") => self.consumers.remove(name),
            (tollgate::GROUP, "TokenBudget") => self.token_budgets.remove(name),
            _ => false,
        }
    }

    fn remove_gateway_api(&mut self, kind: &str, name: &NamespacedName) -> bool {
        match kind {
            "GatewayClass" => self.gateway_classes.remove(&name.name),
            "Gateway" => self.gateways.remove(name),
            "HTTPRoute" => self.http_routes.remove(name),
            "ReferenceGrant" => self.reference_grants.remove(name),
            "GRPCRoute" => self.grpc_routes.remove(name),
            "TLSRoute" => self.tls_routes.remove(name),
            "TCPRoute" => self.tcp_routes.remove(name),
            "UDPRoute" => self.udp_routes.remove(name),
            "ListenerSet" => self.listener_sets.remove(name),
            "BackendTLSPolicy" => self.backend_tls_policies.remove(name),
            _ => false,
        }
    }
}

impl World {
    /// Whether everything but routes is the very same here and there.
    pub(crate) fn has_surroundings_of(&self, other: &Self) -> bool {
        let Self {
            ai_gateway_routes: _,
            ai_service_backends,
            backend_security_policies,
            backend_traffic_policies,
            backends,
            broken_budgets,
            closed_namespaces,
            compact_ai_gateway_routes: _,
            config_maps,
            consumers,
            endpoint_slices,
            envoy_proxies,
            fleets_seen,
            gateway_classes,
            gateways,
            grpc_routes: _,
            // Worked out anew, and never by way of the memo.
            tls_routes: _,
            tcp_routes: _,
            udp_routes: _,
            listener_sets,
            lookups: _,
            backend_tls_policies,
            http_routes: _,
            namespaces,
            quota_policies,
            reference_grants,
            secrets,
            services,
            token_budgets,
            unenforced_policies,
        } = self;
        ai_service_backends.is_same(&other.ai_service_backends)
            && backend_security_policies.is_same(&other.backend_security_policies)
            && backend_traffic_policies.is_same(&other.backend_traffic_policies)
            && backends.is_same(&other.backends)
            && *broken_budgets == other.broken_budgets
            && *closed_namespaces == other.closed_namespaces
            && config_maps.is_same(&other.config_maps)
            && consumers.is_same(&other.consumers)
            && endpoint_slices.is_same(&other.endpoint_slices)
            && envoy_proxies.is_same(&other.envoy_proxies)
            && *fleets_seen == other.fleets_seen
            && gateway_classes.is_same(&other.gateway_classes)
            && gateways.is_same(&other.gateways)
            && listener_sets.is_same(&other.listener_sets)
            && backend_tls_policies.is_same(&other.backend_tls_policies)
            && namespaces.is_same(&other.namespaces)
            && quota_policies.is_same(&other.quota_policies)
            && reference_grants.is_same(&other.reference_grants)
            && secrets.is_same(&other.secrets)
            && services.is_same(&other.services)
            && token_budgets.is_same(&other.token_budgets)
            && unenforced_policies.is_same(&other.unenforced_policies)
    }

    /// Notes what is known of a fleet's objects, by the fleet's namespace and name (the label
    /// `app.kubernetes.io/instance`); `None`: there are none. Whether the snapshot is another now.
    pub fn note_fleet(&mut self, name: NamespacedName, state: Option<FleetState>) -> bool {
        if self.fleets_seen.get(&name) == state.as_ref() {
            return false;
        }
        match state {
            Some(state) => self.fleets_seen.insert(name, state),
            None => self.fleets_seen.remove(&name),
        };
        true
    }

    /// Notes a document that is meant to be a TokenBudget and cannot be one: what it applies to
    /// refuses.
    pub fn insert_broken_budget(&mut self, budget: BrokenBudget) {
        self.broken_budgets.push(budget);
    }

    /// Notes a document of this namespace that is meant to be a Consumer and cannot be one: a key
    /// is required there, as if it could.
    pub fn insert_broken_consumer(&mut self, namespace: &str) {
        self.closed_namespaces.insert(namespace.to_string());
    }

    /// Notes an object, written at `place`, whose name another has that is here already. It is
    /// not used. A TokenBudget that differs makes what it applies to refuse.
    pub fn note_duplicate(&mut self, object: &Object, place: &str) {
        let Object::TokenBudget(object) = object else {
            return;
        };
        let first = self.token_budgets.get(&key(&object.metadata));
        if first.is_none_or(|first| first.spec != object.spec) {
            self.broken_budgets
                .push(BrokenBudget::duplicate(object, place));
        }
    }
}

impl FromIterator<Object> for World {
    fn from_iter<T: IntoIterator<Item = Object>>(objects: T) -> Self {
        let mut world = Self::default();
        for object in objects {
            world.insert(object);
        }
        world
    }
}

/// Whether nothing but other routes, and what is placed with them, depends on the object.
fn is_route(object: &Object) -> bool {
    matches!(
        object,
        Object::HttpRoute(_)
            | Object::GrpcRoute(_)
            | Object::TlsRoute(_)
            | Object::TcpRoute(_)
            | Object::UdpRoute(_)
            | Object::AIGatewayRoute(_)
            | Object::CompactAIGatewayRoute(_)
    )
}

/// Name of a namespaced object; one without a namespace is in `default`.
pub(crate) fn key(metadata: &ObjectMeta) -> NamespacedName {
    NamespacedName::new(
        metadata.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// When an object was made, in Unix seconds; 0 where nobody wrote it down.
pub(crate) fn created(metadata: &ObjectMeta) -> i64 {
    metadata
        .creation_timestamp
        .as_ref()
        .map_or(0, |time| time.0.as_second())
}
