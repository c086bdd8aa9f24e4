//! From JSON to a typed object, or to everything that is wrong with it.
//!
//! Fed by the file provider and the Kubernetes watch; feeds the snapshot that `translate` reads.

mod metadata;

use std::fmt;
use std::sync::OnceLock;

use gateway_api::apis::standard::backendtlspolicies::BackendTlsPolicy;
use gateway_api::experimental::{
    gatewayclasses::GatewayClass, gateways::Gateway, grpcroutes::GrpcRoute, httproutes::HttpRoute,
    listenersets::ListenerSet, referencegrants::ReferenceGrant, tcproutes::TcpRoute,
    tlsroutes::TlsRoute, udproutes::UdpRoute,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::envoy_ai_gateway::{
    AIGatewayRoute, AIServiceBackend, BackendSecurityPolicy, QuotaPolicy,
};
use crate::envoy_gateway::{
    Backend, BackendTrafficPolicy, CompactAIGatewayRoute, EnvoyProxy, UnenforcedPolicy,
};
use crate::kinds::{COUNT, Kind};
use crate::tollgate::{Consumer, TokenBudget};
use crate::validation::{self, Node, SchemaError, Violation, Warning};
use crate::{SecretObject, crd};

/// Namespace of objects that name none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// An object of a kind that Tollgate reads.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is named after its kind")]
pub enum Object {
    Namespace(Box<Namespace>),
    Secret(SecretObject),
    ConfigMap(Box<ConfigMap>),
    Service(Box<Service>),
    EndpointSlice(Box<EndpointSlice>),
    GatewayClass(Box<GatewayClass>),
    Gateway(Box<Gateway>),
    HttpRoute(Box<HttpRoute>),
    ReferenceGrant(Box<ReferenceGrant>),
    GrpcRoute(Box<GrpcRoute>),
    TlsRoute(Box<TlsRoute>),
    TcpRoute(Box<TcpRoute>),
    UdpRoute(Box<UdpRoute>),
    ListenerSet(Box<ListenerSet>),
    BackendTlsPolicy(Box<BackendTlsPolicy>),
    Backend(Box<Backend>),
    BackendTrafficPolicy(Box<BackendTrafficPolicy>),
    EnvoyProxy(Box<EnvoyProxy>),
    UnenforcedPolicy(Box<UnenforcedPolicy>),
    CompactAIGatewayRoute(Box<CompactAIGatewayRoute>),
    AIGatewayRoute(Box<AIGatewayRoute>),
    AIServiceBackend(Box<AIServiceBackend>),
    BackendSecurityPolicy(Box<BackendSecurityPolicy>),
    QuotaPolicy(Box<QuotaPolicy>),
    Consumer(Box<Consumer>),
    TokenBudget(Box<TokenBudget>),
}

/// Why JSON is not an object that Tollgate can use. No message holds a value of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It does not say what it is.
    #[error("{field} must be a string that is not empty")]
    NoKind {
        /// `apiVersion` or `kind`.
        field: &'static str,
    },
    /// A kind that Tollgate does not read.
    #[error("{api_version} {kind} is not a kind that tollgate reads")]
    UnknownKind {
        /// As written.
        api_version: String,
        /// As written.
        kind: String,
    },
    /// A kind that Tollgate reads, in another version.
    #[error("{api_version} {kind} is not a version that tollgate reads; it reads {}", known.join(", "))]
    UnknownVersion {
        /// As written.
        api_version: String,
        /// As written.
        kind: String,
        /// The `apiVersion`s that are read.
        known: Vec<String>,
    },
    /// Its schema, or a rule in it, is broken.
    #[error("{kind} {}: {}", NameOf(namespace.as_deref(), name), Joined(violations))]
    Invalid {
        /// Kind.
        kind: &'static str,
        /// Namespace; `None` for kinds without.
        namespace: Option<String>,
        /// Name; empty when that is what is wrong.
        name: String,
        /// What is wrong; never empty.
        violations: Vec<Violation>,
    },
    /// The schema of its kind cannot be used; a fault of Tollgate's.
    #[error("the schema of {kind} cannot be used: {message}")]
    Schema {
        /// Kind.
        kind: &'static str,
        /// Why.
        message: String,
    },
}

