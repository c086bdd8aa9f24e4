//! The one crate that names the Envoy protobuf crate: its types under short names, packing into
//! `Any`, and protobuf JSON. Read by whoever builds xDS or serves one of Envoy's gRPC APIs.

#![forbid(unsafe_code)]

mod any;
mod cel_match;
mod json;
mod sorted;
mod types;

pub use any::{pack, typed_extension};
pub use cel_match::{CelMatcher, HttpAttributesCelMatchInput};
pub use json::{JsonError, from_json, to_json};
pub use prost::{Message, Name};
pub use sorted::{SortedAttributes, SortedFileLog};
pub use types::*;
