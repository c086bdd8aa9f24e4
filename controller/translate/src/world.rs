//! The snapshot: every object that translation may look at, by kind and name.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tollgate_crds::envoy_ai_gateway::{AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy};
use tollgate_crds::envoy_gateway::{Backend, CompactAIGatewayRoute};
use tollgate_crds::tollgate::{Consumer, TokenBudget};

use crate::{DEFAULT_NAMESPACE, NamespacedName, SecretEntries, k8s};

/// Objects of one namespaced kind.
pub(crate) type Objects<T> = BTreeMap<NamespacedName, T>;

/// An immutable snapshot of all objects. Values of Secrets are wrapped; they print as `*****`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    pub(crate) ai_gateway_routes: Objects<AIGatewayRoute>,
    pub(crate) ai_service_backends: Objects<AIServiceBackend>,
    pub(crate) backend_security_policies: Objects<BackendSecurityPolicy>,
    pub(crate) backends: Objects<Backend>,
    pub(crate) compact_ai_gateway_routes: Objects<CompactAIGatewayRoute>,
    pub(crate) config_maps: Objects<k8s::ConfigMap>,
    pub(crate) consumers: Objects<Consumer>,
    pub(crate) endpoint_slices: Objects<k8s::EndpointSlice>,
    pub(crate) gateway_classes: BTreeMap<String, k8s::GatewayClass>,
    pub(crate) gateways: Objects<k8s::Gateway>,
    pub(crate) http_routes: Objects<k8s::HttpRoute>,
    pub(crate) namespaces: BTreeMap<String, k8s::Namespace>,
    pub(crate) reference_grants: Objects<k8s::ReferenceGrant>,
    pub(crate) secrets: Objects<SecretEntries>,
    pub(crate) services: Objects<k8s::Service>,
    pub(crate) token_budgets: Objects<TokenBudget>,
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
