//! From an object as the API server sends it to one for the snapshot, or to what is wrong with
//! it. Pure.

use serde_json::Value;
use tollgate_crds::{Kind, Object, Scope, envoy_gateway, parse_object, read_trusted, tollgate};
use tollgate_translate::ObjectRef;

use super::broken::{BrokenObject, rules_of};
use super::raw::Raw;
use super::stored::Stored;

/// Most that the entries of a ConfigMap or Secret may hold together. As much as etcd takes.
const DATA_BYTES_MAX: usize = 1024 * 1024;

/// An object that was read.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Which one.
    pub(crate) object: ObjectRef,
    /// What a writer of statuses must know of it.
    pub(crate) stored: Stored,
    /// What it says.
    pub(crate) content: Content,
}

/// What an object says.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// It can be used.
    Usable(Box<Object>),
    /// It cannot.
    Broken(BrokenObject),
}

/// Name of an object of a kind.
pub(crate) fn object_ref(kind: &Kind, raw: &Raw) -> ObjectRef {
    let namespace = match kind.scope {
        Scope::Cluster => None,
        Scope::Namespaced => raw.metadata.namespace.clone(),
    };
    ObjectRef {
        group: kind.group.to_string(),
        kind: kind.kind.to_string(),
        namespace,
        name: raw.metadata.name.clone().unwrap_or_default(),
    }
}

/// Reads an object of `kind`, which was watched in `version`. What changes without its author
/// (status, resource version) is not part of what it says.
pub(crate) fn read(kind: &'static Kind, version: &str, raw: Raw) -> Item {
    let object = object_ref(kind, &raw);
    let Raw { metadata, mut body } = raw;
    let status = body.as_object_mut().and_then(|body| {
        // Objects in a list of a built-in kind do not say what they are.
        body.insert("apiVersion".to_string(), kind.api_version(version).into());
        body.insert("kind".to_string(), kind.kind.into());
        body.remove("status")
    });
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
    let stored = Stored {
        version: version.to_string(),
        uid: metadata.uid.unwrap_or_default(),
        resource_version: metadata.resource_version.unwrap_or_default(),
        status: status.unwrap_or(Value::Null),
    };
    Item {
        content: content(kind, &object, body),
        object,
        stored,
    }
}

fn content(kind: &'static Kind, object: &ObjectRef, body: Value) -> Content {
    let bytes = data_bytes(&body);
    if bytes > DATA_BYTES_MAX {
        let message = format!("data: holds {bytes} bytes, at most {DATA_BYTES_MAX} are read");
        return Content::Broken(BrokenObject::new(object.clone(), &body, &message));
    }
    // The reader takes the body; this is what is left of it if it is refused.
    let skeleton = BrokenObject::new(object.clone(), &body, "");
    let read = if is_ours(kind) {
        parse_object(body)
    } else {
        read_trusted(kind, body)
    };
    match read {
        Ok(object) => Content::Usable(Box::new(object)),
        Err(error) => Content::Broken(skeleton.because(&rules_of(&error))),
    }
}

/// Kinds whose rules are ours alone: an API server may have an older CRD than this program.
fn is_ours(kind: &Kind) -> bool {
    kind.group == tollgate::GROUP
        || (kind.group == envoy_gateway::GROUP && kind.kind == "AIGatewayRoute")
}

fn data_bytes(body: &Value) -> usize {
    let entries = ["data", "binaryData"].into_iter();
    let entries = entries
        .filter_map(|field| body[field].as_object())
        .flatten();
    entries
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum()
}

#[cfg(test)]
mod tests;
