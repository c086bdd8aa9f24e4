//! AI routes as the data plane sees them: scope → rule → backend.

use serde::{Deserialize, Serialize};
use tollgate_secret::Secret;

use crate::Shared;

/// The AI traffic of one virtual host of one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Rules in order of precedence: the first that matches serves the request.
    pub rules: Vec<Shared<Rule>>,
}

/// One way to serve a set of models: who may answer, in which order, under which budgets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `namespace/route/rule-index`: unique in the bundle, stable while the route's shape is.
    pub id: String,
    /// `namespace/name` of the object this rule was written in; shown in logs and answers.
    pub route: String,
    /// Namespace whose consumers may use this rule.
    pub namespace: String,
    /// Any of these selects the rule; empty selects every request.
    pub matches: Vec<Match>,
    /// Who can answer, in the order in which they were written; never empty.
    pub backends: Vec<Backend>,
    /// Ids of the budgets that every request through this rule is held against.
    pub budgets: Vec<String>,
    /// Output tokens assumed, and asked of the provider where it must be told, when the client
    /// names no limit.
    pub output_tokens_default: u64,
    /// Below this many affordable output tokens a request is refused instead of shortened.
    pub output_tokens_min: u64,
    /// Models to show in `GET /v1/models`.
    pub models: Vec<ModelListing>,
    /// Lower-case names of client headers that stay with a request although no provider needs them,
    /// because the proxy reads them until the answer has ended. `x-ai-eg-model` is the model that
    /// the client asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_headers: Vec<String>,
    /// Numbers that the proxy is told when an answer has ended, for rate limits and access logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<RequestCost>,
}

/// What a request has cost, under a name (Envoy AI Gateway's `llmRequestCosts`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCost {
    /// Key in the dynamic metadata namespace [`crate::COST_METADATA_NAMESPACE`].
    pub metadata_key: String,
    /// What is counted; never [`crate::Meter::Money`].
    pub meter: crate::Meter,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Match {
    /// The `model` of the request; `None` matches any.
    pub model: Option<ValueMatch>,
    /// Request headers.
    pub headers: Vec<HeaderMatch>,
}

/// One header condition; names are lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeaderMatch {
    /// Lower-case header name.
    pub name: String,
    /// Condition on its value.
    pub value: ValueMatch,
}

/// A condition on a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValueMatch {
    /// Equal, byte for byte.
    Exact(String),
    /// The whole value matches this regular expression (RE2 syntax, anchored at both ends).
    Regex(String),
}

/// A model in `GET /v1/models`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelListing {
    /// Name that clients send.
    pub id: String,
    /// `owned_by` of the OpenAI answer.
    pub owned_by: String,
    /// Unix seconds; `created` of the OpenAI answer.
    pub created: i64,
}

/// One provider that can answer a rule's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Unique in the bundle: `rule-id/backend-index`.
    pub id: String,
    /// Name shown to people, as the user wrote it: `openai`.
    pub name: String,
    /// The Envoy cluster whose first priority is this backend and whose further priorities are
    /// the rule's other backends in fallback order. Envoy's endpoints of this backend carry it as
    /// metadata, in the clusters of the others too. Unique in the rule; rules whose backends lead
    /// to the same places share clusters.
    pub cluster: String,
    /// Lower is tried first.
    pub priority: u32,
    /// Share among backends of the same priority; 0 is never chosen first.
    pub weight: u32,
    /// Model asked of the provider; `None` keeps the client's.
    pub model: Option<String>,
    /// API that the provider speaks.
    pub api: Api,
    /// How the gateway proves itself to the provider; `None` sends no credential (and still
    /// never the client's).
    pub credential: Option<Credential>,
    /// Ids of the budgets that only requests through this backend are held against.
    pub budgets: Vec<String>,
    /// Why this backend cannot be used, in words for an operator. Such a backend keeps its
    /// weight and answers 500, as Gateway API asks of an invalid reference.
    pub invalid: Option<String>,
}

/// The API that a provider speaks. Paths follow each provider's reference documentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Api {
    /// `POST /{prefix}/chat/completions`; the prefix has no slash at either end (`v1`).
    OpenAi {
        /// Path before `/chat/completions`.
        prefix: String,
    },
    /// `POST /openai/deployments/{model}/chat/completions?api-version={version}`.
    AzureOpenAi {
        /// `api-version` query parameter.
        version: String,
    },
    /// `POST /{prefix}/messages` with header `anthropic-version`.
    Anthropic {
        /// Path before `/messages`.
        prefix: String,
    },
}

/// A request header that carries a provider's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Lower-case header name: `authorization`, `x-api-key`, `api-key`.
    pub header: String,
    /// Whole header value, scheme included: `Bearer sk-…`.
    pub value: Secret<String>,
}
