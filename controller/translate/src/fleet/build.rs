//! The fleets themselves: one for each Gateway, or one for each class that merges its Gateways.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir as ir;

use super::name::{Names, hashed};
use super::parameters::{Parameters, class_of};
use super::{FleetAction, FleetOwner, FleetPort, FleetScope, FleetSpec, Transport, Wish, status};
use crate::gateway::AddressKind;
use crate::options::{Cluster, FleetPlacement};
use crate::{NamespacedName, Statuses, World, groups};

const GATEWAY_API_VERSION: &str = "gateway.networking.k8s.io/v1";

/// All fleets, in the order of their oldest Gateways.
pub(super) fn fleets(
    (world, cluster, parameters): (&World, &Cluster, &Parameters<'_>),
    wishes: &[Wish],
    statuses: &mut Statuses,
) -> Vec<FleetSpec> {
    let mut names = Names::default();
    let mut fleets = Vec::new();
    // Place in `fleets` of that of a class.
    let mut merged: BTreeMap<&str, usize> = BTreeMap::new();
    for wish in wishes {
        let class = class_of(world, &wish.gateway);
        if !parameters.merges(class) {
            fleets.push(of_gateway(
                (world, cluster, parameters),
                wish,
                &mut names,
                statuses,
            ));
            continue;
        }
        let place = *merged.entry(class).or_insert_with(|| {
            fleets.push(of_class((world, cluster, parameters), class, &mut names));
            fleets.len() - 1
        });
        if let Some(fleet) = fleets.get_mut(place) {
            join(fleet, wish);
        }
    }
    for fleet in &mut fleets {
        fleet.gateways.sort();
    }
    fleets
}

/// The ports of a fleet. One without is left as it is: a Service cannot have none.
pub(super) fn set_ports(fleet: &mut FleetSpec, listeners: &[ir::Listener]) {
    fleet.ports = listeners.iter().map(port).collect();
    fleet.ports.sort_unstable();
    if fleet.ports.is_empty() {
        fleet.action = FleetAction::Keep;
    }
}

fn of_gateway(
    (world, cluster, parameters): (&World, &Cluster, &Parameters<'_>),
    wish: &Wish,
    names: &mut Names,
    statuses: &mut Statuses,
) -> FleetSpec {
    let gateway = &wish.gateway;
    let class = class_of(world, gateway);
    let proxy = parameters.for_gateway(gateway, class);
    if let Err(problem) = &proxy {
        status::refuse_gateway(world, (gateway, problem), statuses);
    }
    let refused = status::is_refused(gateway, statuses);
    let wished = format!("{}-{class}", gateway.name);
    let key = gateway.to_string();
    let (namespace, name) = match cluster.placement {
        FleetPlacement::GatewayNamespace => {
            let namespace = &gateway.namespace;
            (namespace, names.give(namespace, &wished, &key))
        }
        // Gateways of several namespaces meet there.
        FleetPlacement::ControllerNamespace => {
            let namespace = &cluster.namespace;
            let wished = hashed(&format!("{}-{wished}", gateway.namespace), &key);
            (namespace, names.give(namespace, &wished, &key))
        }
    };
    let mut fleet = FleetSpec {
        namespace: namespace.clone(),
        name,
        scope: FleetScope::Gateway {
            namespace: gateway.namespace.clone(),
            name: gateway.name.clone(),
        },
        class: class.to_string(),
        gateways: Vec::new(),
        action: match refused {
            true => FleetAction::Keep,
            false => FleetAction::Apply,
        },
        owner: match cluster.placement {
            FleetPlacement::GatewayNamespace => gateway_owner(world, gateway),
            // An owner must be in the namespace of what it owns, or in none.
            FleetPlacement::ControllerNamespace => class_owner(world, class),
        },
        ports: Vec::new(),
        labels: wish.infrastructure.labels.clone(),
        annotations: wish.infrastructure.annotations.clone(),
        addresses: Vec::new(),
        bootstrap: None,
        proxy: proxy.unwrap_or_default(),
    };
    join(&mut fleet, wish);
    fleet
}

fn of_class(
    (world, cluster, parameters): (&World, &Cluster, &Parameters<'_>),
    class: &str,
    names: &mut Names,
) -> FleetSpec {
    let namespace = cluster.namespace.clone();
    FleetSpec {
        name: names.give(&namespace, &format!("class-{class}"), class),
        namespace,
        scope: FleetScope::Class {
            name: class.to_string(),
        },
        class: class.to_string(),
        gateways: Vec::new(),
        action: FleetAction::Apply,
        owner: class_owner(world, class),
        ports: Vec::new(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        addresses: Vec::new(),
        bootstrap: None,
        proxy: parameters.for_class(class),
    }
}

/// Adds what a Gateway serves and asks for.
fn join(fleet: &mut FleetSpec, wish: &Wish) {
    fleet.gateways.push(wish.gateway.to_string());
    let asked = wish.infrastructure.addresses.iter();
    let asked = asked.filter(|it| it.kind == AddressKind::Ip);
    let known: BTreeSet<String> = fleet.addresses.iter().cloned().collect();
    fleet.addresses.extend(
        asked
            .filter_map(|it| it.value.clone())
            .filter(|it| !known.contains(it)),
    );
}

fn port(listener: &ir::Listener) -> FleetPort {
    FleetPort {
        port: listener.port,
        protocol: Transport::of(listener),
        bind_port: listener.bind_port,
    }
}

fn gateway_owner(world: &World, gateway: &NamespacedName) -> Option<FleetOwner> {
    let uid = world.gateways.get(gateway)?.metadata.uid.clone()?;
    Some(FleetOwner {
        api_version: GATEWAY_API_VERSION,
        kind: "Gateway",
        name: gateway.name.clone(),
        uid,
    })
}

fn class_owner(world: &World, class: &str) -> Option<FleetOwner> {
    debug_assert!(GATEWAY_API_VERSION.starts_with(groups::GATEWAY_API));
    let uid = world.gateway_classes.get(class)?.metadata.uid.clone()?;
    Some(FleetOwner {
        api_version: GATEWAY_API_VERSION,
        kind: "GatewayClass",
        name: class.to_string(),
        uid,
    })
}
