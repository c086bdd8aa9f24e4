//! Every kind of object that Tollgate reads, in one table.
//!
//! A new kind is a row here, a variant of [`Object`], and (if it is ours) a row in `crd`.

use gateway_api::apis::standard::backendtlspolicies::BackendTlsPolicy;
use gateway_api::experimental::{
    gatewayclasses::GatewayClass, gateways::Gateway, grpcroutes::GrpcRoute, httproutes::HttpRoute,
    listenersets::ListenerSet, referencegrants::ReferenceGrant, tcproutes::TcpRoute,
    tlsroutes::TlsRoute, udproutes::UdpRoute,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::validation::Violation;
use crate::{Object, SecretObject, envoy_ai_gateway, envoy_gateway, tollgate};

/// Group of the Gateway API.
pub const GATEWAY_API_GROUP: &str = "gateway.networking.k8s.io";

/// A kind of object.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// API group; empty for core.
    pub group: &'static str,
    /// Versions that are read, the one to watch first.
    pub versions: &'static [&'static str],
    /// Name of the kind.
    pub kind: &'static str,
    /// Name in URLs.
    pub plural: &'static str,
    /// Whether objects live in a namespace.
    pub scope: Scope,
    /// Where the schema comes from; `None` for kinds that no CRD describes.
    pub(crate) definition: Option<fn() -> CustomResourceDefinition>,
    /// From checked JSON to a value.
    pub(crate) read: fn(Value) -> Result<Object, Vec<Violation>>,
}

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// No namespace.
    Cluster,
    /// Always in one.
    Namespaced,
}

pub(crate) const COUNT: usize = 29;