/// Reads an object: finds its kind, checks it against the schema and rules of its CRD, and
/// returns it with defaults in place. An object of a namespaced kind without a namespace is in
/// `default`.
///
/// # Errors
/// See [`ObjectError`].
pub fn parse_object(value: Value) -> Result<Object, ObjectError> {
    parse_object_with_warnings(value).map(|(object, _)| object)
}

/// As [`parse_object`], and says which fields have no effect.
///
/// # Errors
/// See [`ObjectError`].
pub fn parse_object_with_warnings(mut value: Value) -> Result<(Object, Vec<Warning>), ObjectError> {
    let (index, kind) = find_kind(&value)?;
    let mut violations = metadata::complete(&mut value, kind.scope);
    let invalid = |violations, value: &Value| ObjectError::Invalid {
        kind: kind.kind,
        namespace: value["metadata"]["namespace"].as_str().map(str::to_string),
        name: value["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_string(),
        violations,
    };
    let mut warnings = Vec::new();
    if let Some(schema) = schema(index, kind)? {
        let findings = validation::validate(schema, &mut value);
        violations.extend(findings.violations);
        warnings = findings.warnings;
    }
    if !violations.is_empty() {
        return Err(invalid(violations, &value));
    }
    let names = value["metadata"].clone();
    let names =
        serde_json::json!({"metadata": {"name": names["name"], "namespace": names["namespace"]}});
    match (kind.read)(value) {
        Ok(object) => Ok((object, warnings)),
        Err(violations) => Err(invalid(violations, &names)),
    }
}

/// Reads an object that an API server has checked and completed with defaults: only what its type
/// cannot hold is refused.
///
/// # Errors
/// [`ObjectError::Invalid`].
pub fn read_trusted(kind: &'static Kind, value: Value) -> Result<Object, ObjectError> {
    let text = |field: &str| value["metadata"][field].as_str().map(str::to_string);
    let (namespace, name) = (text("namespace"), text("name"));
    (kind.read)(value).map_err(|violations| ObjectError::Invalid {
        kind: kind.kind,
        namespace,
        name: name.unwrap_or_default(),
        violations,
    })
}

fn find_kind(value: &Value) -> Result<(usize, &'static Kind), ObjectError> {
    let text = |field| match value[field].as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(ObjectError::NoKind { field }),
    };
    let (api_version, kind) = (text("apiVersion")?, text("kind")?);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (index, row) = Kind::find(group, kind).ok_or_else(|| ObjectError::UnknownKind {
        api_version: api_version.to_string(),
        kind: kind.to_string(),
    })?;
    if !row.versions.contains(&version) {
        return Err(ObjectError::UnknownVersion {
            api_version: api_version.to_string(),
            kind: kind.to_string(),
            known: row
                .versions
                .iter()
                .map(|version| row.api_version(version))
                .collect(),
        });
    }
    Ok((index, row))
}

/// The compiled schema of a kind, made at its first use.
fn schema(index: usize, kind: &Kind) -> Result<Option<&'static Node>, ObjectError> {
    type Compiled = OnceLock<Result<Node, SchemaError>>;
    static SCHEMAS: [Compiled; COUNT] = [const { OnceLock::new() }; COUNT];
    let (Some(definition), Some(cell)) = (kind.definition, SCHEMAS.get(index)) else {
        return Ok(None);
    };
    let compiled = cell.get_or_init(|| Node::compile(&crd::schema(definition)));
    compiled
        .as_ref()
        .map(Some)
        .map_err(|error| ObjectError::Schema {
            kind: kind.kind,
            message: error.to_string(),
        })
}

/// `namespace/name`, or the name alone.
struct NameOf<'a>(Option<&'a str>, &'a str);

/// Violations in one line.
struct Joined<'a>(&'a [Violation]);

// === impl Object ===

