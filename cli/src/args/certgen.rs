//! The options of `tollgate certgen`.

use std::path::PathBuf;

/// Certificates of the controller.
#[derive(Debug, clap::Args)]
pub(crate) struct CertgenArgs {
    /// Namespace of the controller and of both Secrets.
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE")]
    pub(crate) namespace: String,

    /// Service of the controller; the certificate is for its names.
    #[arg(long, value_name = "NAME", default_value = "tollgate-controller")]
    pub(crate) service: String,

    /// Domain of the cluster.
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub(crate) cluster_domain: String,

    /// A further name that the certificate is for; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) dns_name: Vec<String>,

    /// Secret with the authority: tls.crt, tls.key.
    #[arg(long, value_name = "NAME", default_value = "tollgate-ca")]
    pub(crate) ca_secret: String,

    /// Secret with the controller's certificate: tls.crt, tls.key, ca.crt.
    #[arg(long, value_name = "NAME", default_value = "tollgate-controller-tls")]
    pub(crate) tls_secret: String,

    /// Write new Secrets as YAML to stdout, private keys included, and ask no cluster.
    #[arg(long, conflicts_with = "kubeconfig")]
    pub(crate) print: bool,

    /// Kubeconfig; without it the pod's service account, then KUBECONFIG and ~/.kube/config.
    #[arg(long, value_name = "PATH")]
    pub(crate) kubeconfig: Option<PathBuf>,
}
