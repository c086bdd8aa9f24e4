//! Small protobuf values: durations, wrappers, metadata, matchers, addresses.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use tollgate_envoy as envoy;

use envoy::core::{Address, Metadata, address, config_source};
use envoy::matcher::{RegexMatcher, StringMatcher, string_matcher::MatchPattern};
use envoy::well_known::{Any, BoolValue, Duration, Struct, UInt32Value, UInt64Value, Value, value};
use envoy::xds_core::TypedExtensionConfig;
use envoy::{Message, Name};

pub(super) fn duration_ms(ms: u64) -> Duration {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    // Below 1000 × 10⁶, so it always fits.
    let nanos = i32::try_from(ms % 1000 * 1_000_000).unwrap_or(0);
    Duration { seconds, nanos }
}

pub(super) fn yes() -> Option<BoolValue> {
    Some(BoolValue { value: true })
}

pub(super) fn uint32(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub(super) fn uint64(value: u64) -> Option<UInt64Value> {
    Some(UInt64Value { value })
}

pub(super) fn exact(text: &str) -> StringMatcher {
    string_matcher(MatchPattern::Exact(text.to_string()))
}

pub(super) fn prefix(text: &str) -> StringMatcher {
    string_matcher(MatchPattern::Prefix(text.to_string()))
}

pub(super) fn regex(expression: &str) -> RegexMatcher {
    RegexMatcher {
        regex: expression.to_string(),
        ..RegexMatcher::default()
    }
}

pub(super) fn string_matcher(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..StringMatcher::default()
    }
}

/// Filter metadata with one entry: `{namespace: {key: text}}`.
pub(super) fn metadata(namespace: &str, key: &str, text: &str) -> Metadata {
    Metadata {
        filter_metadata: [(namespace.to_string(), single_field(key, text))].into(),
        ..Metadata::default()
    }
}

/// A `Struct` with one text field.
pub(super) fn single_field(key: &str, text: &str) -> Struct {
    let value = Value {
        kind: Some(value::Kind::StringValue(text.to_string())),
    };
    Struct {
        fields: [(key.to_string(), value)].into(),
    }
}

/// Configurations of filters for a route, in an order of their own: they are encoded in the order
/// in which the map gives them, and the version of a resource is a hash of its encoding. The order
/// of a map depends on the seed that it was made with, so one with a fitting seed is looked for.
pub(super) fn filter_configs(
    configs: impl IntoIterator<Item = (impl Into<String>, Any)>,
) -> HashMap<String, Any> {
    let configs = configs.into_iter();
    let configs: BTreeMap<String, Any> = configs
        .map(|(name, config)| (name.into(), config))
        .collect();
    loop {
        let map: HashMap<String, Any> = configs
            .iter()
            .map(|(name, config)| (name.clone(), config.clone()))
            .collect();
        if map.keys().is_sorted() {
            return map;
        }
    }
}

pub(super) fn socket_address(host: &str, port: u16) -> Address {
    let address = envoy::core::SocketAddress {
        address: host.to_string(),
        port_specifier: Some(envoy::core::socket_address::PortSpecifier::PortValue(
            port.into(),
        )),
        ..envoy::core::SocketAddress::default()
    };
    Address {
        address: Some(address::Address::SocketAddress(address)),
    }
}

pub(super) fn pipe(path: &Path) -> Address {
    let pipe = envoy::core::Pipe {
        path: path.to_string_lossy().into_owned(),
        mode: 0,
    };
    Address {
        address: Some(address::Address::Pipe(pipe)),
    }
}

/// "Ask the aggregated stream", without giving up: a listener waits until its routes are there.
pub(super) fn ads() -> envoy::core::ConfigSource {
    envoy::core::ConfigSource {
        initial_fetch_timeout: Some(duration_ms(0)),
        resource_api_version: envoy::core::ApiVersion::V3.into(),
        config_source_specifier: Some(config_source::ConfigSourceSpecifier::Ads(
            envoy::core::AggregatedConfigSource {},
        )),
        ..envoy::core::ConfigSource::default()
    }
}

pub(super) fn inline_text(text: &str) -> envoy::core::DataSource {
    envoy::core::DataSource {
        specifier: Some(envoy::core::data_source::Specifier::InlineString(
            text.to_string(),
        )),
        ..envoy::core::DataSource::default()
    }
}

/// A message as an extension of an xDS matcher.
pub(super) fn extension<T: Message + Name>(config: &T) -> TypedExtensionConfig {
    TypedExtensionConfig {
        name: T::full_name(),
        typed_config: Some(envoy::pack(config)),
    }
}
