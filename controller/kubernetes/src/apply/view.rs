//! What the objects of a fleet say about it: where it is reached, how many proxies are ready,
//! what is wrong. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use tollgate_translate::{FleetAddress, FleetState, NamespacedName};

use super::SeenFleets;
use super::kinds::FLEET_KINDS;
use super::plan::Plan;

/// Most problems that are told of one fleet.
const PROBLEMS_MAX: usize = 4;

/// All fleets of which something is there or wanted.
pub(crate) fn view(plan: &Plan) -> SeenFleets {
    let mut fleets = SeenFleets::new();
    let mut problems: BTreeMap<NamespacedName, Vec<String>> = BTreeMap::new();
    for fleet in plan.fleets() {
        fleets.entry(fleet.clone()).or_default();
    }
    for (key, observed) in plan.observed() {
        let state = fleets.entry(observed.fleet.clone()).or_default();
        let problems = problems.entry(observed.fleet.clone()).or_default();
        match FLEET_KINDS.get(key.kind).map(|kind| kind.kind) {
            Some("Service") => service(&key.name, &observed.seen, state, problems),
            Some("Deployment") => {
                state.ready_replicas += count(&observed.seen["status"]["readyReplicas"]);
                workload_problems(&key.name, &observed.seen, problems);
            }
            Some("DaemonSet") => {
                state.ready_replicas += count(&observed.seen["status"]["numberReady"]);
            }
            _ => {}
        }
    }
    for (fleet, message) in plan.failures() {
        problems
            .entry(fleet.clone())
            .or_default()
            .push(message.to_string());
    }
    for (fleet, mut list) in problems {
        list.truncate(PROBLEMS_MAX);
        if !list.is_empty()
            && let Some(state) = fleets.get_mut(&fleet)
        {
            state.problem = Some(list.join("; "));
        }
    }
    fleets
}

fn count(value: &Value) -> u32 {
    let count = value.as_u64().unwrap_or_default();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Addresses of a Service: of its load balancer, else external ones, else its own in the cluster.
fn service(name: &str, seen: &Value, state: &mut FleetState, problems: &mut Vec<String>) {
    let spec = &seen["spec"];
    let ingress = list(&seen["status"]["loadBalancer"]["ingress"]);
    let balanced = ingress.iter().filter_map(|it| {
        let ip = it["ip"]
            .as_str()
            .map(|ip| FleetAddress::IPAddress(ip.to_string()));
        ip.or_else(|| Some(FleetAddress::Hostname(it["hostname"].as_str()?.to_string())))
    });
    let mut addresses: Vec<FleetAddress> = balanced.collect();
    addresses.extend(ips(&spec["externalIPs"]));
    let is_balanced = spec["type"] == "LoadBalancer";
    if addresses.is_empty() && !is_balanced {
        addresses.extend(ips(&spec["clusterIPs"]).filter(|it| *it != headless()));
    }
    if addresses.is_empty() && is_balanced {
        problems.push(format!(
            "Service {name} has no address from a load balancer yet"
        ));
    }
    for address in addresses {
        if !state.addresses.contains(&address) {
            state.addresses.push(address);
        }
    }
}

fn headless() -> FleetAddress {
    FleetAddress::IPAddress("None".to_string())
}

fn ips(value: &Value) -> impl Iterator<Item = FleetAddress> {
    let texts = list(value).iter().filter_map(Value::as_str);
    texts.map(|ip| FleetAddress::IPAddress(ip.to_string()))
}

/// What a Deployment's controller complains about.
fn workload_problems(name: &str, seen: &Value, problems: &mut Vec<String>) {
    for condition in list(&seen["status"]["conditions"]) {
        let is_bad = match condition["type"].as_str() {
            Some("ReplicaFailure") => condition["status"] == "True",
            Some("Progressing") => condition["status"] == "False",
            _ => false,
        };
        if is_bad && let Some(message) = condition["message"].as_str() {
            problems.push(format!("Deployment {name}: {message}"));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
