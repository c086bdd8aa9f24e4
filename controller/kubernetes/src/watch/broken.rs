//! An object that is there and cannot be used, and what it is told.

use serde_json::{Value, json};
use tollgate_crds::ObjectError;
use tollgate_translate::{BrokenBudget, ObjectRef};

/// Longest message of a condition that is made here, in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Parts of `spec` that tell whose object it is.
const KEPT: [&str; 7] = [
    "parentRefs",
    "targetRef",
    "targetRefs",
    "gatewayClassName",
    "controllerName",
    "parentRef",
    "mode",
];

/// An object whose body is not what its kind demands.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenObject {
    /// Which one.
    pub object: ObjectRef,
    /// Its generation.
    pub generation: Option<i64>,
    /// Every rule that it breaks.
    pub message: String,
    /// Type, names and what tells whose it is; nothing else of the object.
    pub(crate) document: Value,
}

// === impl BrokenObject ===

impl BrokenObject {
    pub(crate) fn new(object: ObjectRef, body: &Value, message: &str) -> Self {
        let spec = KEPT.iter().filter_map(|field| {
            let value = body["spec"].get(*field)?;
            Some((field.to_string(), value.clone()))
        });
        let document = json!({
            "apiVersion": body["apiVersion"],
            "kind": object.kind,
            "metadata": {"name": object.name, "namespace": object.namespace},
            "spec": Value::Object(spec.collect()),
        });
        Self {
            generation: body["metadata"]["generation"].as_i64(),
            message: bounded(message),
            document,
            object,
        }
    }

    /// The same, with the rules that it breaks.
    pub(crate) fn because(self, message: &str) -> Self {
        Self {
            message: bounded(message),
            ..self
        }
    }

    /// What it limits goes on being limited, if it is meant to be a budget.
    pub(crate) fn budget(&self) -> Option<BrokenBudget> {
        BrokenBudget::read(&self.document).map(|budget| budget.because(self.message.clone()))
    }

    /// The namespace that it guards, if it is meant to be a client.
    pub(crate) fn guarded_namespace(&self) -> Option<&str> {
        let is_consumer =
            self.object.group == tollgate_crds::tollgate::GROUP && self.object.kind == "Consumer";
        self.object.namespace.as_deref().filter(|_| is_consumer)
    }

    /// The Gateways that it names as parents or targets: the reference as written, with its
    /// namespace and name.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = (&Value, (&str, &str))> {
        let spec = &self.document["spec"];
        let lists = ["parentRefs", "targetRefs"].into_iter();
        let lists = lists.filter_map(|field| spec[field].as_array()).flatten();
        let single = ["parentRef", "targetRef"].into_iter();
        let single = single.filter_map(|field| spec.get(field));
        lists.chain(single).filter_map(|reference| {
            let is_gateway = reference["kind"].as_str().unwrap_or("Gateway") == "Gateway";
            let namespace = reference["namespace"].as_str();
            let namespace = namespace.or(self.object.namespace.as_deref())?;
            let name = reference["name"].as_str()?;
            is_gateway.then_some((reference, (namespace, name)))
        })
    }
}

/// All rules that an object breaks, in one line.
pub(crate) fn rules_of(error: &ObjectError) -> String {
    let ObjectError::Invalid { violations, .. } = error else {
        return error.to_string();
    };
    let rules: Vec<String> = violations.iter().map(ToString::to_string).collect();
    rules.join("; ")
}

fn bounded(message: &str) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.to_string();
    }
    let end = (0..=MESSAGE_BYTES_MAX - '…'.len_utf8())
        .rev()
        .find(|at| message.is_char_boundary(*at));
    format!("{}…", message.get(..end.unwrap_or(0)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(body: Value) -> BrokenObject {
        let object = ObjectRef {
            group: tollgate_crds::tollgate::GROUP.to_string(),
            kind: "TokenBudget".to_string(),
            namespace: Some("team".to_string()),
            name: "a".to_string(),
        };
        BrokenObject::new(object, &body, "spec.limits: is required")
    }

    #[test]
    fn only_what_tells_whose_it_is_is_kept() {
        let body = json!({"apiVersion": "tollgate.dev/v1alpha1", "metadata": {"generation": 4},
            "spec": {"targetRefs": [{"kind": "Gateway", "name": "g"}], "limits": "many"}});
        let broken = broken(body);
        assert_eq!(broken.generation, Some(4));
        assert_eq!(
            broken.document["spec"],
            json!({"targetRefs": [{"kind": "Gateway", "name": "g"}]})
        );
        assert!(broken.budget().is_some());
        let gateways: Vec<_> = broken.gateways().map(|(_, name)| name).collect();
        assert_eq!(gateways, [("team", "g")]);
    }

    #[test]
    fn long_message_is_cut_at_a_character() {
        let message = "ä".repeat(MESSAGE_BYTES_MAX);
        let cut = bounded(&message);
        assert!(cut.len() <= MESSAGE_BYTES_MAX);
        assert!(cut.ends_with('…'));
    }
}
