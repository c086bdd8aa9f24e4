//! What the routes of a run look like, how one is changed, and what is asked to see it.

use clap::ValueEnum;
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::probe::{Answer, Ask};
use crate::stage::{BACKEND, GATEWAY};

/// Response header that says which version of its route served a call.
pub(crate) const VERSION_HEADER: &str = "x-scale-version";

/// A kind of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// HTTPRoutes, each with a host name of its own
    Hosts,
    /// HTTPRoutes of one host name, each with a path of its own
    Paths,
    /// AIGatewayRoutes of Envoy AI Gateway, one model each, one AIServiceBackend
    Ai,
    /// Compact AIGatewayRoutes, one model and one backend each
    Compact,
}

// === impl Shape ===

impl Shape {
    /// As the table has it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Hosts => "HTTPRoute, a host name each",
            Self::Paths => "HTTPRoute, a path each",
            Self::Ai => "AIGatewayRoute, a model each",
            Self::Compact => "compact AIGatewayRoute, a model and a backend each",
        }
    }

    /// Where its objects are in the API.
    pub(crate) fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Hosts | Self::Paths => {
                ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
            }
            Self::Ai => (
                "aigateway.envoyproxy.io",
                "v1beta1",
                "AIGatewayRoute",
                "aigatewayroutes",
            ),
            Self::Compact => (
                "gateway.envoyproxy.io",
                "v1alpha1",
                "AIGatewayRoute",
                "aigatewayroutes",
            ),
        };
        ApiResource {
            group: group.to_string(),
            version: version.to_string(),
            api_version: format!("{group}/{version}"),
            kind: kind.to_string(),
            plural: plural.to_string(),
        }
    }

    /// Name of a route.
    pub(crate) fn name(self, number: usize) -> String {
        format!("scale-{number:05}")
    }

    /// A route in its first version.
    pub(crate) fn manifest(self, number: usize) -> Value {
        let resource = self.resource();
        let mut manifest = self.change(number, 0);
        manifest["apiVersion"] = resource.api_version.into();
        manifest["kind"] = resource.kind.into();
        manifest["metadata"] = json!({"name": self.name(number)});
        if self != Self::Compact {
            manifest["spec"]["parentRefs"] = json!([{
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": GATEWAY,
            }]);
        }
        if self != Self::Ai && self != Self::Compact {
            manifest["spec"]["hostnames"] = json!([self.host(number)]);
        }
        manifest
    }

    /// A merge patch that makes another version of a route.
    pub(crate) fn change(self, number: usize, version: usize) -> Value {
        let model = model(number, version);
        match self {
            Self::Hosts | Self::Paths => json!({"spec": {"rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": self.prefix(number)}}],
                "filters": [{
                    "type": "ResponseHeaderModifier",
                    "responseHeaderModifier": {
                        "set": [{"name": VERSION_HEADER, "value": version.to_string()}],
                    },
                }],
                "backendRefs": [{"name": BACKEND, "port": 8080}],
            }]}}),
            Self::Ai => json!({"spec": {"rules": [{
                "matches": [{"headers": [
                    {"type": "Exact", "name": "x-ai-eg-model", "value": model},
                ]}],
                "backendRefs": [{"name": BACKEND}],
            }]}}),
            Self::Compact => json!({"spec": {"backends": [{
                "name": "sim",
                "provider": "openai-compatible",
                "model": model,
                "endpoint": format!("http://{BACKEND}:8080"),
                "auth": {"type": "APIKey", "apiKeyRef": {"name": BACKEND}},
            }]}}),
        }
    }

    /// The call that a version of a route answers.
    pub(crate) fn ask(self, number: usize, version: usize) -> Ask {
        match self {
            Self::Hosts | Self::Paths => Ask {
                host: self.host(number),
                path: format!("{}/v1/models", self.prefix(number).trim_end_matches('/')),
                model: None,
            },
            Self::Ai | Self::Compact => Ask {
                host: "scale.test".to_string(),
                path: "/v1/chat/completions".to_string(),
                model: Some(model(number, version)),
            },
        }
    }

    /// Whether an answer is that version's.
    pub(crate) fn is_served(self, answer: &Answer, version: usize) -> bool {
        match self {
            Self::Hosts | Self::Paths => {
                answer.status == 200 && answer.version.as_deref() == Some(&version.to_string())
            }
            Self::Ai | Self::Compact => answer.status == 200,
        }
    }

    fn host(self, number: usize) -> String {
        match self {
            Self::Hosts => format!("{}.scale.test", self.name(number)),
            Self::Paths | Self::Ai | Self::Compact => "scale.test".to_string(),
        }
    }

    fn prefix(self, number: usize) -> String {
        match self {
            Self::Paths => format!("/{}", self.name(number)),
            Self::Hosts | Self::Ai | Self::Compact => "/".to_string(),
        }
    }
}

fn model(number: usize, version: usize) -> String {
    format!("model-{number}-{version}")
}
