//! What all fleets of a controller have in common.

use std::time::Duration;

use serde_json::{Value, json};

/// What all fleets of a controller have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetOptions {
    /// Image of the proxies: it has `tollgate` and Envoy.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`; Kubernetes' own default when absent.
    pub image_pull_policy: Option<String>,
    /// Names of Secrets to pull the image with; each fleet's namespace must have them.
    pub image_pull_secrets: Vec<String>,
    /// Where proxies find the controller: `https://tollgate-controller.NAMESPACE.svc:18000`.
    pub controller: String,
    /// ResourceRequirements of a proxy whose EnvoyProxy says nothing.
    pub resources: Value,
    /// Proxies of a Deployment whose EnvoyProxy says nothing.
    pub replicas: i32,
    /// Longest and shortest drain of a proxy whose EnvoyProxy says nothing.
    pub drain: (Duration, Duration),
}

// === impl FleetOptions ===

impl FleetOptions {
    /// The defaults, for an image and a controller.
    pub fn new(image: impl Into<String>, controller: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            controller: controller.into(),
            // A proxy at rest uses some 60 MiB; what it may use under load is the operator's to
            // say, so there is no limit.
            resources: json!({"requests": {"cpu": "50m", "memory": "128Mi"}}),
            replicas: 1,
            drain: (Duration::from_secs(60), Duration::from_secs(10)),
        }
    }
}
