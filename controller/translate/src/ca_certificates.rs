//! Certificate authorities: PEM bundles in ConfigMaps and Secrets, key `ca.crt`.
//!
//! Envoy refuses a whole configuration for one certificate that it cannot read, so each is read
//! here first.

use x509_parser::pem::Pem;

use crate::reference_grant::{self, Reference};
use crate::status::{Problem, reason};
use crate::{NamespacedName, World, groups, secret};

/// Key of the bundle, as Gateway API has it.
const KEY: &str = "ca.crt";
/// Longest bundle that is read; the public authorities together have a quarter of it.
const BUNDLE_BYTES_MAX: usize = 1024 * 1024;

/// A reference to a bundle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaReference<'a> {
    /// Group and kind of the object that refers.
    pub(crate) from: (&'a str, &'a str),
    /// Its namespace.
    pub(crate) namespace: &'a str,
    pub(crate) group: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) target: &'a NamespacedName,
    /// The field that refers, for the message.
    pub(crate) field: &'a str,
}

/// The bundle that a reference leads to, in PEM with a line break at its end. Reasons are
/// `InvalidKind`, `RefNotPermitted` and `InvalidCACertificateRef`.
pub(crate) fn bundle(world: &World, reference: CaReference<'_>) -> Result<String, Problem> {
    let CaReference {
        from,
        namespace,
        group,
        kind,
        target,
        field,
    } = reference;
    if group != groups::CORE || !matches!(kind, "ConfigMap" | "Secret") {
        return Err(Problem::new(
            reason::INVALID_KIND,
            format!(
                "{field}.kind: {kind:?} of group {group:?} holds no certificates; ConfigMap and Secret do"
            ),
        ));
    }
    reference_grant::check(
        world,
        Reference {
            from,
            namespace,
            to: (group, kind),
            target,
            field,
        },
    )?;
    let invalid = |rule: String| {
        Problem::new(
            reason::INVALID_CA_CERTIFICATE_REF,
            format!("{field}: {kind} {target} {rule}"),
        )
    };
    let (exists, pem) = match kind {
        "Secret" => {
            let secret = world.secrets.get(target);
            (secret.is_some(), secret.and_then(secret::ca_certificate))
        }
        _ => {
            let map = world.config_maps.get(target);
            let data = map.and_then(|map| map.data.as_ref());
            (map.is_some(), data.and_then(|data| data.get(KEY).cloned()))
        }
    };
    if !exists {
        return Err(invalid("does not exist".to_string()));
    }
    let pem = pem.ok_or_else(|| invalid(format!("has no key {KEY}")))?;
    check(&pem).map_err(|rule| invalid(format!("key {KEY}: {rule}")))?;
    let mut pem = pem.trim().to_string();
    pem.push('\n');
    Ok(pem)
}

/// Whether a text is a bundle: one certificate or more, each of which can be read.
pub(crate) fn check(pem: &str) -> Result<(), String> {
    if pem.len() > BUNDLE_BYTES_MAX {
        return Err(format!(
            "has {} bytes; the most is {BUNDLE_BYTES_MAX}",
            pem.len()
        ));
    }
    let mut certificates = 0;
    for block in Pem::iter_from_buffer(pem.as_bytes()) {
        let block = block.map_err(|error| format!("is not PEM: {error}"))?;
        if block.label != "CERTIFICATE" {
            return Err(format!("has a block {:?} beside certificates", block.label));
        }
        certificates += 1;
        block
            .parse_x509()
            .map_err(|_| format!("certificate {certificates} cannot be read"))?;
    }
    if certificates == 0 {
        return Err("has no certificate".to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    /// Made for this test; its key was thrown away.
    const CA: &str = include_str!("../testdata/ca.pem");

    #[test]
    fn a_bundle_is_one_certificate_or_more_and_nothing_else() {
        assert_eq!(check(CA), Ok(()));
        assert_eq!(check(&format!("{CA}\n{CA}")), Ok(()));
        let refused = |pem: &str, rule: &str| {
            let error = check(pem).unwrap_err();
            assert!(error.contains(rule), "{error}");
        };
        refused("", "no certificate");
        refused("hello", "no certificate");
        let cut: String = CA.lines().take(4).map(|line| format!("{line}\n")).collect();
        refused(&cut, "is not PEM");
        refused(
            "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n",
            "certificate 1 cannot be read",
        );
        refused(&CA.replace("CERTIFICATE", "PRIVATE KEY"), "a block");
        refused(&"x".repeat(1024 * 1024 + 1), "the most is");
    }
}
