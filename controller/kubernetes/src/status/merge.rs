//! The pure core: what is stored, what is wanted → what to write. `None` where both mean the same.
//!
//! Entries of other controllers in `parents` and `ancestors` stay, so do conditions of types that
//! are not ours; the time of a condition's last transition stays while its status does.

use serde_json::{Map, Value, json};

use super::normal::{addresses, reference, same};

/// Most entries that Gateway API allows.
const PARENTS_MAX: usize = 32;
const ANCESTORS_MAX: usize = 16;

/// Longest message that an API server takes, in characters.
const MESSAGE_CHARS_MAX: usize = 32_768;

/// Types of conditions that translation may set. One of them that is not wanted is removed.
const OURS: [&str; 9] = [
    "Accepted",
    "Conflicted",
    "Enforced",
    "InsecureFrontendValidationMode",
    "OverlappingTLSConfig",
    "PartiallyInvalid",
    "Programmed",
    "ResolvedRefs",
    "Warning",
];

/// A status that an object shall have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desired<'a> {
    /// Fields that are ours to write.
    pub(crate) fields: &'static [&'static str],
    /// The status as translation says it; `null`: none of our entries shall be left.
    pub(crate) status: &'a Value,
    /// Names under which we write entries.
    pub(crate) controllers: &'a [String],
}

/// The fields of the status that have to be written, as a merge patch of `status`; `now` is in
/// RFC 3339.
pub(crate) fn desired_patch(stored: &Value, desired: &Desired<'_>, now: &str) -> Option<Value> {
    let mut patch = Map::new();
    for field in desired.fields {
        let (before, wanted) = (&stored[*field], &desired.status[*field]);
        let is_list_of_entries = matches!(*field, "parents" | "ancestors");
        if desired.status.is_null() && !is_list_of_entries {
            continue;
        }
        let after = match *field {
            "parents" => entries(before, wanted, &Entries::PARENTS, (desired, now)),
            "ancestors" => entries(before, wanted, &Entries::ANCESTORS, (desired, now)),
            "conditions" => with_foreign(before, conditions(before, wanted, now)),
            "listeners" => listeners(before, wanted, now),
            _ => wanted.clone(),
        };
        let is_same = match *field {
            "addresses" => addresses(before) == addresses(&after),
            _ => same(before, &after),
        };
        // Both lists of entries are required where there is a status at all.
        let is_missing = is_list_of_entries && before.is_null() && !stored.is_null();
        if !is_same || (is_missing && !desired.status.is_null()) {
            patch.insert((*field).to_string(), after);
        }
    }
    (!patch.is_empty()).then(|| json!({"status": patch}))
}

/// Whether a stored status has an entry of one of these controllers.
pub(crate) fn has_entries(stored: &Value, controllers: &[String]) -> bool {
    let lists = ["parents", "ancestors"].into_iter();
    let mut entries = lists.filter_map(|field| stored[field].as_array()).flatten();
    entries.any(|entry| is_of(entry, controllers))
}

/// How entries of a list are told apart, and how many there may be.
struct Entries {
    reference: &'static str,
    count_max: usize,
}

// === impl Entries ===

impl Entries {
    const PARENTS: Self = Self {
        reference: "parentRef",
        count_max: PARENTS_MAX,
    };
    const ANCESTORS: Self = Self {
        reference: "ancestorRef",
        count_max: ANCESTORS_MAX,
    };

    fn same_entry(&self, a: &Value, b: &Value) -> bool {
        a["controllerName"] == b["controllerName"]
            && reference(&a[self.reference]) == reference(&b[self.reference])
    }
}

/// Others' entries as they are, then ours.
fn entries(
    before: &Value,
    wanted: &Value,
    kind: &Entries,
    (desired, now): (&Desired<'_>, &str),
) -> Value {
    let before = list(before);
    let others = before
        .iter()
        .filter(|entry| !is_of(entry, desired.controllers));
    let ours = list(wanted).iter().map(|entry| {
        let stored = before.iter().find(|it| kind.same_entry(it, entry));
        let stored = stored.map_or(&Value::Null, |it| &it["conditions"]);
        let mut entry = entry.clone();
        entry["conditions"] = conditions(stored, &entry["conditions"], now);
        entry
    });
    others.cloned().chain(ours).take(kind.count_max).collect()
}

fn is_of(entry: &Value, controllers: &[String]) -> bool {
    let name = entry["controllerName"].as_str();
    name.is_some_and(|name| controllers.iter().any(|it| it == name))
}

fn listeners(before: &Value, wanted: &Value, now: &str) -> Value {
    let before = list(before);
    let listeners = list(wanted).iter().map(|listener| {
        let stored = before.iter().find(|it| it["name"] == listener["name"]);
        let stored = stored.map_or(&Value::Null, |it| &it["conditions"]);
        let mut listener = listener.clone();
        listener["conditions"] = conditions(stored, &listener["conditions"], now);
        listener
    });
    listeners.collect()
}

/// The wanted conditions, each with the time of its last transition.
fn conditions(before: &Value, wanted: &Value, now: &str) -> Value {
    let before = list(before);
    let conditions = list(wanted).iter().map(|condition| {
        let stored = before.iter().find(|it| it["type"] == condition["type"]);
        let time = stored
            .filter(|it| it["status"] == condition["status"])
            .and_then(|it| it["lastTransitionTime"].as_str());
        let mut condition = condition.clone();
        condition["lastTransitionTime"] = time.unwrap_or(now).into();
        if let Some(message) = condition["message"].as_str()
            && message.len() > MESSAGE_CHARS_MAX
        {
            let cut: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
            condition["message"] = cut.into();
        }
        condition
    });
    conditions.collect()
}

/// With conditions of types that we never set.
fn with_foreign(before: &Value, wanted: Value) -> Value {
    let is_wanted = |kind: &Value| list(&wanted).iter().any(|it| it["type"] == *kind);
    let foreign = list(before).iter().filter(|it| {
        let kind = it["type"].as_str().unwrap_or_default();
        !OURS.contains(&kind) && !is_wanted(&it["type"])
    });
    let foreign: Vec<Value> = foreign.cloned().collect();
    list(&wanted).iter().cloned().chain(foreign).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests;
