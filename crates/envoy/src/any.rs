//! Packing of messages into `Any` and into Envoy's typed extensions.

use prost::{Message, Name};

use crate::core::TypedExtensionConfig;
use crate::well_known::Any;

/// A message as `Any`, under the type URL that Envoy expects (`type.googleapis.com/…`).
pub fn pack<T: Message + Name>(message: &T) -> Any {
    Any {
        type_url: T::type_url(),
        value: message.encode_to_vec(),
    }
}

/// A message as a named extension.
pub fn typed_extension<T: Message + Name>(name: &str, message: &T) -> TypedExtensionConfig {
    TypedExtensionConfig {
        name: name.to_string(),
        typed_config: Some(pack(message)),
    }
}
