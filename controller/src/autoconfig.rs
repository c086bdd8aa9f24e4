//! A configuration made from the provider keys in the environment, for those who have no
//! manifest yet.
//!
//! Written in Envoy AI Gateway's kinds, so that it can be printed, kept and grown. Keys stand in
//! it as references to the environment: what is printed holds no secret.

use tollgate_ir::{Destination, Host};
use tollgate_translate::{BaseUrl, BaseUrlError};

use crate::source::expand::Lookup;

/// What the environment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoconfig {
    /// Manifests; references such as `${OPENAI_API_KEY}` are still to be expanded.
    pub manifests: String,
    /// What was found and what was made of it, a line each, for people.
    pub notes: Vec<String>,
}

/// A variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AutoconfigError {
    /// An address that is none.
    #[error("{variable}: {source}")]
    BaseUrl {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        source: BaseUrlError,
    },
    /// Azure's address has the deployment and the version added to it; it has no path itself.
    #[error(
        "AZURE_OPENAI_ENDPOINT: {0:?} has a path; it must be the address of the resource alone"
    )]
    AzurePath(String),
    /// A key without what else Azure needs.
    #[error("AZURE_OPENAI_API_KEY is set but {0} is not; Azure needs both")]
    AzureIncomplete(&'static str),
}

/// Makes a configuration of the provider keys in the environment; `None` if there are none.
///
/// OpenAI (else Azure) takes every model; with Anthropic beside it, `claude-…` goes there;
/// Anthropic alone takes every model.
///
/// # Errors
/// A variable that is set and cannot be used.
pub fn autoconfig(environment: Lookup<'_>) -> Result<Option<Autoconfig>, AutoconfigError> {
    let get = |name: &str| environment(name).filter(|value| !value.is_empty());
    let openai = get("OPENAI_API_KEY").map(|_| openai(&get)).transpose()?;
    let azure = get("AZURE_OPENAI_API_KEY").map(|_| azure(&get)).transpose();
    let anthropic = get("ANTHROPIC_API_KEY")
        .map(|_| anthropic(&get))
        .transpose()?;
    let mut notes = Vec::new();
    let mut azure = match azure {
        Ok(azure) => azure,
        // With OpenAI's key Azure would not be used anyway.
        Err(error) if openai.is_some() => {
            notes.push(error.to_string());
            None
        }
        Err(error) => return Err(error),
    };
    if openai.is_some() && azure.take().is_some() {
        notes.push("AZURE_OPENAI_API_KEY is not used because OPENAI_API_KEY is set".to_string());
    }
    let mut rules = Vec::new();
    let general = openai.or(azure);
    if let Some(anthropic) = anthropic {
        let models = if general.is_some() { "claude-.*" } else { ".*" };
        rules.push((models, anthropic));
    }
    rules.extend(general.map(|provider| (".*", provider)));
    if rules.is_empty() {
        return Ok(None);
    }
    for (
        models,
        Provider {
            name, key, host, ..
        },
    ) in &rules
    {
        let models = if *models == ".*" {
            "all models"
        } else {
            "models claude-…"
        };
        notes.push(format!(
            "{models} go to {name} at {host} with the key in {key}"
        ));
    }
    let manifests = std::iter::once(route(&rules))
        .chain(rules.iter().map(|(_, provider)| provider.manifests()))
        .collect();
    Ok(Some(Autoconfig { manifests, notes }))
}

/// The route that the environment asks for attaches to the Gateway that translation makes when
/// there is none.
const GATEWAY: &str = "tollgate";

struct Provider {
    name: &'static str,
    /// Variable that holds the key.
    key: &'static str,
    /// `{name: OpenAI, prefix: v1}`
    schema: String,
    /// `APIKey` and the field that goes with it.
    policy: (&'static str, &'static str),
    host: String,
    destination: Destination,
}

type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

fn openai(get: Get<'_>) -> Result<Provider, AutoconfigError> {
    let (url, host) = base_url(get, "OPENAI_BASE_URL", "https://api.openai.com/v1")?;
    Ok(Provider {
        name: "openai",
        key: "OPENAI_API_KEY",
        schema: format!("{{name: OpenAI, prefix: {}}}", quoted(prefix(&url))),
        policy: ("APIKey", "apiKey"),
        host,
        destination: url.destination(),
    })
}

