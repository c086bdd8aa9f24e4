//! Conditions of an object, wherever its kind keeps them: at the top of its status, for each
//! parent, ancestor or listener.

use serde_json::Value;

/// A condition as it stands in a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Such as `Accepted`.
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Such as `NoMatchingParent`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Generation of the object that it is about; 0 where it does not say.
    pub observed_generation: i64,
}

/// All conditions of an object, in the order in which they stand.
pub fn conditions_of(object: &Value) -> Vec<Condition> {
    let mut found = Vec::new();
    collect(&object["status"], &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<Condition>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            if let (Some(type_), Some(status)) = (text("type"), text("status")) {
                found.push(Condition {
                    type_: type_.to_string(),
                    status: status.to_string(),
                    reason: text("reason").unwrap_or_default().to_string(),
                    message: text("message").unwrap_or_default().to_string(),
                    observed_generation: fields
                        .get("observedGeneration")
                        .and_then(Value::as_i64)
                        .unwrap_or(0),
                });
            } else {
                fields.values().for_each(|field| collect(field, found));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_are_found_at_every_depth() {
        let object = json!({"status": {
            "conditions": [{"type": "Programmed", "status": "True", "observedGeneration": 2}],
            "listeners": [{"name": "http", "conditions": [
                {"type": "Accepted", "status": "False", "reason": "PortUnavailable", "message": "m"},
            ]}],
        }});
        let found = conditions_of(&object);
        let said: Vec<_> = found
            .iter()
            .map(|it| (&*it.type_, &*it.status, &*it.reason, it.observed_generation))
            .collect();
        assert_eq!(
            said,
            [
                ("Programmed", "True", "", 2),
                ("Accepted", "False", "PortUnavailable", 0)
            ]
        );
    }

    #[test]
    fn object_without_status_has_no_conditions() {
        assert_eq!(
            conditions_of(&json!({"spec": {"type": "a", "status": "b"}})),
            []
        );
    }
}
