//! Fields of an EnvoyProxy that are read and change nothing in this release.

use tollgate_crds::envoy_gateway::EnvoyProxySpec;
use tollgate_crds::envoy_gateway::backend_traffic_policy::RoutingType;
use tollgate_crds::envoy_gateway::envoy_proxy::{
    ContainerSettings, IpFamily, KubernetesProvider, ProviderType, ProxyLogging, ProxyMetrics,
    ProxyTelemetry, Shutdown,
};

/// Whose EnvoyProxy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of a GatewayClass.
    Class,
    /// Of a Gateway with proxies of its own.
    Gateway,
    /// Of a Gateway whose class has one fleet for all.
    MergedGateway,
    /// Of either, on a machine of our own, which makes no proxies.
    Machine,
}

/// Repositories of images that have Envoy and no `tollgate`; manifests for Envoy Gateway name them.
const ENVOY_REPOSITORIES: [&str; 4] = [
    "envoyproxy/envoy",
    "envoyproxy/envoy-dev",
    "envoyproxy/envoy-contrib",
    "envoyproxy/envoy-distroless",
];

/// Whether an image is one of Envoy alone: it cannot run a proxy of ours.
pub fn is_envoy_alone(image: &str) -> bool {
    let name_start = image.rfind('/').map_or(0, |slash| slash + 1);
    let name_end = image
        .get(name_start..)
        .and_then(|name| name.find([':', '@']))
        .map_or(image.len(), |end| name_start + end);
    let repository = image.get(..name_end).unwrap_or(image);
    ENVOY_REPOSITORIES.iter().any(|it| {
        repository
            .strip_suffix(it)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    })
}

/// Paths of the fields.
pub(super) fn ignored(spec: &EnvoyProxySpec, role: Role) -> Vec<String> {
    if role == Role::MergedGateway {
        return vec!["spec (the class merges its Gateways: its own EnvoyProxy counts)".to_string()];
    }
    let EnvoyProxySpec {
        provider,
        logging,
        telemetry,
        bootstrap: _,
        concurrency: _,
        routing_type,
        extra_args,
        merge_gateways,
        merge_backends,
        shutdown,
        filter_order,
        backend_tls,
        ip_family,
        preserve_route_order,
        lua_validation,
        dynamic_modules,
        geo_ip,
        merge_type,
    } = spec;
    let is_host = |it: &tollgate_crds::envoy_gateway::envoy_proxy::ProxyProvider| {
        it.type_ == ProviderType::Host || it.host.is_some()
    };
    let waits = |it: &Shutdown| it.health_check_failure_delay.is_some();
    let mut found = Found::default();
    let in_cluster = role != Role::Machine;
    found.note(
        "spec.provider.host",
        in_cluster && provider.as_ref().is_some_and(is_host),
    );
    let components = logging.level.keys();
    for component in components.filter(|it| in_cluster && *it != "default") {
        found.note(&format!("spec.logging.level.{component}"), true);
    }
    found.note(
        "spec.routingType",
        *routing_type == Some(RoutingType::Service),
    );
    found.note("spec.extraArgs", !extra_args.is_empty());
    found.note(
        "spec.mergeGateways",
        role == Role::Gateway && *merge_gateways == Some(true),
    );
    found.note("spec.mergeBackends", merge_backends.is_some());
    found.note(
        "spec.shutdown.healthCheckFailureDelay",
        in_cluster && shutdown.as_ref().is_some_and(waits),
    );
    found.note("spec.filterOrder", !filter_order.is_empty());
    found.note("spec.backendTLS", backend_tls.is_some());
    found.note(
        "spec.ipFamily",
        ip_family.is_some_and(|it| it != IpFamily::IPv4),
    );
    found.note(
        "spec.preserveRouteOrder",
        *preserve_route_order == Some(true),
    );
    found.note("spec.luaValidation", lua_validation.is_some());
    found.note("spec.dynamicModules", !dynamic_modules.is_empty());
    found.note("spec.geoIP", geo_ip.is_some());
    found.note(
        "spec.mergeType",
        role == Role::Class && merge_type.is_some(),
    );
    if let Some(telemetry) = telemetry {
        found.telemetry(telemetry);
    }
    if role == Role::Machine {
        found.machine(spec);
    } else if let Some(settings) = spec.kubernetes() {
        found.kubernetes(settings);
    }
    found.0
}