fn anthropic(get: Get<'_>) -> Result<Provider, AutoconfigError> {
    // Anthropic's own clients append `/v1/messages` to this address, OpenAI's only the last part
    // to theirs; an address that ends in `/v1` already says so.
    let (url, host) = base_url(get, "ANTHROPIC_BASE_URL", "https://api.anthropic.com")?;
    let path = match url.path() {
        "" => "v1".to_string(),
        path if path == "v1" || path.ends_with("/v1") => path.to_string(),
        path => format!("{path}/v1"),
    };
    Ok(Provider {
        name: "anthropic",
        key: "ANTHROPIC_API_KEY",
        schema: format!("{{name: Anthropic, prefix: {}}}", quoted(&path)),
        policy: ("AnthropicAPIKey", "anthropicAPIKey"),
        host,
        destination: url.destination(),
    })
}

fn azure(get: Get<'_>) -> Result<Provider, AutoconfigError> {
    let need = |name: &'static str| get(name).ok_or(AutoconfigError::AzureIncomplete(name));
    let endpoint = need("AZURE_OPENAI_ENDPOINT")?;
    let version = need("OPENAI_API_VERSION")?;
    let (url, host) = base_url(get, "AZURE_OPENAI_ENDPOINT", "")?;
    if !url.path().is_empty() {
        return Err(AutoconfigError::AzurePath(endpoint));
    }
    Ok(Provider {
        name: "azure-openai",
        key: "AZURE_OPENAI_API_KEY",
        schema: format!("{{name: AzureOpenAI, version: {}}}", quoted(&version)),
        policy: ("AzureAPIKey", "azureAPIKey"),
        host,
        destination: url.destination(),
    })
}

fn base_url(
    get: Get<'_>,
    variable: &'static str,
    default: &str,
) -> Result<(BaseUrl, String), AutoconfigError> {
    let text = get(variable).unwrap_or_else(|| default.to_string());
    let url: BaseUrl = text
        .parse()
        .map_err(|source| AutoconfigError::BaseUrl { variable, source })?;
    Ok((url, text))
}

/// Where a base URL has no path, OpenAI's own.
fn prefix(url: &BaseUrl) -> &str {
    match url.path() {
        "" => "v1",
        path => path,
    }
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    // A `$` of a value is not a reference to the environment.
    serde_json::Value::from(text)
        .to_string()
        .replace("${", "$${")
}

fn route(rules: &[(&str, Provider)]) -> String {
    let mut text = format!(
        "\
# Made from the provider keys in the environment.
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {{name: environment}}
spec:
  parentRefs: [{{name: {GATEWAY}, kind: Gateway, group: gateway.networking.k8s.io}}]
  rules:
"
    );
    for (models, Provider { name, .. }) in rules {
        text.push_str(&format!(
            "  - matches: [{{headers: [{{type: RegularExpression, name: x-ai-eg-model, value: {models:?}}}]}}]
    backendRefs: [{{name: {name}}}]
    timeouts: {{request: 600s}}
"
        ));
    }
    text
}

// === impl Provider ===

impl Provider {
    fn manifests(&self) -> String {
        let Self {
            name,
            key,
            schema,
            policy: (policy, field),
            host: _,
            destination,
        } = self;
        let mut endpoints = String::new();
        for endpoint in &destination.endpoints {
            let port = endpoint.port;
            endpoints.push_str(&match &endpoint.host {
                Host::Dns(host) => {
                    format!("{{fqdn: {{hostname: {}, port: {port}}}}}", quoted(host))
                }
                Host::Ip(address) => format!("{{ip: {{address: \"{address}\", port: {port}}}}}"),
            });
        }
        let tls = destination.tls.as_ref().map_or(String::new(), |tls| {
            format!(
                "\n  tls: {{wellKnownCACertificates: System, sni: {}}}",
                quoted(&tls.sni)
            )
        });
        format!(
            "\
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {{name: {name}}}
spec:
  schema: {schema}
  backendRef: {{name: {name}, kind: Backend, group: gateway.envoyproxy.io}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}}}
spec:
  endpoints: [{endpoints}]{tls}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: {name}}}]
  type: {policy}
  {field}: {{secretRef: {{name: {name}-key}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: {name}-key}}
stringData: {{apiKey: \"${{{key}}}\"}}
"
        )
    }
}

#[cfg(test)]
mod tests;
