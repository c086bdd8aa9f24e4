//! What an object is told whose body cannot be used: it never reached translation.

use serde_json::{Value, json};
use tollgate_crds::GATEWAY_API_GROUP;
use tollgate_translate::{NamespacedName, ObjectRef, Statuses};

use super::fields::fields;
use crate::watch::BrokenObject;

/// Reason of the condition, where Gateway API has no better one.
const INVALID: &str = "Invalid";
/// Of a route.
const UNSUPPORTED_VALUE: &str = "UnsupportedValue";

/// The status of a broken object: `Accepted=False` wherever it concerns something of ours;
/// `None` if it does not, or if translation speaks of it.
pub(crate) fn status_of(
    broken: &BrokenObject,
    statuses: &Statuses,
    controllers: &[String],
) -> Option<Value> {
    let controller = controllers.first()?;
    if statuses.of(&broken.object).is_some() || !concerns_us(broken, statuses, controllers) {
        return None;
    }
    let fields = fields(&broken.object);
    let mut status = json!({});
    for (list, reference) in [("parents", "parentRef"), ("ancestors", "ancestorRef")] {
        if fields.contains(&list) {
            let ours = broken
                .gateways()
                .filter(|(_, gateway)| is_our_gateway(*gateway, statuses));
            let entries = ours.map(|(as_written, _)| {
                json!({
                    reference: named(as_written),
                    "controllerName": controller,
                    "conditions": [rejected(broken)],
                })
            });
            status[list] = entries.collect();
        }
    }
    if fields.contains(&"conditions") {
        status["conditions"] = json!([rejected(broken)]);
    }
    Some(status)
}

fn rejected(broken: &BrokenObject) -> Value {
    let reason = match fields(&broken.object) {
        ["parents"] => UNSUPPORTED_VALUE,
        _ => INVALID,
    };
    let mut condition = json!({
        "type": "Accepted",
        "status": "False",
        "reason": reason,
        "message": broken.message,
    });
    if let Some(generation) = broken.generation {
        condition["observedGeneration"] = generation.into();
    }
    condition
}

fn concerns_us(broken: &BrokenObject, statuses: &Statuses, controllers: &[String]) -> bool {
    let spec = &broken.document["spec"];
    match (broken.object.kind.as_str(), fields(&broken.object)) {
        ("GatewayClass", _) => {
            let name = spec["controllerName"].as_str();
            name.is_some_and(|name| controllers.iter().any(|it| it == name))
        }
        ("Gateway", _) => spec["gatewayClassName"].as_str().is_some_and(|class| {
            let class = ObjectRef::cluster_wide(GATEWAY_API_GROUP, "GatewayClass", class);
            statuses.of(&class).is_some()
        }),
        (_, []) => false,
        // Kinds that only we read, or that name nobody.
        (_, ["conditions"]) => true,
        (_, _) => broken
            .gateways()
            .any(|(_, gateway)| is_our_gateway(gateway, statuses)),
    }
}

fn is_our_gateway((namespace, name): (&str, &str), statuses: &Statuses) -> bool {
    let name = NamespacedName::new(namespace, name);
    let gateway = ObjectRef::namespaced(GATEWAY_API_GROUP, "Gateway", &name);
    statuses.of(&gateway).is_some()
}

/// The fields of a reference that a status may have.
fn named(reference: &Value) -> Value {
    const FIELDS: [&str; 6] = ["group", "kind", "namespace", "name", "sectionName", "port"];
    let fields = FIELDS.iter().filter_map(|field| {
        let value = reference.get(*field)?;
        Some((field.to_string(), value.clone()))
    });
    Value::Object(fields.collect())
}

#[cfg(test)]
mod tests;
