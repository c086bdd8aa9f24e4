//! Services of type ExternalName: a name outside of the cluster that the proxy resolves.
//!
//! Inside the cluster such a name would reach around ReferenceGrants (CVE-2021-25740), so names
//! of the cluster, of one label, and addresses are refused there; in a file they are the
//! operator's own word.

use tollgate_ir as ir;

use crate::Options;
use crate::base_url::parse_host;
use crate::status::{Problem, reason};

/// The host that an `externalName` means. In a cluster it ends with a dot, so that no resolver
/// completes it: `web.other` could become `web.other.svc.cluster.local`.
pub(super) fn host(options: &Options, external: &str) -> Result<ir::Host, Problem> {
    let refused = |rule: &str| {
        Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("spec.externalName {external:?} {rule}"),
        )
    };
    let host =
        parse_host(external.trim_end_matches('.')).ok_or_else(|| refused("is not a host name"))?;
    if options.standalone().is_some() {
        return Ok(host);
    }
    match host {
        ir::Host::Dns(name) if is_outside(&name, &options.cluster_domain) => {
            Ok(ir::Host::Dns(format!("{name}.")))
        }
        ir::Host::Dns(_) | ir::Host::Ip(_) => Err(refused(
            "must be a host name outside of the cluster; within it, refer to the Service itself",
        )),
    }
}

/// TLS to such a host where its port asks for it: public certificates, for that name.
pub(super) fn tls(host: &ir::Host) -> ir::UpstreamTls {
    ir::UpstreamTls {
        sni: match host {
            ir::Host::Dns(name) => name.trim_end_matches('.').to_string(),
            ir::Host::Ip(address) => address.to_string(),
        },
        ca: ir::TrustedCa::System,
        subject_alt_names: Vec::new(),
        client_certificate: None,
    }
}

fn is_outside(name: &str, cluster_domain: &str) -> bool {
    let within = |domain: &str| {
        name == domain
            || name
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    name.contains('.') && !within(cluster_domain) && !within("svc") && !within("localhost")
}

#[cfg(test)]
mod tests {
    use super::is_outside;

    #[test]
    fn names_of_the_cluster_are_not_outside() {
        for (name, outside) in [
            ("api.example.com", true),
            ("example.com", true),
            ("web", false),
            ("localhost", false),
            ("a.localhost", false),
            ("web.other.svc", false),
            ("web.other.svc.cluster.local", false),
            ("cluster.local", false),
            ("notcluster.local", true),
        ] {
            assert_eq!(is_outside(name, "cluster.local"), outside, "{name}");
        }
    }
}