impl Object {
    /// Namespace; `None` for kinds without.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Secret(secret) => Some(&secret.namespace),
            other => other
                .metadata()
                .and_then(|metadata| metadata.namespace.as_deref()),
        }
    }

    /// Name; never empty for an object from [`parse_object`].
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(secret) => &secret.name,
            other => other
                .metadata()
                .and_then(|m| m.name.as_deref())
                .unwrap_or_default(),
        }
    }

    /// Metadata; `None` for a Secret, of which only the name is kept.
    pub fn metadata(&self) -> Option<&ObjectMeta> {
        Some(match self {
            Self::Secret(_) => return None,
            Self::Namespace(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::GatewayClass(object) => &object.metadata,
            Self::Gateway(object) => &object.metadata,
            Self::HttpRoute(object) => &object.metadata,
            Self::ReferenceGrant(object) => &object.metadata,
            Self::GrpcRoute(object) => &object.metadata,
            Self::TlsRoute(object) => &object.metadata,
            Self::TcpRoute(object) => &object.metadata,
            Self::UdpRoute(object) => &object.metadata,
            Self::ListenerSet(object) => &object.metadata,
            Self::BackendTlsPolicy(object) => &object.metadata,
            Self::Backend(object) => &object.metadata,
            Self::BackendTrafficPolicy(object) => &object.metadata,
            Self::EnvoyProxy(object) => &object.metadata,
            Self::UnenforcedPolicy(object) => &object.metadata,
            Self::CompactAIGatewayRoute(object) => &object.metadata,
            Self::AIGatewayRoute(object) => &object.metadata,
            Self::AIServiceBackend(object) => &object.metadata,
            Self::BackendSecurityPolicy(object) => &object.metadata,
            Self::QuotaPolicy(object) => &object.metadata,
            Self::Consumer(object) => &object.metadata,
            Self::TokenBudget(object) => &object.metadata,
        })
    }

    /// (group, kind) of this object.
    pub fn group_kind(&self) -> (&'static str, &'static str) {
        use crate::{envoy_ai_gateway, envoy_gateway, kinds::GATEWAY_API_GROUP, tollgate};
        match self {
            Self::Namespace(_) => ("", "Namespace"),
            Self::Secret(_) => ("", "Secret"),
            Self::ConfigMap(_) => ("", "ConfigMap"),
            Self::Service(_) => ("", "Service"),
            Self::EndpointSlice(_) => ("discovery.k8s.io", "EndpointSlice"),
            Self::GatewayClass(_) => (GATEWAY_API_GROUP, "GatewayClass"),
            Self::Gateway(_) => (GATEWAY_API_GROUP, "Gateway"),
            Self::HttpRoute(_) => (GATEWAY_API_GROUP, "HTTPRoute"),
            Self::ReferenceGrant(_) => (GATEWAY_API_GROUP, "ReferenceGrant"),
            Self::GrpcRoute(_) => (GATEWAY_API_GROUP, "GRPCRoute"),
            Self::TlsRoute(_) => (GATEWAY_API_GROUP, "TLSRoute"),
            Self::TcpRoute(_) => (GATEWAY_API_GROUP, "TCPRoute"),
            Self::UdpRoute(_) => (GATEWAY_API_GROUP, "UDPRoute"),
            Self::ListenerSet(_) => (GATEWAY_API_GROUP, "ListenerSet"),
            Self::BackendTlsPolicy(_) => (GATEWAY_API_GROUP, "BackendTLSPolicy"),
            Self::Backend(_) => (envoy_gateway::GROUP, "Backend"),
            Self::BackendTrafficPolicy(_) => (envoy_gateway::GROUP, "BackendTrafficPolicy"),
            Self::EnvoyProxy(_) => (envoy_gateway::GROUP, "EnvoyProxy"),
            Self::UnenforcedPolicy(policy) => (envoy_gateway::GROUP, policy.kind.name()),
            Self::CompactAIGatewayRoute(_) => (envoy_gateway::GROUP, "AIGatewayRoute"),
            Self::AIGatewayRoute(_) => (envoy_ai_gateway::GROUP, "AIGatewayRoute"),
            Self::AIServiceBackend(_) => (envoy_ai_gateway::GROUP, "AIServiceBackend"),
            Self::BackendSecurityPolicy(_) => (envoy_ai_gateway::GROUP, "BackendSecurityPolicy"),
            Self::QuotaPolicy(_) => (envoy_ai_gateway::GROUP, "QuotaPolicy"),
            Self::Consumer(_) => (tollgate::GROUP, "Consumer"),
            Self::TokenBudget(_) => (tollgate::GROUP, "TokenBudget"),
        }
    }
}

impl fmt::Display for NameOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(namespace), name) => write!(f, "{namespace}/{name}"),
            Self(None, name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
