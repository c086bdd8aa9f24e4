//! Messages with maps of more than one entry, whose encoding is the same every time: `envoy-types`
//! has hash maps there, and the version of a resource is a hash of its encoding.
//!
//! They are Envoy's own messages, by name and by field number, with no more fields than are used.

use std::collections::BTreeMap;

use prost::Name;

use crate::core::TypedExtensionConfig;
use crate::well_known::Value;

/// `envoy.extensions.access_loggers.file.v3.FileAccessLog` with a JSON format.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SortedFileLog {
    /// Where lines go.
    #[prost(string, tag = "1")]
    path: String,
    #[prost(message, optional, tag = "5")]
    log_format: Option<SortedFormat>,
}

/// `envoy.config.core.v3.SubstitutionFormatString`.
#[derive(Clone, PartialEq, prost::Message)]
struct SortedFormat {
    #[prost(message, optional, tag = "2")]
    json_format: Option<SortedStruct>,
    #[prost(message, repeated, tag = "6")]
    formatters: Vec<TypedExtensionConfig>,
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, prost::Message)]
struct SortedStruct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

/// `envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SortedAttributes {
    /// By name.
    #[prost(btree_map = "string, string", tag = "1")]
    pub attributes: BTreeMap<String, String>,
}

// === impl SortedFileLog ===

impl SortedFileLog {
    /// Lines in the file `path`, each a JSON object with these fields; `formatters` know the
    /// operators in them that Envoy does not know by itself.
    pub fn new(
        path: &str,
        fields: BTreeMap<String, Value>,
        formatters: Vec<TypedExtensionConfig>,
    ) -> Self {
        Self {
            path: path.to_string(),
            log_format: Some(SortedFormat {
                json_format: Some(SortedStruct { fields }),
                formatters,
            }),
        }
    }
}

impl Name for SortedFileLog {
    const NAME: &'static str = "FileAccessLog";
    const PACKAGE: &'static str = "envoy.extensions.access_loggers.file.v3";

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

// === impl SortedAttributes ===

impl Name for SortedAttributes {
    const NAME: &'static str = "StaticConfigResourceDetectorConfig";
    const PACKAGE: &'static str = "envoy.extensions.tracers.opentelemetry.resource_detectors.v3";

    fn type_url() -> String {
        format!("type.googleapis.com/{}", Self::full_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_log::{AccessLog, access_log::ConfigType};
    use crate::well_known::value::Kind;
    use crate::{pack, to_json};

    #[test]
    fn fields_of_a_json_log_are_encoded_in_their_order_and_are_envoys_own() {
        let fields: BTreeMap<String, Value> = ["b", "c", "a"]
            .map(|name| {
                let kind = Some(Kind::StringValue(format!("%{name}%")));
                (name.to_string(), Value { kind })
            })
            .into();
        let log = SortedFileLog::new("/dev/stdout", fields, Vec::new());
        assert_eq!(pack(&log), pack(&log.clone()));
        let log = AccessLog {
            name: "n".to_string(),
            filter: None,
            config_type: Some(ConfigType::TypedConfig(pack(&log))),
        };
        let json = to_json(&log).unwrap();
        assert_eq!(json["typed_config"]["path"], "/dev/stdout");
        let format = &json["typed_config"]["log_format"]["json_format"];
        assert_eq!(
            format,
            &serde_json::json!({"a": "%a%", "b": "%b%", "c": "%c%"})
        );
    }
}
