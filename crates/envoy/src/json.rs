//! Protobuf JSON of Envoy's messages, `Any` opened: for dumps, goldens and the bootstrap.

use std::sync::OnceLock;

use prost::{Message, Name};
use prost_reflect::{
    DescriptorError, DescriptorPool, DynamicMessage, ReflectMessage, SerializeOptions,
};
use serde_json::{Map, Value};

use crate::cel_match;

/// The descriptor set of the `envoy-types` version that is compiled in (see `build.rs`).
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Why a message and its JSON form could not be turned into each other.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The descriptor set cannot be read.
    #[error("descriptor set of the envoy protobuf crate: {0}")]
    Descriptors(String),
    /// The message's type, or the type within an `Any`, is not in the descriptor set.
    #[error("message type {0} is not in the descriptor set")]
    UnknownType(String),
    /// The bytes are not a message of that type.
    #[error("message of type {name}: {source}")]
    Encoding {
        /// Full protobuf name.
        name: String,
        /// What is wrong.
        #[source]
        source: prost::DecodeError,
    },
    /// The message has no JSON form, or the JSON is not one of that type.
    #[error("protobuf JSON of type {name}: {source}")]
    Json {
        /// Full protobuf name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// A message as protobuf JSON with the field names of the `.proto` files; objects have their
/// keys sorted, so equal messages give equal text.
///
/// # Errors
/// If an `Any` in it has an unknown type.
pub fn to_json<T: Message + Name>(message: &T) -> Result<Value, JsonError> {
    let mut dynamic = dynamic_message(&T::full_name())?;
    dynamic
        .transcode_from(message)
        .map_err(|source| JsonError::Encoding {
            name: T::full_name(),
            source,
        })?;
    let options = SerializeOptions::new().use_proto_field_name(true);
    let value = dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|source| JsonError::Json {
            name: T::full_name(),
            source,
        })?;
    Ok(sorted(value))
}

/// A message from its protobuf JSON.
///
/// # Errors
/// If the JSON has unknown fields, values of a wrong type, or an `Any` of an unknown type.
pub fn from_json<T: Message + Name + Default>(value: Value) -> Result<T, JsonError> {
    let descriptor = dynamic_message(&T::full_name())?.descriptor();
    let dynamic =
        DynamicMessage::deserialize(descriptor, value).map_err(|source| JsonError::Json {
            name: T::full_name(),
            source,
        })?;
    dynamic
        .transcode_to()
        .map_err(|source| JsonError::Encoding {
            name: T::full_name(),
            source,
        })
}

fn dynamic_message(name: &str) -> Result<DynamicMessage, JsonError> {
    static POOL: OnceLock<Result<DescriptorPool, String>> = OnceLock::new();
    let pool = POOL
        .get_or_init(|| read_descriptors().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| JsonError::Descriptors(error.clone()))?;
    pool.get_message_by_name(name)
        .map(DynamicMessage::new)
        .ok_or_else(|| JsonError::UnknownType(name.to_string()))
}

fn read_descriptors() -> Result<DescriptorPool, DescriptorError> {
    let mut pool = DescriptorPool::decode(DESCRIPTORS)?;
    pool.add_file_descriptor_proto(cel_match::descriptors())?;
    Ok(pool)
}

/// Sorts the keys of all objects: protobuf maps have no order of their own.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let entries = entries.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Metadata, TypedExtensionConfig};
    use crate::route::{Route, RouteMatch, route_match::PathSpecifier};
    use crate::{pack, router::Router, typed_extension};

    #[test]
    fn a_message_with_an_any_survives_the_way_to_json_and_back() {
        let route = Route {
            name: "r".to_string(),
            r#match: Some(RouteMatch {
                path_specifier: Some(PathSpecifier::Prefix("/".to_string())),
                ..RouteMatch::default()
            }),
            typed_per_filter_config: [("f".to_string(), pack(&Router::default()))].into(),
            metadata: Some(Metadata::default()),
            ..Route::default()
        };
        let json = to_json(&route).unwrap();
        assert_eq!(
            json["typed_per_filter_config"]["f"]["@type"],
            "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
        );
        assert_eq!(from_json::<Route>(json).unwrap(), route);
    }

    #[test]
    fn an_any_of_an_unknown_type_is_an_error_that_names_it() {
        let mut extension: TypedExtensionConfig = typed_extension("x", &Router::default());
        extension.typed_config = extension.typed_config.map(|mut any| {
            any.type_url = "type.googleapis.com/no.such.Type".to_string();
            any
        });
        let error = to_json(&extension).unwrap_err();
        assert!(
            error.to_string().contains("TypedExtensionConfig"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_field_in_json_is_refused() {
        let error = from_json::<Route>(serde_json::json!({"nmae": "r"})).unwrap_err();
        assert!(format!("{error}").contains("nmae"), "{error}");
    }
}
