//! Merging of JSON: RFC 7386, and as Kubernetes merges its own objects.
//!
//! Used for an EnvoyProxy on top of another, and by `tollgate-fleet` for the patches in them.

use serde_json::{Map, Value};

/// Lists whose items are found again by a field (`patchMergeKey` of Kubernetes' types).
const KEYS: [(&str, &str); 16] = [
    ("claims", "name"),
    ("containers", "name"),
    ("env", "name"),
    ("ephemeralContainers", "name"),
    ("hostAliases", "ip"),
    ("imagePullSecrets", "name"),
    ("initContainers", "name"),
    ("ownerReferences", "uid"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("secrets", "name"),
    ("topologySpreadConstraints", "topologyKey"),
    ("volumeDevices", "devicePath"),
    ("volumeMounts", "mountPath"),
    ("volumes", "name"),
    // What is modified of a Service: its ports; a container's have another key.
    ("ports", "port"),
];
/// Lists of texts that are joined.
const JOINED: [&str; 1] = ["finalizers"];

const DIRECTIVE: &str = "$patch";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
const ELEMENT_ORDER: &str = "$setElementOrder/";
const RETAIN_KEYS: &str = "$retainKeys";

/// RFC 7386: objects are merged, `null` removes, everything else replaces.
pub fn json_merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let mut merged = object_of(target);
    for (field, value) in patch {
        if value.is_null() {
            merged.remove(field);
        } else {
            json_merge(merged.entry(field).or_insert(Value::Null), value);
        }
    }
    *target = Value::Object(merged);
}

/// As `kubectl patch --type strategic`: like [`json_merge`], but items of lists that have a key
/// are merged one by one, and `$patch`, `$retainKeys` and `$deleteFromPrimitiveList/…` say more.
pub fn strategic_merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    let mut merged = match directive(patch) {
        Some("delete") => return *target = Value::Null,
        Some("replace") => Map::new(),
        _ => object_of(target),
    };
    merge_fields(&mut merged, patch);
    *target = Value::Object(merged);
}

fn merge_fields(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(Value::Array(kept)) = patch.get(RETAIN_KEYS) {
        target.retain(|field, _| kept.iter().any(|it| it == field));
    }
    for (field, value) in patch {
        if let Some(list) = field.strip_prefix(DELETE_FROM) {
            remove_items(target.get_mut(list), value);
        } else if field == DIRECTIVE || field == RETAIN_KEYS || field.starts_with(ELEMENT_ORDER) {
            // Said of this object, and heeded above; the order of elements stays the target's.
        } else {
            merge_field(target, field, value);
        }
    }
}

fn merge_field(target: &mut Map<String, Value>, field: &str, value: &Value) {
    match value {
        Value::Null => {
            target.remove(field);
        }
        Value::Object(patch) if directive(patch) == Some("delete") => {
            target.remove(field);
        }
        Value::Array(items) => {
            let list = target.entry(field).or_insert(Value::Null);
            merge_list(field, list, items);
        }
        value => strategic_merge(target.entry(field).or_insert(Value::Null), value),
    }
}

fn merge_list(field: &str, target: &mut Value, patch: &[Value]) {
    let replaces = patch.iter().any(|item| {
        item.as_object().and_then(directive) == Some("replace") && item_has_only_directive(item)
    });
    let present = match target.take() {
        Value::Array(items) if !replaces => items,
        _ => Vec::new(),
    };
    let merged = match key_of(field, patch) {
        _ if JOINED.contains(&field) => joined(present, patch),
        Some(key) => merged_by_key(present, patch, key),
        None => patch.iter().map(without_directives).collect(),
    };
    *target = Value::Array(merged);
}

fn merged_by_key(mut present: Vec<Value>, patch: &[Value], key: &str) -> Vec<Value> {
    for item in patch.iter().filter(|item| !item_has_only_directive(item)) {
        let deletes = item.as_object().and_then(directive) == Some("delete");
        let found = present.iter().position(|it| is_same(it, item, key));
        match found {
            Some(index) if deletes => {
                present.remove(index);
            }
            Some(index) => {
                if let Some(old) = present.get_mut(index) {
                    strategic_merge(old, item);
                }
            }
            None if deletes => {}
            None => present.push(without_directives(item)),
        }
    }
    present
}

fn joined(mut present: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    for item in patch {
        if !present.contains(item) {
            present.push(item.clone());
        }
    }
    present
}

/// The same key; and of two ports of one number the one of the same protocol, where it is named.
fn is_same(present: &Value, item: &Value, key: &str) -> bool {
    let protocol = item.get("protocol").filter(|_| key.ends_with("ort"));
    item.get(key).is_some()
        && item.get(key) == present.get(key)
        && protocol.is_none_or(|it| it == present.get("protocol").unwrap_or(&"TCP".into()))
}

/// The field by which the items of a list are found again; `None` replaces the list.
fn key_of(field: &str, patch: &[Value]) -> Option<&'static str> {
    if field == "ports" && patch.iter().any(|item| item.get("containerPort").is_some()) {
        return Some("containerPort");
    }
    let objects = patch.iter().all(Value::is_object);
    let (_, key) = KEYS.iter().find(|(list, _)| *list == field)?;
    objects.then_some(*key)
}

fn remove_items(target: Option<&mut Value>, removed: &Value) {
    if let (Some(Value::Array(items)), Value::Array(removed)) = (target, removed) {
        items.retain(|item| !removed.contains(item));
    }
}

fn directive(object: &Map<String, Value>) -> Option<&str> {
    object.get(DIRECTIVE)?.as_str()
}

fn item_has_only_directive(item: &Value) -> bool {
    item.as_object()
        .is_some_and(|object| object.len() == 1 && object.contains_key(DIRECTIVE))
}

/// What a patch adds where nothing was.
fn without_directives(patch: &Value) -> Value {
    let mut value = Value::Null;
    strategic_merge(&mut value, patch);
    value
}

/// The object that a value is, or an empty one.
fn object_of(value: &mut Value) -> Map<String, Value> {
    match value.take() {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
