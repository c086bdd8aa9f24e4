//! CRDs as YAML files: what `make crds` writes to `crds/` and `tollgate crds` prints.

use serde_json::{Map, Value};

use crate::crd::CRDS;

const HEADER: &str = "# Made from the Rust types in crds/src by `make crds`.\n---\n";

/// Every CRD as (file name, text), by file name; the same on every run.
pub fn yaml_files() -> Vec<(&'static str, String)> {
    CRDS.iter()
        .map(|crd| (crd.file, format!("{HEADER}{}", to_yaml(crd.to_json()))))
        .collect()
}

fn to_yaml(crd: Value) -> String {
    // A value with string keys always has a YAML form; an empty text would fail the test that
    // compares the files.
    serde_saphyr::to_string(&sorted(crd)).unwrap_or_default()
}

/// With fields in alphabetical order, whatever map `serde_json` was built with.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut fields: Vec<_> = object.into_iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}
