//! What users change: merged, replaced or patched, and checked to have left alone what is the
//! proxies' own.

mod own;
mod patch;

use serde_json::{Map, Value};
use tollgate_ir as ir;

/// Why a change cannot be had. The field is one of the bootstrap's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// It is not what it was.
    #[error("{field} cannot be changed: proxies are reached and configured by it")]
    Own {
        /// Which.
        field: String,
    },
    /// It is not there.
    #[error("{field} is missing: a proxy cannot be reached and configured without it")]
    Missing {
        /// Which.
        field: String,
    },
    /// Protobuf JSON has two spellings for a field; two fields of one name are misread.
    #[error("{field} must be written in lower case, with underscores")]
    Spelling {
        /// Which.
        field: String,
    },
    /// A bootstrap is an object.
    #[error("the bootstrap must be an object")]
    NoObject,
    /// An operation fails.
    #[error("operation {position} cannot be applied: {error}")]
    Patch {
        /// Its place in the list.
        position: usize,
        /// Why.
        error: String,
    },
    /// A change must not fill the memory.
    #[error("the bootstrap has more than {max} values with it")]
    TooLarge {
        /// How many there may be.
        max: usize,
    },
}

/// Values that a bootstrap may have: hundreds of times what ours has.
const VALUES_MAX: usize = 50_000;

/// The template with a change.
pub(crate) fn apply(
    template: &Value,
    change: &ir::BootstrapChange,
) -> Result<Value, BootstrapError> {
    let mut changed = template.clone();
    match change {
        ir::BootstrapChange::Merge(value) => merge(&mut changed, value),
        ir::BootstrapChange::Replace(value) => changed.clone_from(value),
        ir::BootstrapChange::Patch(operations) => patch::apply(&mut changed, operations)?,
    }
    bounded(&changed)?;
    own::check(template, &changed)?;
    Ok(changed)
}

/// As messages of protobuf are merged: objects field by field, lists one behind the other.
fn merge(target: &mut Value, value: &Value) {
    match (target, value) {
        (Value::Object(target), Value::Object(fields)) => {
            for (field, value) in fields {
                merge(target.entry(field).or_insert(Value::Null), value);
            }
        }
        (Value::Array(target), Value::Array(items)) => target.extend(items.iter().cloned()),
        // As in protobuf JSON: as if it were not written.
        (_, Value::Null) => {}
        (target, value) => target.clone_from(value),
    }
}

fn bounded(value: &Value) -> Result<(), BootstrapError> {
    match count(value) > VALUES_MAX {
        true => Err(BootstrapError::TooLarge { max: VALUES_MAX }),
        false => Ok(()),
    }
}

fn count(value: &Value) -> usize {
    let inside: usize = match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => Map::values(fields).map(count).sum(),
        _ => 0,
    };
    1 + inside
}

#[cfg(test)]
mod tests;
