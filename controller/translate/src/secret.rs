//! Secrets: the key that a reference to one means.
//!
//! Values stay wrapped; no message shows one.

use std::collections::BTreeMap;

use tollgate_secret::Secret;

use crate::status::{Problem, reason};
use crate::{NamespacedName, World, k8s};

/// Entries of a Secret that hold an API key, the first that exists wins; a Secret with a single
/// entry may name it as it likes.
const API_KEY_ENTRIES: [&str; 2] = ["apiKey", "api-key"];

/// The entries of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretEntries(BTreeMap<String, Secret<Vec<u8>>>);

// === impl SecretEntries ===

impl SecretEntries {
    /// Takes the entries of an object; `stringData` wins over `data`, as it does in Kubernetes.
    pub(crate) fn new(secret: k8s::Secret) -> Self {
        let data = secret
            .data
            .into_iter()
            .flatten()
            .map(|(key, value)| (key, value.0));
        let text = secret.string_data.into_iter().flatten();
        let text = text.map(|(key, value)| (key, value.into_bytes()));
        Self(
            data.chain(text)
                .map(|(key, value)| (key, Secret::new(value)))
                .collect(),
        )
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Secret<Vec<u8>>> {
        self.0.get(key)
    }

    fn api_key(&self, key: Option<&str>) -> Option<&Secret<Vec<u8>>> {
        if let Some(key) = key {
            return self.0.get(key);
        }
        let named = API_KEY_ENTRIES.iter().find_map(|key| self.0.get(*key));
        named.or_else(|| match self.0.len() {
            1 => self.0.values().next(),
            _ => None,
        })
    }
}

/// The API key in a Secret: without white space around it, and fit for a header. `key` names the
/// entry where the user says which.
pub(crate) fn api_key(
    world: &World,
    name: &NamespacedName,
    (key, field): (Option<&str>, &str),
) -> Result<Secret<String>, Problem> {
    let problem = |rule: &str| {
        Problem::new(
            reason::SECRET_NOT_FOUND,
            format!("{field}: Secret {name} {rule}"),
        )
    };
    let entries = world
        .secrets
        .get(name)
        .ok_or_else(|| problem("does not exist"))?;
    let bytes = entries.api_key(key).ok_or_else(|| match key {
        Some(key) => problem(&format!("has no key {key}")),
        None => problem("has no key apiKey or api-key, and not one key alone"),
    })?;
    let text =
        str::from_utf8(bytes.expose()).map_err(|_| problem("holds a key that is not text"))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(problem("holds an empty key"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(problem(
            "holds a key with characters that no header can carry",
        ));
    }
    Ok(Secret::new(text.to_string()))
}

/// A CA certificate in PEM: `ca.crt` of a Secret.
pub(crate) fn ca_certificate(entries: &SecretEntries) -> Option<String> {
    let bytes = entries.entry("ca.crt")?;
    str::from_utf8(bytes.expose()).ok().map(str::to_string)
}
