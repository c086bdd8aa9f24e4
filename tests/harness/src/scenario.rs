//! The manifests of a test put together from parts: routes, keys, consumers and budgets.

use std::{fmt, net::SocketAddr};

/// Documents of one file.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    documents: Vec<String>,
}

/// One backend of a compact AIGatewayRoute. Its provider key is [`provider_key`] of its name.
#[derive(Clone, Debug)]
pub struct Backend {
    name: String,
    provider: &'static str,
    endpoint: String,
    model: String,
    alias: Option<String>,
    priority: u32,
    weight: u32,
}

/// `spec` lines of a route whose calls are never shortened, only served or refused.
pub const PROBED: &str = "outputTokens: {default: 256, minimum: 1000000000000}";

/// Client key of a consumer.
pub fn client_key(consumer: &str) -> String {
    format!("client-key-of-{consumer}")
}

/// Key that the provider gets from a backend.
pub fn provider_key(backend: &str) -> String {
    format!("provider-key-of-{backend}")
}

// === impl Backend ===

impl Backend {
    /// A provider that speaks OpenAI's API; asked for `gpt-4`.
    pub fn openai(name: &str, address: SocketAddr) -> Self {
        Self {
            name: name.to_string(),
            provider: "openai",
            endpoint: format!("http://{address}/v1"),
            model: "gpt-4".to_string(),
            alias: None,
            priority: 0,
            weight: 1,
        }
    }

    /// A provider that speaks Anthropic's API; asked for `claude-3-opus`, which clients call
    /// `gpt-4`.
    pub fn anthropic(name: &str, address: SocketAddr) -> Self {
        Self {
            provider: "anthropic",
            model: "claude-3-opus".to_string(),
            alias: Some("gpt-4".to_string()),
            ..Self::openai(name, address)
        }
    }

    /// Another base URL.
    #[must_use]
    pub fn endpoint(self, url: &str) -> Self {
        Self {
            endpoint: url.to_string(),
            ..self
        }
    }

    /// The model that the provider is asked for.
    #[must_use]
    pub fn model(self, model: &str) -> Self {
        Self {
            model: model.to_string(),
            ..self
        }
    }

    /// Lower is tried first.
    #[must_use]
    pub fn priority(self, priority: u32) -> Self {
        Self { priority, ..self }
    }

    /// Share among the backends of the same priority.
    #[must_use]
    pub fn weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// The model name that clients use.
    #[must_use]
    pub fn alias(self, model: &str) -> Self {
        Self {
            alias: Some(model.to_string()),
            ..self
        }
    }
}

// === impl Scenario ===

impl Scenario {
    /// A compact AIGatewayRoute with these backends and their keys; `spec` are further lines of
    /// its spec, without indentation.
    #[must_use]
    pub fn route(mut self, name: &str, backends: &[Backend], spec: &str) -> Self {
        let mut text = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: AIGatewayRoute\nmetadata: {{name: {name}}}\nspec:\n  backends:\n"
        );
        for backend in backends {
            let Backend {
                name,
                provider,
                endpoint,
                model,
                alias,
                priority,
                weight,
            } = backend;
            let alias = alias.as_ref().map_or(String::new(), |alias| {
                format!(", modelNameOverride: {alias}")
            });
            text += &format!(
                "  - {{name: {name}, provider: {provider}, endpoint: \"{endpoint}\", model: {model}{alias}, priority: {priority}, weight: {weight}, auth: {{type: APIKey, apiKeyRef: {{name: {name}-key}}}}}}\n"
            );
        }
        for line in spec.lines() {
            text += &format!("  {line}\n");
        }
        self.documents.push(text);
        for backend in backends {
            self = self.secret(
                &format!("{}-key", backend.name),
                &provider_key(&backend.name),
            );
        }
        self
    }

    /// A Consumer with [`client_key`] of its name.
    #[must_use]
    pub fn consumer(mut self, name: &str, team: &str) -> Self {
        self.documents.push(format!(
            "apiVersion: tollgate.dev/v1alpha1\nkind: Consumer\nmetadata: {{name: {name}}}\nspec: {{apiKeys: [{{secretRef: {{name: consumer-{name}}}}}], team: {team}, org: acme}}\n"
        ));
        self.secret(&format!("consumer-{name}"), &client_key(name))
    }

    /// A TokenBudget; `limits` as `[{tokens: 100, window: Day}]`, `routes` are the compact routes
    /// that it applies to (none: every AI route).
    #[must_use]
    pub fn budget(mut self, name: &str, subject: &str, limits: &str, routes: &[&str]) -> Self {
        let targets: Vec<String> = routes
            .iter()
            .map(|route| {
                format!("{{group: gateway.envoyproxy.io, kind: AIGatewayRoute, name: {route}}}")
            })
            .collect();
        self.documents.push(format!(
            "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {{name: {name}}}\nspec: {{subject: {subject}, limits: {limits}, targetRefs: [{}]}}\n",
            targets.join(", ")
        ));
        self
    }

    /// A further document of any kind.
    #[must_use]
    pub fn document(mut self, yaml: &str) -> Self {
        self.documents.push(yaml.to_string());
        self
    }

    fn secret(mut self, name: &str, key: &str) -> Self {
        self.documents.push(format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{apiKey: {key}}}\n"
        ));
        self
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.documents.join("---\n"))
    }
}
