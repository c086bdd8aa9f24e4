//! Which conditions have turned bad between what was stored and what is written. Pure.

use serde_json::Value;

/// Conditions that warn when they are true; all others are bad when false.
const WARNINGS: [&str; 5] = [
    "Conflicted",
    "InsecureFrontendValidationMode",
    "OverlappingTLSConfig",
    "PartiallyInvalid",
    "Warning",
];

/// Reasons that only mean that something is not ready yet.
const PASSING: [&str; 3] = ["Pending", "NoResources", "AddressNotAssigned"];

/// A condition that is bad.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trouble {
    /// Its type.
    pub(crate) condition: String,
    /// `True` or `False`.
    pub(crate) status: String,
    /// For programs.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
}

/// Conditions that are bad in `wanted` and were not, for the same reason, in `stored`. Each once.
pub(crate) fn new_troubles(stored: &Value, wanted: &Value) -> Vec<Trouble> {
    let before = troubles(stored);
    let is_old = |trouble: &Trouble| {
        before
            .iter()
            .any(|it| it.condition == trouble.condition && it.reason == trouble.reason)
    };
    let mut new: Vec<Trouble> = Vec::new();
    for trouble in troubles(wanted) {
        if !is_old(&trouble) && !new.contains(&trouble) {
            new.push(trouble);
        }
    }
    new
}

fn troubles(status: &Value) -> Vec<Trouble> {
    let nested = ["listeners", "parents", "ancestors"].into_iter();
    let nested = nested.flat_map(|field| list(&status[field]));
    let nested = nested.flat_map(|entry| list(&entry["conditions"]));
    let conditions = list(&status["conditions"]).iter().chain(nested);
    conditions.filter_map(trouble).collect()
}

fn trouble(condition: &Value) -> Option<Trouble> {
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_string();
    let trouble = Trouble {
        condition: text("type"),
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
    };
    let bad = if WARNINGS.contains(&trouble.condition.as_str()) {
        "True"
    } else {
        "False"
    };
    let passes = trouble.condition == "Programmed" && PASSING.contains(&trouble.reason.as_str());
    (trouble.status == bad && !passes).then_some(trouble)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(conditions: &[(&str, &str, &str)]) -> Value {
        let conditions = conditions.iter().map(|(kind, status, reason)| {
            json!({"type": kind, "status": status, "reason": reason, "message": "m"})
        });
        json!({"conditions": conditions.collect::<Vec<_>>()})
    }

    fn told(stored: &Value, wanted: &Value) -> Vec<String> {
        let new = new_troubles(stored, wanted).into_iter();
        new.map(|it| format!("{} {}", it.condition, it.reason))
            .collect()
    }

    #[test]
    fn condition_that_turns_bad_is_told() {
        let good = status(&[("Accepted", "True", "Accepted")]);
        let bad = status(&[("Accepted", "False", "Invalid")]);
        assert_eq!(told(&good, &bad), ["Accepted Invalid"]);
        assert_eq!(told(&Value::Null, &bad), ["Accepted Invalid"]);
        assert_eq!(told(&bad, &good), Vec::<String>::new());
    }

    #[test]
    fn trouble_that_stays_is_not_told_again_and_another_reason_is() {
        let bad = status(&[("ResolvedRefs", "False", "BackendNotFound")]);
        let other = status(&[("ResolvedRefs", "False", "RefNotPermitted")]);
        assert_eq!(told(&bad, &bad), Vec::<String>::new());
        assert_eq!(told(&bad, &other), ["ResolvedRefs RefNotPermitted"]);
    }

    #[test]
    fn warnings_are_bad_when_true() {
        let calm = status(&[
            ("Warning", "False", "X"),
            ("Conflicted", "False", "NoConflicts"),
        ]);
        let loud = status(&[
            ("Warning", "True", "X"),
            ("Conflicted", "True", "HostnameConflict"),
        ]);
        assert_eq!(told(&calm, &calm), Vec::<String>::new());
        assert_eq!(
            told(&calm, &loud),
            ["Warning X", "Conflicted HostnameConflict"]
        );
    }

    #[test]
    fn gateway_that_is_only_starting_is_in_no_trouble() {
        let starting = status(&[("Programmed", "False", "Pending")]);
        assert_eq!(told(&Value::Null, &starting), Vec::<String>::new());
        let invalid = status(&[("Programmed", "False", "Invalid")]);
        assert_eq!(told(&starting, &invalid), ["Programmed Invalid"]);
    }

    #[test]
    fn same_trouble_towards_two_parents_is_told_once() {
        let parent = status(&[("Accepted", "False", "NoMatchingParent")]);
        let wanted = json!({"parents": [parent, parent]});
        assert_eq!(told(&Value::Null, &wanted), ["Accepted NoMatchingParent"]);
    }
}
