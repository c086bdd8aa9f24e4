//! The Secret by which the proxies of a fleet prove whose they are, and when it is due.
//!
//! The leader issues: it reads the Secret, asks [`identity_due`], and where it is writes
//! [`identity_secret`] of a new certificate. Proxies read the files again when they change.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate_pki::{GatewayIdentity, GatewayIdentityError, Identity, peer_uri, validity};
use tollgate_translate::{FleetScope, FleetSpec};

use crate::metadata;

/// Behind the name of a fleet: the name of its Secret.
const SUFFIX: &str = "-identity";

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITY: &str = "ca.crt";

/// Name of the Secret, in the fleet's namespace.
pub fn identity_secret_name(spec: &FleetSpec) -> String {
    format!("{}{SUFFIX}", spec.name)
}

/// Who the proxies of a fleet are.
///
/// # Errors
///
/// Where the names are none that Kubernetes takes; they come from its own objects.
pub fn identity_of(spec: &FleetSpec) -> Result<GatewayIdentity, GatewayIdentityError> {
    match &spec.scope {
        FleetScope::Gateway { namespace, name } => GatewayIdentity::gateway(namespace, name),
        FleetScope::Class { name } => GatewayIdentity::class(name),
    }
}

/// The Secret that holds an identity. It shows the key: it goes to the API server and nowhere else.
pub fn identity_secret(spec: &FleetSpec, identity: &Identity) -> Value {
    let Identity {
        chain_pem,
        key_pem,
        ca_pem,
    } = identity;
    let mut secret = metadata::object(spec, "v1", "Secret", &identity_secret_name(spec));
    secret["type"] = json!("kubernetes.io/tls");
    secret["data"] = json!({
        CERTIFICATE: STANDARD.encode(chain_pem),
        KEY: STANDARD.encode(key_pem.expose()),
        AUTHORITY: STANDARD.encode(ca_pem),
    });
    secret
}

/// Whether a fleet needs a new certificate: it has none that can be read, it is another's, another
/// authority is trusted now, or two thirds of its life are over.
pub fn identity_due(
    existing: Option<&Value>,
    wanted: &GatewayIdentity,
    ca_pem: &str,
    now: SystemTime,
) -> bool {
    existing.is_none_or(|secret| !is_good(secret, wanted, ca_pem, now))
}

fn is_good(secret: &Value, wanted: &GatewayIdentity, ca_pem: &str, now: SystemTime) -> bool {
    let (Some(chain), Some(_), Some(authority)) = (
        field(secret, CERTIFICATE),
        field(secret, KEY),
        field(secret, AUTHORITY),
    ) else {
        return false;
    };
    let is_fresh = validity(&chain).is_ok_and(|it| it.holds_at(now) && now < it.renew_at());
    authority.trim() == ca_pem.trim()
        && is_fresh
        && uri(&chain).is_some_and(|it| it == wanted.uri())
}

/// The URI in the first certificate of a PEM text.
fn uri(chain_pem: &str) -> Option<String> {
    let mut lines = chain_pem.lines().skip_while(|it| !it.contains("BEGIN"));
    let body: String = lines
        .by_ref()
        .skip(1)
        .take_while(|it| !it.contains("END"))
        .map(str::trim)
        .collect();
    peer_uri(&STANDARD.decode(body).ok()?)
}

fn field(secret: &Value, name: &str) -> Option<String> {
    let text = secret.get("data")?.get(name)?.as_str()?;
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    (!text.is_empty()).then_some(text)
}
