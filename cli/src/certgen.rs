//! `tollgate certgen`: the Secrets by which controller and proxies trust each other.

use std::{process::ExitCode, time::SystemTime};

use anyhow::Context;
use tollgate_kubernetes::{
    Cluster, ConnectOptions,
    certgen::{self, CertgenOptions},
};

use crate::{args::CertgenArgs, misuse::Misuse, output};

/// Longest name of DNS (RFC 1035, section 2.3.4).
const DNS_NAME_BYTES_MAX: usize = 253;

pub(crate) fn certgen(args: CertgenArgs) -> anyhow::Result<ExitCode> {
    let CertgenArgs {
        namespace,
        service,
        cluster_domain,
        dns_name,
        ca_secret,
        tls_secret,
        print,
        kubeconfig,
    } = args;
    if ca_secret == tls_secret {
        let both = format!("--ca-secret and --tls-secret are both {ca_secret:?}");
        return Err(Misuse(format!("{both}: they must be two Secrets")).into());
    }
    let dns_names = dns_names(&service, &namespace, &cluster_domain, dns_name);
    for name in &dns_names {
        check_dns_name(name)?;
    }
    let options = CertgenOptions {
        namespace,
        authority_secret: ca_secret,
        server_secret: tls_secret,
        dns_names,
    };
    if print {
        return print_fresh(&options);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(ensure(&ConnectOptions { kubeconfig }, &options))
}

async fn ensure(connect: &ConnectOptions, options: &CertgenOptions) -> anyhow::Result<ExitCode> {
    let cluster = Cluster::connect(connect).await?;
    let written = certgen::ensure(&cluster.client(), options, SystemTime::now()).await?;
    for it in &written {
        output::result(&format!("Secret {} is written: {}", it.secret, it.reason));
    }
    if written.is_empty() {
        output::result("nothing is written: both Secrets are good");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_fresh(options: &CertgenOptions) -> anyhow::Result<ExitCode> {
    for secret in certgen::fresh(options, SystemTime::now())? {
        let yaml = serde_saphyr::to_string(&secret).context("write a Secret as YAML")?;
        output::result(&format!("---\n{}", yaml.trim_end()));
    }
    Ok(ExitCode::SUCCESS)
}

/// As pods may write the name of a Service, and what else is asked for.
fn dns_names(service: &str, namespace: &str, domain: &str, more: Vec<String>) -> Vec<String> {
    let mut names = vec![
        service.to_string(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.{domain}"),
    ];
    for name in more {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn check_dns_name(name: &str) -> Result<(), Misuse> {
    let label = |it: &str| {
        let edge = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric());
        let inside = |it: char| it.is_ascii_alphanumeric() || it == '-';
        it.len() <= 63
            && edge(it.chars().next())
            && edge(it.chars().last())
            && it.chars().all(inside)
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    if name.len() <= DNS_NAME_BYTES_MAX && rest.split('.').all(label) {
        return Ok(());
    }
    Err(Misuse(format!(
        "{name:?} is no DNS name (RFC 1035): labels of letters, digits and `-` with dots between \
         them. It comes of --service, --namespace, --cluster-domain or --dns-name"
    )))
}

#[cfg(test)]
mod tests {
    use super::{check_dns_name, dns_names};

    #[test]
    fn a_service_has_four_names_and_what_is_added() {
        let more = vec!["a.example".to_string(), "c.n".to_string()];
        let names = dns_names("c", "n", "cluster.local", more);
        assert_eq!(
            names,
            ["c", "c.n", "c.n.svc", "c.n.svc.cluster.local", "a.example"]
        );
        assert!(names.iter().all(|it| check_dns_name(it).is_ok()));
    }

    #[test]
    fn names_that_dns_does_not_know_are_refused() {
        for name in [
            "",
            "a..b",
            "-a",
            "a_b",
            "ä",
            "a.",
            &"x".repeat(64),
            &"x.".repeat(130),
        ] {
            assert!(check_dns_name(name).is_err(), "{name:?}");
        }
        assert!(check_dns_name("*.example.com").is_ok());
    }
}
