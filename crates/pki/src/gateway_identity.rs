//! Whose proxies these are: a gateway, or all gateways of a class, as the URI in a certificate.

use std::{fmt, str::FromStr};

/// Before every identity of ours: trust domain `tollgate` (SPIFFE-ID, section 2).
const TRUST_DOMAIN: &str = "spiffe://tollgate/";

/// RFC 1123 label: what the name of a namespace may be.
const LABEL_BYTES_MAX: usize = 63;
/// RFC 1123 subdomain: what the name of a Gateway or a GatewayClass may be.
const NAME_BYTES_MAX: usize = 253;

/// A fleet of proxies: `spiffe://tollgate/gateway/<namespace>/<name>`, or for the merged gateways of
/// a class `spiffe://tollgate/class/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayIdentity(Of);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Of {
    Gateway { namespace: String, name: String },
    Class { name: String },
}

/// Why a text names no fleet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} names no gateway: it must be NAMESPACE/NAME, spiffe://tollgate/gateway/NAMESPACE/NAME \
     or spiffe://tollgate/class/NAME, each name in lower-case letters, digits, `-` and (but for the \
     namespace) `.`"
)]
pub struct GatewayIdentityError {
    text: String,
}

// === impl GatewayIdentity ===

impl GatewayIdentity {
    /// The proxies of one Gateway.
    ///
    /// # Errors
    ///
    /// Where Kubernetes would take neither for a name.
    pub fn gateway(namespace: &str, name: &str) -> Result<Self, GatewayIdentityError> {
        if !is_label(namespace) || !is_name(name) {
            return Err(GatewayIdentityError::of(&format!("{namespace}/{name}")));
        }
        Ok(Self(Of::Gateway {
            namespace: namespace.to_string(),
            name: name.to_string(),
        }))
    }

    /// The proxies of all Gateways of a GatewayClass.
    ///
    /// # Errors
    ///
    /// Where Kubernetes would not take it for a name.
    pub fn class(name: &str) -> Result<Self, GatewayIdentityError> {
        if !is_name(name) {
            return Err(GatewayIdentityError::of(&format!("class/{name}")));
        }
        Ok(Self(Of::Class {
            name: name.to_string(),
        }))
    }

    /// Reads the URI of a certificate.
    ///
    /// # Errors
    ///
    /// Where it is anything but what [`GatewayIdentity::uri`] writes.
    pub fn parse_uri(uri: &str) -> Result<Self, GatewayIdentityError> {
        let path = uri.strip_prefix(TRUST_DOMAIN);
        let mut parts = path.unwrap_or_default().split('/');
        let parsed = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("gateway"), Some(namespace), Some(name), None) => Self::gateway(namespace, name),
            (Some("class"), Some(name), None, None) => Self::class(name),
            _ => Err(GatewayIdentityError::of(uri)),
        };
        parsed.map_err(|_| GatewayIdentityError::of(uri))
    }

    /// As it stands in a certificate.
    pub fn uri(&self) -> String {
        match &self.0 {
            Of::Gateway { namespace, name } => format!("{TRUST_DOMAIN}gateway/{namespace}/{name}"),
            Of::Class { name } => format!("{TRUST_DOMAIN}class/{name}"),
        }
    }

    /// Namespace of the Gateway; `None` for a class.
    pub fn namespace(&self) -> Option<&str> {
        match &self.0 {
            Of::Gateway { namespace, .. } => Some(namespace),
            Of::Class { .. } => None,
        }
    }

    /// Name of the Gateway, or of the class.
    pub fn name(&self) -> &str {
        match &self.0 {
            Of::Gateway { name, .. } | Of::Class { name } => name,
        }
    }
}

impl fmt::Display for GatewayIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Of::Gateway { namespace, name } => write!(f, "gateway {namespace}/{name}"),
            Of::Class { name } => write!(f, "class {name}"),
        }
    }
}

/// `NAMESPACE/NAME`, or the URI.
impl FromStr for GatewayIdentity {
    type Err = GatewayIdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') {
            return Self::parse_uri(text);
        }
        match text.split_once('/') {
            Some((namespace, name)) => Self::gateway(namespace, name),
            None => Err(GatewayIdentityError::of(text)),
        }
    }
}

// === impl GatewayIdentityError ===

impl GatewayIdentityError {
    /// Of what somebody else has sent, no more than a log line holds.
    fn of(text: &str) -> Self {
        Self {
            text: text.chars().take(2 * NAME_BYTES_MAX).collect(),
        }
    }
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge =
        |it: Option<&u8>| it.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    text.len() <= LABEL_BYTES_MAX
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == b'-')
}

/// Labels of a subdomain may be longer than those of DNS (Kubernetes checks the whole only).
fn is_name(text: &str) -> bool {
    let edge = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    text.len() <= NAME_BYTES_MAX
        && text.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().copied().is_some_and(edge)
                && bytes.last().copied().is_some_and(edge)
                && bytes.iter().all(|it| edge(*it) || *it == b'-')
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::GatewayIdentity;

    #[test]
    fn a_uri_with_anything_odd_names_no_gateway() {
        for uri in [
            "",
            "spiffe://tollgate",
            "spiffe://tollgate/",
            "spiffe://tollgate/gateway",
            "spiffe://tollgate/gateway/a",
            "spiffe://tollgate/gateway/a/",
            "spiffe://tollgate/gateway//b",
            "spiffe://tollgate/gateway/a/b/c",
            "spiffe://tollgate/gateway/a/b/",
            "spiffe://tollgate/gateway/a/b?c",
            "spiffe://tollgate/gateway/a/b#c",
            "spiffe://tollgate/gateway/a.b/c",
            "spiffe://tollgate/gateway/A/b",
            "spiffe://tollgate/gateway/a/..",
            "spiffe://tollgate/gateway/%61/b",
            "spiffe://tollgate/class/",
            "spiffe://tollgate/class/a/b",
            "spiffe://Tollgate/class/a",
            "spiffe://tollgate.evil/class/a",
            "https://tollgate/class/a",
            " spiffe://tollgate/class/a",
        ] {
            assert!(GatewayIdentity::parse_uri(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn a_gateway_and_a_class_of_one_name_are_two() {
        let gateway = GatewayIdentity::gateway("class", "a").unwrap();
        let class = GatewayIdentity::class("a").unwrap();
        assert_ne!(gateway.uri(), class.uri());
        assert_eq!("class/a".parse(), Ok(gateway));
        assert_eq!("spiffe://tollgate/class/a".parse(), Ok(class));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            namespace in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?",
            name in "[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?(\\.[a-z0-9]{1,9}){0,3}",
        ) {
            let gateway = GatewayIdentity::gateway(&namespace, &name).unwrap();
            prop_assert_eq!(GatewayIdentity::parse_uri(&gateway.uri()).unwrap(), gateway.clone());
            prop_assert_eq!(format!("{namespace}/{name}").parse::<GatewayIdentity>().unwrap(), gateway);
            let class = GatewayIdentity::class(&name).unwrap();
            prop_assert_eq!(GatewayIdentity::parse_uri(&class.uri()).unwrap(), class);
        }

        #[test]
        fn what_is_read_is_written_the_same(
            text in "(spiffe://tollgate/)?((gateway|class)/)?.{0,12}(/.{0,8})?",
        ) {
            if let Ok(identity) = GatewayIdentity::parse_uri(&text) {
                prop_assert_eq!(identity.uri(), text);
            }
        }
    }
}