/// Every kind that Tollgate reads.
pub static KINDS: [Kind; COUNT] = [
    // Core.
    Kind {
        group: "",
        versions: &["v1"],
        kind: "Namespace",
        plural: "namespaces",
        scope: Scope::Cluster,
        definition: None,
        read: |value| typed(value, Object::Namespace),
    },
    Kind {
        group: "",
        versions: &["v1"],
        kind: "Secret",
        plural: "secrets",
        scope: Scope::Namespaced,
        definition: None,
        read: |value| SecretObject::parse(&value).map(Object::Secret),
    },
    Kind {
        group: "",
        versions: &["v1"],
        kind: "ConfigMap",
        plural: "configmaps",
        scope: Scope::Namespaced,
        definition: None,
        read: |value| typed(value, Object::ConfigMap),
    },
    Kind {
        group: "",
        versions: &["v1"],
        kind: "Service",
        plural: "services",
        scope: Scope::Namespaced,
        definition: None,
        read: |value| typed(value, Object::Service),
    },
    Kind {
        group: "discovery.k8s.io",
        versions: &["v1"],
        kind: "EndpointSlice",
        plural: "endpointslices",
        scope: Scope::Namespaced,
        definition: None,
        read: |value| typed(value, Object::EndpointSlice),
    },
    // Gateway API.
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1beta1"],
        kind: "GatewayClass",
        plural: "gatewayclasses",
        scope: Scope::Cluster,
        definition: Some(GatewayClass::crd),
        read: |value| typed(value, Object::GatewayClass),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1beta1"],
        kind: "Gateway",
        plural: "gateways",
        scope: Scope::Namespaced,
        definition: Some(Gateway::crd),
        read: |value| typed(value, Object::Gateway),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1beta1"],
        kind: "HTTPRoute",
        plural: "httproutes",
        scope: Scope::Namespaced,
        definition: Some(HttpRoute::crd),
        read: |value| typed(value, Object::HttpRoute),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1beta1"],
        kind: "ReferenceGrant",
        plural: "referencegrants",
        scope: Scope::Namespaced,
        definition: Some(ReferenceGrant::crd),
        read: |value| typed(value, Object::ReferenceGrant),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1"],
        kind: "GRPCRoute",
        plural: "grpcroutes",
        scope: Scope::Namespaced,
        definition: Some(GrpcRoute::crd),
        read: |value| typed(value, Object::GrpcRoute),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1alpha3", "v1alpha2"],
        kind: "TLSRoute",
        plural: "tlsroutes",
        scope: Scope::Namespaced,
        definition: Some(TlsRoute::crd),
        read: |value| typed(value, Object::TlsRoute),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1alpha2"],
        kind: "TCPRoute",
        plural: "tcproutes",
        scope: Scope::Namespaced,
        definition: Some(TcpRoute::crd),
        read: |value| typed(value, Object::TcpRoute),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1alpha2"],
        kind: "UDPRoute",
        plural: "udproutes",
        scope: Scope::Namespaced,
        definition: Some(UdpRoute::crd),
        read: |value| typed(value, Object::UdpRoute),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1"],
        kind: "ListenerSet",
        plural: "listenersets",
        scope: Scope::Namespaced,
        definition: Some(ListenerSet::crd),
        read: |value| typed(value, Object::ListenerSet),
    },
    Kind {
        group: GATEWAY_API_GROUP,
        versions: &["v1", "v1alpha3"],
        kind: "BackendTLSPolicy",
        plural: "backendtlspolicies",
        scope: Scope::Namespaced,
        definition: Some(BackendTlsPolicy::crd),
        read: |value| typed(value, Object::BackendTlsPolicy),
    },
    // Envoy Gateway, and the compact AI route beside it.
    Kind {
        group: envoy_gateway::GROUP,
        versions: &["v1alpha1"],
        kind: "Backend",
        plural: "backends",
        scope: Scope::Namespaced,
        definition: Some(envoy_gateway::Backend::crd),
        read: |value| typed(value, Object::Backend),
    },
    Kind {
        group: envoy_gateway::GROUP,
        versions: &["v1alpha1"],
        kind: "BackendTrafficPolicy",
        plural: "backendtrafficpolicies",
        scope: Scope::Namespaced,
        definition: Some(envoy_gateway::BackendTrafficPolicy::crd),
        read: |value| typed(value, Object::BackendTrafficPolicy),
    },
    Kind {
        group: envoy_gateway::GROUP,
        versions: &["v1alpha1"],
        kind: "EnvoyProxy",
        plural: "envoyproxies",
        scope: Scope::Namespaced,
        definition: Some(envoy_gateway::EnvoyProxy::crd),
        read: |value| typed(value, Object::EnvoyProxy),
    },
    Kind {
        group: envoy_gateway::GROUP,
        versions: &["v1alpha1"],
        kind: "AIGatewayRoute",
        plural: "aigatewayroutes",
        scope: Scope::Namespaced,
        definition: Some(envoy_gateway::CompactAIGatewayRoute::crd),
        read: |value| typed(value, Object::CompactAIGatewayRoute),
    },
    // Envoy Gateway's, read to say that they are not enforced.
    unenforced("ClientTrafficPolicy", "clienttrafficpolicies"),
    unenforced("EnvoyExtensionPolicy", "envoyextensionpolicies"),
    unenforced("EnvoyPatchPolicy", "envoypatchpolicies"),
    unenforced("SecurityPolicy", "securitypolicies"),
    // Envoy AI Gateway.
    Kind {
        group: envoy_ai_gateway::GROUP,
        versions: &["v1beta1", "v1alpha1"],
        kind: "AIGatewayRoute",
        plural: "aigatewayroutes",
        scope: Scope::Namespaced,
        definition: Some(envoy_ai_gateway::AIGatewayRoute::crd),
        read: |value| typed(value, Object::AIGatewayRoute),
    },
    Kind {
        group: envoy_ai_gateway::GROUP,
        versions: &["v1beta1", "v1alpha1"],
        kind: "AIServiceBackend",
        plural: "aiservicebackends",
        scope: Scope::Namespaced,
        definition: Some(envoy_ai_gateway::AIServiceBackend::crd),
        read: |value| typed(value, Object::AIServiceBackend),
    },
    Kind {
        group: envoy_ai_gateway::GROUP,
        versions: &["v1beta1", "v1alpha1"],
        kind: "BackendSecurityPolicy",
        plural: "backendsecuritypolicies",
        scope: Scope::Namespaced,
        definition: Some(envoy_ai_gateway::BackendSecurityPolicy::crd),
        read: |value| typed(value, Object::BackendSecurityPolicy),
    },
    Kind {
        group: envoy_ai_gateway::GROUP,
        versions: &["v1alpha1"],
        kind: "QuotaPolicy",
        plural: "quotapolicies",
        scope: Scope::Namespaced,
        definition: Some(envoy_ai_gateway::QuotaPolicy::crd),
        read: |value| typed(value, Object::QuotaPolicy),
    },
    // Our own.
    Kind {
        group: tollgate::GROUP,
        versions: &["v1alpha1"],
        kind: "Consumer",
        plural: "consumers",
        scope: Scope::Namespaced,
        definition: Some(tollgate::Consumer::crd),
        read: |value| typed(value, Object::Consumer),
    },
    Kind {
        group: tollgate::GROUP,
        versions: &["v1alpha1"],
        kind: "TokenBudget",
        plural: "tokenbudgets",
        scope: Scope::Namespaced,
        definition: Some(tollgate::TokenBudget::crd),
        read: |value| typed(value, Object::TokenBudget),
    },
];

/// A policy of Envoy Gateway that is not enforced. Its CRD is Envoy Gateway's own.
const fn unenforced(kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group: envoy_gateway::GROUP,
        versions: &["v1alpha1"],
        kind,
        plural,
        scope: Scope::Namespaced,
        definition: None,
        read: |value| typed(value, Object::UnenforcedPolicy),
    }
}

// === impl Kind ===

impl Kind {
    /// The row for a kind, and its place in [`KINDS`]. The version may be one that is not read.
    pub(crate) fn find(group: &str, kind: &str) -> Option<(usize, &'static Self)> {
        KINDS
            .iter()
            .enumerate()
            .find(|(_, row)| row.group == group && row.kind == kind)
    }

    /// `group/version`, or the version alone for core.
    pub fn api_version(&self, version: &str) -> String {
        match self.group {
            "" => version.to_string(),
            group => format!("{group}/{version}"),
        }
    }
}

/// What the schema lets through and the type does not: a value no structural schema can describe.
fn typed<T: DeserializeOwned>(
    value: Value,
    wrap: fn(Box<T>) -> Object,
) -> Result<Object, Vec<Violation>> {
    serde_path_to_error::deserialize(value)
        .map(|object| wrap(Box::new(object)))
        .map_err(|error| {
            let path = error.path().to_string();
            vec![Violation::new(path, error.into_inner().to_string())]
        })
}
