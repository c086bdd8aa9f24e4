//! Who pays for a call: from verified sources only, never from what a client may write.

use std::fmt;

use tollgate_bundle::{Rule, Subject, ValueMatch};

use crate::caller::{ANONYMOUS, Identity};
use crate::client_certificate;

/// What subjects are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payer<'a> {
    pub(crate) identity: Option<&'a Identity>,
    pub(crate) rule: &'a Rule,
    /// Model that the client asks for.
    pub(crate) model: &'a str,
    /// Name of the provider.
    pub(crate) backend: &'a str,
    /// Values of the headers that the rule's budgets read, by name.
    pub(crate) headers: &'a [(String, HeaderValue)],
}

/// The value of a header that a trusted proxy sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderValue {
    Missing,
    /// Longer than is kept, or no text.
    Unusable,
    Text(String),
}

/// What a caller lacks to be a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// The consumer has no `team` or `org`.
    OfConsumer(&'static str),
    /// The request does not have this header.
    Header(String),
    /// The value of this header is longer than [`HEADER_BYTES_MAX`], or no text.
    UsableHeader(String),
    /// The connection has no certificate that the proxy has verified, or none with a name.
    Certificate,
    /// This data plane cannot tell the subject: why.
    Unknown(String),
}

/// What follows "budget NAME …" for people.
impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfConsumer(what) => {
                write!(f, "counts per {what}, and this key's consumer has none")
            }
            Self::Header(name) => write!(
                f,
                "counts per value of the request header {name}, and this request has none"
            ),
            Self::UsableHeader(name) => write!(
                f,
                "counts per value of the request header {name}, and this request's is longer than {HEADER_BYTES_MAX} bytes or no UTF-8"
            ),
            Self::Certificate => write!(
                f,
                "counts per client certificate, and this connection shows none that the gateway verifies"
            ),
            Self::Unknown(reason) => write!(f, "cannot tell who pays: {reason}"),
        }
    }
}

/// Longest value of a header that names a subject.
pub(crate) const HEADER_BYTES_MAX: usize = 256;

/// Stands for all models that a rule takes without naming them.
pub(crate) const OTHER_MODELS: &str = "*";

// === impl Payer ===

impl Payer<'_> {
    /// The subject that pays: `user:default/alice`.
    pub(crate) fn subject(&self, kind: &Subject) -> Result<String, Lacking> {
        let namespace = &self.rule.namespace;
        let in_namespace = |what: &str, name: &str| Ok(format!("{what}:{namespace}/{name}"));
        let of_consumer = |what: &'static str, name: Option<&String>| match name {
            Some(name) => in_namespace(what, name),
            None => Err(Lacking::OfConsumer(what)),
        };
        match kind {
            Subject::User => {
                let name = self
                    .identity
                    .map_or(ANONYMOUS, |identity| &identity.consumer);
                in_namespace("user", name)
            }
            Subject::Key => match self.identity {
                None => in_namespace("key", ANONYMOUS),
                Some(Identity { consumer, key, .. }) => {
                    Ok(format!("key:{namespace}/{consumer}/{key}"))
                }
            },
            Subject::Team => of_consumer("team", self.identity.and_then(|id| id.team.as_ref())),
            Subject::Org => of_consumer("org", self.identity.and_then(|id| id.org.as_ref())),
            Subject::Shared => Ok("shared".to_string()),
            Subject::Route => Ok(format!("route:{}", self.rule.route)),
            Subject::Model => Ok(format!("model:{}", model_name(self.rule, self.model))),
            Subject::Backend => in_namespace("backend", self.backend),
            Subject::Header(name) => self.header(name),
            Subject::ClientCertificate => match self.header_value(client_certificate::HEADER) {
                Some(HeaderValue::Text(name)) => Ok(format!("certificate:{name}")),
                Some(HeaderValue::Missing | HeaderValue::Unusable) | None => {
                    Err(Lacking::Certificate)
                }
            },
            Subject::Unknown(reason) => Err(Lacking::Unknown(reason.clone())),
        }
    }

    fn header_value(&self, name: &str) -> Option<&HeaderValue> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    fn header(&self, name: &str) -> Result<String, Lacking> {
        match self.header_value(name) {
            Some(HeaderValue::Text(value)) => Ok(format!("header:{name}/{value}")),
            Some(HeaderValue::Unusable) => Err(Lacking::UsableHeader(name.to_string())),
            Some(HeaderValue::Missing) | None => Err(Lacking::Header(name.to_string())),
        }
    }
}

// === impl HeaderValue ===

impl HeaderValue {
    /// The value of a header of this name.
    pub(crate) fn of(name: &str, value: Option<&[u8]>) -> Self {
        if name != client_certificate::HEADER {
            return Self::read(value);
        }
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        let client = text.and_then(client_certificate::name);
        Self::read(client.as_deref().map(str::as_bytes))
    }

    fn read(value: Option<&[u8]>) -> Self {
        match value {
            None | Some([]) => Self::Missing,
            Some(value) if value.len() > HEADER_BYTES_MAX => Self::Unusable,
            Some(value) => std::str::from_utf8(value)
                .map_or(Self::Unusable, |text| Self::Text(text.to_string())),
        }
    }
}

/// A model that a rule names, else [`OTHER_MODELS`]: where a rule takes any model, a name that the client
/// makes up must not open an account of its own.
fn model_name<'a>(rule: &Rule, model: &'a str) -> &'a str {
    let is_matched = |name: &Option<ValueMatch>| match name {
        Some(ValueMatch::Exact(exact)) => exact == model,
        Some(ValueMatch::Regex(_)) | None => false,
    };
    let is_known = rule.matches.iter().any(|any| is_matched(&any.model))
        || rule.models.iter().any(|listed| listed.id == model);
    if is_known { model } else { OTHER_MODELS }
}
