//! From the command line to what the loop is told.

use tollgate_controller::cluster::{AuthoritySecret, ClusterConfig};
use tollgate_kubernetes::{
    apply::FleetOptions as Installation,
    leader::{LeaseOptions, Timing},
    watch::Scope,
};
use tollgate_link::ProxySettings;
use tollgate_translate::{CONTROLLER_NAME, Cluster, FleetPlacement, Mode, Options};

use crate::{
    args::{ControllerArgs, DeploymentMode},
    misuse::Misuse,
};

/// Name of the Service and of the Lease, as the chart makes them.
const NAME: &str = "tollgate-controller";

/// Longest value of a label.
const LABEL_MAX: usize = 63;

/// What the loop is told.
///
/// # Errors
///
/// An option, or a file that one names, cannot be used ([`Misuse`]).
pub(super) fn cluster(args: &ControllerArgs) -> anyhow::Result<ClusterConfig> {
    let selector = args.watch_namespace_selector.as_deref();
    let scope = Scope::parse(args.watch_namespace.iter().cloned(), selector)
        .map_err(|error| Misuse(format!("--watch-namespace-selector: {error}")))?;
    let store = args.store.settings()?;
    let placement = match args.deployment_mode {
        DeploymentMode::GatewayNamespace => FleetPlacement::GatewayNamespace,
        DeploymentMode::ControllerNamespace => FleetPlacement::ControllerNamespace,
    };
    let (controller_name, claimed_names) = match args.controller_name.split_first() {
        Some((first, rest)) => (first.clone(), rest.to_vec()),
        None => (CONTROLLER_NAME.to_string(), Vec::new()),
    };
    let options = Options {
        controller_name,
        claimed_names,
        cluster_domain: args.cluster_domain.clone(),
        mode: Mode::Cluster(Cluster {
            namespace: args.namespace.clone(),
            placement,
            shared_store: store.redis.is_some(),
        }),
    };
    let url = args.link_url.clone().unwrap_or_else(|| {
        let port = args.link_bind.port();
        format!("https://{NAME}.{}.svc:{port}", args.namespace)
    });
    let mut fleets = tollgate_fleet::FleetOptions::new(args.proxy_image.clone(), url);
    fleets.image_pull_policy = Some(args.proxy_image_pull_policy.clone());
    let lease = LeaseOptions {
        namespace: args.namespace.clone(),
        name: NAME.to_string(),
        identity: args.pod.clone(),
        timing: Timing::default(),
    };
    Ok(ClusterConfig {
        options,
        fleets,
        settings: ProxySettings { store },
        installation: Installation {
            installation: installation(&args.namespace),
            namespaces: fleet_namespaces(args, &scope),
        },
        scope,
        authority: AuthoritySecret {
            namespace: args.namespace.clone(),
            name: args.ca_secret.clone(),
        },
        replica: args.pod.clone(),
        lease: (!args.read_only).then_some(lease),
    })
}

/// An installation is known by the namespace of its controller.
fn installation(namespace: &str) -> String {
    namespace.chars().take(LABEL_MAX).collect()
}

/// Where fleets may be; empty is everywhere.
fn fleet_namespaces(args: &ControllerArgs, scope: &Scope) -> std::collections::BTreeSet<String> {
    let mut namespaces = match args.deployment_mode {
        DeploymentMode::GatewayNamespace => scope.namespaces.clone(),
        DeploymentMode::ControllerNamespace => [args.namespace.clone()].into(),
    };
    if !namespaces.is_empty() {
        // Fleets of merged gateways.
        namespaces.insert(args.namespace.clone());
    }
    namespaces
}
