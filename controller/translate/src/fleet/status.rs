//! What Gateways and classes are told about their proxies: parameters, addresses, `Programmed`.

use super::parameters::{Parameters, class_of};
use super::{FleetAddress, FleetSpec, FleetState, Wish};
use crate::gateway::{Address, AddressKind};
use crate::status::{
    ACCEPTED, Condition, ConditionStatus, ListenerStatus, ObjectRef, PROGRAMMED, Problem, Status,
    Statuses, reason,
};
use crate::{NamespacedName, World, groups};

/// Gateway API, GatewayStatus: addresses that a status can name.
const ADDRESSES_MAX: usize = 16;

/// Refuses the classes and Gateways whose parameters lead nowhere.
pub(super) fn refuse(
    (world, parameters): (&World, &Parameters<'_>),
    wishes: &[Wish],
    statuses: &mut Statuses,
) {
    for (class, problem) in parameters.broken_classes() {
        let object = ObjectRef::cluster_wide(groups::GATEWAY_API, "GatewayClass", class);
        let object_in_world = world.gateway_classes.get(class);
        let generation = object_in_world.and_then(|it| it.metadata.generation);
        let refusal = Condition::fails(ACCEPTED, problem, generation);
        replace(&mut statuses.entry(object).conditions, refusal);
    }
    for wish in wishes {
        let class = class_of(world, &wish.gateway);
        let of_class = parameters.class_problem(class).map(|problem| {
            let message = format!("GatewayClass {class}: {}", problem.message);
            Problem::new(reason::INVALID_PARAMETERS, message)
        });
        let own = parameters.gateway_problem(&wish.gateway).cloned();
        if let Some(problem) = own.or(of_class) {
            refuse_gateway(world, (&wish.gateway, &problem), statuses);
        }
    }
}

/// `Accepted` is false: what the Gateway is to be cannot be told.
pub(super) fn refuse_gateway(
    world: &World,
    (gateway, problem): (&NamespacedName, &Problem),
    statuses: &mut Statuses,
) {
    let refusal = Condition::fails(ACCEPTED, problem, generation(world, gateway));
    replace(&mut statuses.entry(object(gateway)).conditions, refusal);
}

/// Whether a Gateway is told that it is not accepted.
pub(super) fn is_refused(gateway: &NamespacedName, statuses: &Statuses) -> bool {
    let status = statuses.of(&object(gateway));
    let mut conditions = status.iter().flat_map(|it| &it.conditions);
    conditions.any(|it| it.kind == ACCEPTED && it.status == ConditionStatus::False)
}

/// Addresses and `Programmed` of every Gateway.
pub(super) fn report(
    world: &World,
    (wishes, fleets): (&[Wish], &[FleetSpec]),
    statuses: &mut Statuses,
) {
    for fleet in fleets {
        let name = NamespacedName::new(&fleet.namespace, &fleet.name);
        let state = world.fleets_seen.get(&name);
        let served = wishes.iter().filter(|wish| {
            let gateway = wish.gateway.to_string();
            fleet.gateways.binary_search(&gateway).is_ok()
        });
        for wish in served {
            let generation = generation(world, &wish.gateway);
            let refused = is_refused(&wish.gateway, statuses);
            let status = statuses.entry(object(&wish.gateway));
            status.addresses = state
                .map(|it| it.addresses.iter().take(ADDRESSES_MAX).cloned().collect())
                .unwrap_or_default();
            let asked = &wish.infrastructure.addresses;
            let problem = if refused || !wish.is_served {
                let message = "no listener of the Gateway is served";
                Some(Problem::new(reason::INVALID, message))
            } else {
                trouble(state, asked)
            };
            program(status, problem, generation);
        }
    }
}

fn program(status: &mut Status, problem: Option<Problem>, generation: Option<i64>) {
    let condition = match &problem {
        None => {
            let message = "the proxies have the configuration and an address";
            Condition::holds(PROGRAMMED, reason::PROGRAMMED, message, generation)
        }
        Some(problem) => Condition::fails(PROGRAMMED, problem, generation),
    };
    // Behind `Accepted`, as it is where there is no fleet.
    let place = status.conditions.len().min(1);
    status.conditions.retain(|it| it.kind != PROGRAMMED);
    status.conditions.insert(place, condition);
    let waits = problem.filter(|it| [reason::PENDING, reason::NO_RESOURCES].contains(&it.reason));
    if let Some(problem) = waits {
        let pending = Problem::new(reason::PENDING, problem.message);
        for listener in &mut status.listeners {
            wait(listener, &pending, generation);
        }
    }
}

/// A listener that is translated and that no proxy has yet.
fn wait(listener: &mut ListenerStatus, problem: &Problem, generation: Option<i64>) {
    let holds = |it: &Condition| it.kind == PROGRAMMED && it.status == ConditionStatus::True;
    if listener.conditions.iter().any(holds) {
        let pending = Condition::fails(PROGRAMMED, problem, generation);
        replace(&mut listener.conditions, pending);
    }
}

/// Why clients cannot reach a Gateway, the first cause first.
fn trouble(state: Option<&FleetState>, asked: &[Address]) -> Option<Problem> {
    let Some(state) = state else {
        let message = "the infrastructure is not there yet";
        return Some(Problem::new(reason::PENDING, message));
    };
    let FleetState {
        addresses,
        ready_replicas,
        acknowledged,
        problem,
    } = state;
    let because = |message: String| match problem {
        Some(problem) => format!("{message}: {problem}"),
        None => message,
    };
    let unusable = unusable(addresses, asked);
    if !unusable.is_empty() {
        let message = format!(
            "spec.addresses: {} cannot be had; the Service has {}",
            unusable.join(", "),
            listed(addresses)
        );
        return Some(Problem::new(reason::ADDRESS_NOT_USABLE, because(message)));
    }
    if addresses.is_empty() {
        let message = "the Service has no address yet".to_string();
        return Some(Problem::new(reason::ADDRESS_NOT_ASSIGNED, because(message)));
    }
    if *ready_replicas == 0 {
        let message = "no proxy is ready".to_string();
        return Some(Problem::new(reason::NO_RESOURCES, because(message)));
    }
    if !acknowledged {
        let message = "no proxy has put the configuration into effect yet".to_string();
        return Some(Problem::new(reason::PENDING, because(message)));
    }
    None
}

/// Addresses that are asked for by value and that the fleet does not have.
fn unusable(present: &[FleetAddress], asked: &[Address]) -> Vec<String> {
    asked
        .iter()
        .filter_map(|address| {
            let value = address.value.clone()?;
            let wanted = match address.kind {
                AddressKind::Ip => FleetAddress::IPAddress(value.clone()),
                AddressKind::Hostname => FleetAddress::Hostname(value.clone()),
            };
            (!present.contains(&wanted)).then_some(value)
        })
        .collect()
}

fn listed(addresses: &[FleetAddress]) -> String {
    let values: Vec<&str> = addresses
        .iter()
        .map(|it| match it {
            FleetAddress::IPAddress(value) | FleetAddress::Hostname(value) => value.as_str(),
        })
        .collect();
    match values.is_empty() {
        true => "none".to_string(),
        false => values.join(", "),
    }
}

/// Puts a condition in the place of the one of its type, or at the end.
fn replace(conditions: &mut Vec<Condition>, condition: Condition) {
    match conditions.iter_mut().find(|it| it.kind == condition.kind) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}

fn object(gateway: &NamespacedName) -> ObjectRef {
    ObjectRef::namespaced(groups::GATEWAY_API, "Gateway", gateway)
}

fn generation(world: &World, gateway: &NamespacedName) -> Option<i64> {
    world.gateways.get(gateway)?.metadata.generation
}
