//! Secrets: the key that a reference to one means.
//!
//! Values stay wrapped; no message shows one.

use tollgate_crds::SecretObject;
use tollgate_secret::Secret;

use crate::status::{Problem, reason};
use crate::{NamespacedName, World};

/// Entries of a Secret that hold an API key, the first that exists wins; a Secret with a single
/// entry may name it as it likes.
const API_KEY_ENTRIES: [&str; 2] = ["apiKey", "api-key"];

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
    let secret = world
        .secrets
        .get(name)
        .ok_or_else(|| problem("does not exist"))?;
    let bytes = entry(secret, key).ok_or_else(|| match key {
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
pub(crate) fn ca_certificate(secret: &SecretObject) -> Option<String> {
    let bytes = secret.data.get("ca.crt")?;
    str::from_utf8(bytes.expose()).ok().map(str::to_string)
}

fn entry<'a>(secret: &'a SecretObject, key: Option<&str>) -> Option<&'a Secret<Vec<u8>>> {
    if let Some(key) = key {
        return secret.data.get(key);
    }
    let named = API_KEY_ENTRIES.iter().find_map(|key| secret.data.get(*key));
    named.or_else(|| match secret.data.len() {
        1 => secret.data.values().next(),
        _ => None,
    })
}
