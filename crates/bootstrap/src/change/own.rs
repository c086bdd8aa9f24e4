//! What is the proxies' own in a bootstrap: without it a proxy gets no configuration, or others
//! could stop it.

use serde_json::Value;

use super::BootstrapError;
use crate::base::XDS_CLUSTER;

/// JSON pointers, with the names by which people know the fields.
const OWN: [(&str, &str); 4] = [
    ("/dynamic_resources", "dynamic_resources"),
    ("/node/id", "node.id"),
    ("/node/cluster", "node.cluster"),
    // It can stop Envoy and read its configuration.
    ("/admin/address", "admin.address"),
];
/// Objects whose fields are spelled in one way, since ours are among them.
const SPELLED: [(&str, &str); 4] = [
    ("", ""),
    ("/node", "node."),
    ("/admin", "admin."),
    ("/static_resources", "static_resources."),
];
const CLUSTERS: &str = "/static_resources/clusters";

/// Compares a changed bootstrap with what it was.
pub(super) fn check(before: &Value, changed: &Value) -> Result<(), BootstrapError> {
    if !changed.is_object() {
        return Err(BootstrapError::NoObject);
    }
    for (pointer, prefix) in SPELLED {
        let fields = changed.pointer(pointer).and_then(Value::as_object);
        for field in fields.into_iter().flat_map(|it| it.keys()) {
            if field.contains(|it: char| it.is_ascii_uppercase()) {
                let field = format!("{prefix}{field}");
                return Err(BootstrapError::Spelling { field });
            }
        }
    }
    for (pointer, field) in OWN {
        compare(before.pointer(pointer), changed.pointer(pointer), field)?;
    }
    let field = format!("static_resources.clusters[name={XDS_CLUSTER}]");
    match clusters(changed).as_slice() {
        [only] => compare(clusters(before).first().copied(), Some(*only), &field),
        [] => Err(BootstrapError::Missing { field }),
        [..] => Err(BootstrapError::Own { field }),
    }
}

/// The clusters that are called as ours is.
fn clusters(bootstrap: &Value) -> Vec<&Value> {
    let clusters = bootstrap.pointer(CLUSTERS).and_then(Value::as_array);
    let clusters = clusters.into_iter().flatten();
    clusters.filter(|it| it["name"] == XDS_CLUSTER).collect()
}

fn compare(
    before: Option<&Value>,
    changed: Option<&Value>,
    field: &str,
) -> Result<(), BootstrapError> {
    let field = field.to_string();
    match changed {
        None => Err(BootstrapError::Missing { field }),
        changed if changed != before => Err(BootstrapError::Own { field }),
        Some(_) => Ok(()),
    }
}
