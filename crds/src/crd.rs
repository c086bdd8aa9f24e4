//! The CRDs of Tollgate's kinds, from their Rust types, fit for an API server.
//!
//! Feeds `yaml` (what is installed) and `kinds` (what objects are checked against): one schema.

mod normalize;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

use crate::{envoy_ai_gateway, envoy_gateway, tollgate};

/// A CRD and the name of its file, as `controller-gen` would name it.
pub(crate) struct Crd {
    pub(crate) file: &'static str,
    definition: fn() -> CustomResourceDefinition,
    /// Older version served with the same schema.
    older_version: Option<&'static str>,
}

/// Every CRD that Tollgate installs, by file name.
pub(crate) const CRDS: [Crd; 10] = [
    Crd {
        file: "aigateway.envoyproxy.io_aigatewayroutes.yaml",
        definition: envoy_ai_gateway::AIGatewayRoute::crd,
        older_version: Some("v1alpha1"),
    },
    Crd {
        file: "aigateway.envoyproxy.io_aiservicebackends.yaml",
        definition: envoy_ai_gateway::AIServiceBackend::crd,
        older_version: Some("v1alpha1"),
    },
    Crd {
        file: "aigateway.envoyproxy.io_backendsecuritypolicies.yaml",
        definition: envoy_ai_gateway::BackendSecurityPolicy::crd,
        older_version: Some("v1alpha1"),
    },
    Crd {
        file: "aigateway.envoyproxy.io_quotapolicies.yaml",
        definition: envoy_ai_gateway::QuotaPolicy::crd,
        older_version: None,
    },
    Crd {
        file: "gateway.envoyproxy.io_aigatewayroutes.yaml",
        definition: envoy_gateway::CompactAIGatewayRoute::crd,
        older_version: None,
    },
    Crd {
        file: "gateway.envoyproxy.io_backends.yaml",
        definition: envoy_gateway::Backend::crd,
        older_version: None,
    },
    Crd {
        file: "gateway.envoyproxy.io_backendtrafficpolicies.yaml",
        definition: envoy_gateway::BackendTrafficPolicy::crd,
        older_version: None,
    },
    Crd {
        file: "gateway.envoyproxy.io_envoyproxies.yaml",
        definition: envoy_gateway::EnvoyProxy::crd,
        older_version: None,
    },
    Crd {
        file: "tollgate.dev_consumers.yaml",
        definition: tollgate::Consumer::crd,
        older_version: None,
    },
    Crd {
        file: "tollgate.dev_tokenbudgets.yaml",
        definition: tollgate::TokenBudget::crd,
        older_version: None,
    },
];

// === impl Crd ===

impl Crd {
    /// The definition as JSON, with every version.
    pub(crate) fn to_json(&self) -> Value {
        let mut crd = json!((self.definition)());
        for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
            normalize::normalize(&mut version["schema"]["openAPIV3Schema"]);
        }
        if let Some(name) = self.older_version {
            add_older_version(&mut crd, name);
        }
        crd
    }
}

/// The schema that objects of a kind are checked against.
pub(crate) fn schema(definition: fn() -> CustomResourceDefinition) -> Value {
    let mut schema = json!(definition())["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
    normalize::normalize(&mut schema);
    schema
}

fn add_older_version(crd: &mut Value, name: &str) {
    let group = crd["spec"]["group"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let kind = crd["spec"]["names"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let Some(versions) = crd["spec"]["versions"].as_array_mut() else {
        return;
    };
    let Some(mut older) = versions.first().cloned() else {
        return;
    };
    let newer = older["name"].as_str().unwrap_or_default();
    older["deprecationWarning"] =
        format!("{group}/{name} {kind} is deprecated; use {group}/{newer}").into();
    older["deprecated"] = true.into();
    older["name"] = name.into();
    older["storage"] = false.into();
    versions.push(older);
}
