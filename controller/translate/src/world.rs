//! The snapshot: every object that translation may look at, by kind and name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_crds::envoy_ai_gateway::{
    AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy, QuotaPolicy,
};
use tollgate_crds::envoy_gateway::{Backend, BackendTrafficPolicy, CompactAIGatewayRoute};
use tollgate_crds::tollgate::{Consumer, TokenBudget};
use tollgate_crds::{DEFAULT_NAMESPACE, Object, SecretObject};

use crate::{BrokenBudget, NamespacedName, k8s};

/// Objects of one namespaced kind.
pub(crate) type Objects<T> = BTreeMap<NamespacedName, T>;

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
    pub(crate) gateway_classes: BTreeMap<String, k8s::GatewayClass>,
    pub(crate) gateways: Objects<k8s::Gateway>,
    pub(crate) grpc_routes: Objects<k8s::GrpcRoute>,
    pub(crate) tls_routes: Objects<k8s::TlsRoute>,
    pub(crate) tcp_routes: Objects<k8s::TcpRoute>,
    pub(crate) udp_routes: Objects<k8s::UdpRoute>,
    pub(crate) listener_sets: Objects<k8s::ListenerSet>,
    pub(crate) backend_tls_policies: Objects<k8s::BackendTlsPolicy>,
    pub(crate) http_routes: Objects<k8s::HttpRoute>,
    pub(crate) namespaces: BTreeMap<String, k8s::Namespace>,
    pub(crate) quota_policies: Objects<QuotaPolicy>,
    pub(crate) reference_grants: Objects<k8s::ReferenceGrant>,
    pub(crate) secrets: Objects<SecretObject>,
    pub(crate) services: Objects<k8s::Service>,
    pub(crate) token_budgets: Objects<TokenBudget>,
}

// === impl World ===

impl World {
    /// Puts an object in, in the place of one of the same kind and name.
    pub fn insert(&mut self, object: Object) {
        let namespace = object.namespace().unwrap_or(DEFAULT_NAMESPACE);
        let name = NamespacedName::new(namespace, object.name());
        match object {
            Object::Namespace(it) => drop(self.namespaces.insert(name.name, *it)),
            Object::Secret(it) => drop(self.secrets.insert(name, it)),
            Object::ConfigMap(it) => drop(self.config_maps.insert(name, *it)),
            Object::Service(it) => drop(self.services.insert(name, *it)),
            Object::EndpointSlice(it) => drop(self.endpoint_slices.insert(name, *it)),
            Object::GatewayClass(it) => drop(self.gateway_classes.insert(name.name, *it)),
            Object::Gateway(it) => drop(self.gateways.insert(name, *it)),
            Object::GrpcRoute(it) => drop(self.grpc_routes.insert(name, *it)),
            Object::TlsRoute(it) => drop(self.tls_routes.insert(name, *it)),
            Object::TcpRoute(it) => drop(self.tcp_routes.insert(name, *it)),
            Object::UdpRoute(it) => drop(self.udp_routes.insert(name, *it)),
            Object::ListenerSet(it) => drop(self.listener_sets.insert(name, *it)),
            Object::BackendTlsPolicy(it) => drop(self.backend_tls_policies.insert(name, *it)),
            Object::HttpRoute(it) => drop(self.http_routes.insert(name, *it)),
            Object::ReferenceGrant(it) => drop(self.reference_grants.insert(name, *it)),
            Object::Backend(it) => drop(self.backends.insert(name, *it)),
            Object::BackendTrafficPolicy(it) => {
                drop(self.backend_traffic_policies.insert(name, *it));
            }
            Object::CompactAIGatewayRoute(it) => {
                drop(self.compact_ai_gateway_routes.insert(name, *it));
            }
            Object::AIGatewayRoute(it) => drop(self.ai_gateway_routes.insert(name, *it)),
            Object::AIServiceBackend(it) => drop(self.ai_service_backends.insert(name, *it)),
            Object::BackendSecurityPolicy(it) => {
                drop(self.backend_security_policies.insert(name, *it));
            }
            Object::QuotaPolicy(it) => drop(self.quota_policies.insert(name, *it)),
            Object::Consumer(it) => drop(self.consumers.insert(name, *it)),
            Object::TokenBudget(it) => drop(self.token_budgets.insert(name, *it)),
        }
    }
}

impl World {
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
