//! The Service in front of the proxies.

use std::net::IpAddr;

use serde_json::{Value, json};
use tollgate_crds::envoy_gateway::envoy_proxy::{
    ExternalTrafficPolicy, ServiceSettings, ServiceType,
};
use tollgate_translate::{FleetPort, FleetSpec};

use crate::{metadata, patch};

/// The Service; `None` for a fleet without ports, which a Service cannot be.
pub(crate) fn render(spec: &FleetSpec) -> Option<Value> {
    if spec.ports.is_empty() {
        return None;
    }
    let settings = spec.proxy.kubernetes();
    let settings = settings.and_then(|it| it.envoy_service.clone());
    let settings = settings.unwrap_or_default();
    let name = settings.name.clone().unwrap_or_else(|| spec.name.clone());
    let mut service = metadata::object(spec, "v1", "Service", &name);
    let metadata = &mut service["metadata"];
    if !settings.annotations.is_empty() {
        let mut all = spec.annotations.clone();
        all.extend(settings.annotations.clone());
        metadata["annotations"] = json!(all);
    }
    if !settings.labels.is_empty() {
        let mut all = settings.labels.clone();
        all.extend(metadata::labels(spec));
        metadata["labels"] = json!(all);
    }
    service["spec"] = service_spec(spec, &settings);
    Some(patch::apply(service, settings.patch.as_ref()))
}

fn service_spec(spec: &FleetSpec, settings: &ServiceSettings) -> Value {
    let ServiceSettings {
        annotations: _,
        labels: _,
        type_,
        load_balancer_class,
        allocate_load_balancer_node_ports,
        load_balancer_source_ranges,
        load_balancer_ip,
        external_traffic_policy,
        patch: _,
        name: _,
    } = settings;
    let mut made = json!({
        "type": type_name(*type_),
        "selector": metadata::selector(spec),
        "ports": spec.ports.iter().map(port).collect::<Vec<_>>(),
    });
    let mut add = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            made[field] = value;
        }
    };
    if *type_ != ServiceType::ClusterIP {
        let policy = match external_traffic_policy {
            ExternalTrafficPolicy::Local => "Local",
            ExternalTrafficPolicy::Cluster => "Cluster",
        };
        add("externalTrafficPolicy", Some(json!(policy)));
    }
    add(
        "loadBalancerClass",
        load_balancer_class.as_ref().map(|it| json!(it)),
    );
    add(
        "allocateLoadBalancerNodePorts",
        allocate_load_balancer_node_ports.map(|it| json!(it)),
    );
    let ranges = load_balancer_source_ranges;
    add(
        "loadBalancerSourceRanges",
        (!ranges.is_empty()).then(|| json!(ranges)),
    );
    let is_address = |it: &&String| it.parse::<IpAddr>().is_ok();
    let asked: Vec<&String> = spec.addresses.iter().filter(is_address).collect();
    match type_ {
        // A load balancer can be asked for one address. Whether it gives it, its status says.
        ServiceType::LoadBalancer => add(
            "loadBalancerIP",
            asked
                .first()
                .copied()
                .or(load_balancer_ip.as_ref())
                .map(|it| json!(it)),
        ),
        // Nobody gives such addresses: whoever chose this type says that they lead to the nodes.
        ServiceType::NodePort | ServiceType::ClusterIP => {
            add("externalIPs", (!asked.is_empty()).then(|| json!(asked)));
        }
    }
    made
}

fn port(port: &FleetPort) -> Value {
    let FleetPort {
        port,
        protocol,
        bind_port,
    } = port;
    let protocol = protocol.as_str();
    json!({
        "name": format!("{}-{port}", protocol.to_ascii_lowercase()),
        "port": port,
        "protocol": protocol,
        "targetPort": bind_port,
    })
}

fn type_name(type_: ServiceType) -> &'static str {
    match type_ {
        ServiceType::ClusterIP => "ClusterIP",
        ServiceType::LoadBalancer => "LoadBalancer",
        ServiceType::NodePort => "NodePort",
    }
}
