//! Operations of RFC 6902, one by one, so that one that fails is known by its place.

use serde_json::{Value, json};
use tollgate_ir as ir;

use super::{BootstrapError, bounded};

pub(super) fn apply(
    target: &mut Value,
    operations: &[ir::PatchOperation],
) -> Result<(), BootstrapError> {
    for (position, operation) in operations.iter().enumerate() {
        let failed = |error: String| BootstrapError::Patch { position, error };
        let operation: json_patch::Patch = serde_json::from_value(json!([as_json(operation)]))
            .map_err(|error| failed(error.to_string()))?;
        json_patch::patch(target, &operation).map_err(|error| failed(error.to_string()))?;
        // Copies of copies double each time.
        bounded(target)?;
    }
    Ok(())
}

fn as_json(operation: &ir::PatchOperation) -> Value {
    match operation {
        ir::PatchOperation::Add { path, value } => {
            json!({"op": "add", "path": path, "value": value})
        }
        ir::PatchOperation::Remove { path } => json!({"op": "remove", "path": path}),
        ir::PatchOperation::Replace { path, value } => {
            json!({"op": "replace", "path": path, "value": value})
        }
        ir::PatchOperation::Move { from, path } => {
            json!({"op": "move", "from": from, "path": path})
        }
        ir::PatchOperation::Copy { from, path } => {
            json!({"op": "copy", "from": from, "path": path})
        }
        ir::PatchOperation::Test { path, value } => {
            json!({"op": "test", "path": path, "value": value})
        }
    }
}
