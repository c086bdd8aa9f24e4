//! Resources as protobuf JSON, for `tollgate translate --to xds` and goldens.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tollgate_envoy as envoy;

use envoy::{JsonError, Message, Name};

use crate::Resources;

/// All resources: `{"listeners": {name: {…}}, "routes": …, "clusters": …, "endpoints": …,
/// "secrets": …}`. Holds no key: `secrets` are trusted authorities.
///
/// # Errors
/// If a resource holds an `Any` that the descriptor set does not know: never for those of
/// `build`.
pub fn resources_json(resources: &Resources) -> Result<Value, JsonError> {
    let Resources {
        listeners,
        routes,
        clusters,
        endpoints,
        secrets,
    } = resources;
    Ok(json!({
        "listeners": by_name(listeners)?,
        "routes": by_name(routes)?,
        "clusters": by_name(clusters)?,
        "endpoints": by_name(endpoints)?,
        "secrets": by_name(secrets)?,
    }))
}

fn by_name<T: Message + Name>(resources: &BTreeMap<String, T>) -> Result<Value, JsonError> {
    let entries: Result<Map<_, _>, _> = resources
        .iter()
        .map(|(name, resource)| Ok((name.clone(), envoy::to_json(resource)?)))
        .collect();
    entries.map(Value::Object)
}