/// Paths of fields.
#[derive(Default)]
struct Found(Vec<String>);

// === impl Found ===

impl Found {
    fn note(&mut self, field: &str, is_set: bool) {
        if is_set {
            self.0.push(field.to_string());
        }
    }

    fn telemetry(&mut self, telemetry: &ProxyTelemetry) {
        let ProxyTelemetry {
            access_log: _,
            tracing: _,
            metrics,
            request_id: _,
            health_check_log,
        } = telemetry;
        if let Some(metrics) = metrics {
            self.metrics(metrics);
        }
        self.note("spec.telemetry.healthCheckLog", health_check_log.is_some());
    }

    fn metrics(&mut self, metrics: &ProxyMetrics) {
        let ProxyMetrics {
            prometheus,
            sinks: _,
            matches: _,
            enable_virtual_host_stats: _,
            enable_per_endpoint_stats: _,
            enable_request_response_sizes_stats: _,
            enable_grpc_stats,
            cluster_stat_name,
        } = metrics;
        let path = "spec.telemetry.metrics";
        let prometheus = prometheus.clone().unwrap_or_default();
        self.note(
            &format!("{path}.prometheus.compression"),
            prometheus.compression.is_some(),
        );
        self.note(
            &format!("{path}.enableGRPCStats"),
            *enable_grpc_stats == Some(true),
        );
        self.note(
            &format!("{path}.clusterStatName"),
            cluster_stat_name.is_some(),
        );
    }

    /// What says how proxies are run, where nobody runs some.
    fn machine(&mut self, spec: &EnvoyProxySpec) {
        for (field, is_set) in [
            ("provider", spec.provider.is_some()),
            ("logging", spec.logging != ProxyLogging::default()),
            ("concurrency", spec.concurrency.is_some()),
            ("mergeGateways", spec.merge_gateways == Some(true)),
            ("shutdown", spec.shutdown.is_some()),
        ] {
            let path = format!("spec.{field} (proxies are made in a cluster only)");
            self.note(&path, is_set);
        }
    }

    fn kubernetes(&mut self, settings: &KubernetesProvider) {
        let path = "spec.provider.kubernetes";
        let keeps_ports = settings.use_listener_port_as_container_port == Some(true);
        self.note(
            &format!("{path}.useListenerPortAsContainerPort"),
            keeps_ports,
        );
        let deployment = settings.envoy_deployment.as_ref();
        let daemon_set = settings.envoy_daemon_set.as_ref();
        self.note(
            &format!("{path}.envoyDeployment.replicas (envoyHpa says how many)"),
            settings.envoy_hpa.is_some() && deployment.is_some_and(|it| it.replicas.is_some()),
        );
        for (workload, container) in [
            (
                "envoyDeployment",
                deployment.and_then(|it| it.container.as_ref()),
            ),
            (
                "envoyDaemonSet",
                daemon_set.and_then(|it| it.container.as_ref()),
            ),
        ] {
            if let Some(container) = container {
                self.images(&format!("{path}.{workload}.container"), container);
            }
        }
    }

    fn images(&mut self, path: &str, container: &ContainerSettings) {
        let images = [
            ("image", &container.image),
            ("imageRepository", &container.image_repository),
        ];
        for (field, image) in images {
            if let Some(image) = image.as_ref().filter(|it| is_envoy_alone(it)) {
                let field = format!("{path}.{field} ({image} is Envoy without Tollgate)");
                self.note(&field, true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_envoy_alone;

    #[test]
    fn images_of_envoy_alone_are_known_by_their_repository() {
        for image in [
            "envoyproxy/envoy",
            "envoyproxy/envoy:v1.40.0",
            "docker.io/envoyproxy/envoy:distroless-v1.39.1@sha256:00",
            "mirror.local:5000/envoyproxy/envoy-contrib:v1",
        ] {
            assert!(is_envoy_alone(image), "{image}");
        }
        for image in [
            "mirror.local:5000/tollgate:1",
            "example.com/not-envoyproxy/envoy:1",
            "envoyproxy/envoy-with-tollgate:1",
            "envoy:1",
        ] {
            assert!(!is_envoy_alone(image), "{image}");
        }
    }
}
