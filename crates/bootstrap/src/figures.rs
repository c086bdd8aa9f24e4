//! Which figures Envoy keeps, and the collectors that it sends them to.

use serde_json::{Map, Value, json};
use tollgate_ir as ir;

const SINK: &str = "envoy.stat_sinks.open_telemetry";
const SINK_TYPE: &str =
    "type.googleapis.com/envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig";
const DETECTOR: &str = "envoy.tracers.opentelemetry.resource_detectors.static_config";
const DETECTOR_TYPE: &str = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig";
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Always kept: a proxy that drains looks at it (`proxy/src/infra/admin.rs`).
const OWN: &str = ".downstream_rq_active";

/// Adds what the settings say to a template.
pub(crate) fn add(template: &mut Value, settings: &ir::Bootstrap) {
    let ir::Bootstrap {
        name: _,
        kept,
        sinks,
        change: _,
    } = settings;
    if !kept.is_empty() {
        let own = ir::NameTest::Suffix(OWN.to_string());
        let patterns: Vec<Value> = kept.iter().chain([&own]).map(pattern).collect();
        template["stats_config"] = json!({
            "stats_matcher": {"inclusion_list": {"patterns": patterns}},
        });
    }
    if !sinks.is_empty() {
        template["stats_sinks"] = sinks.iter().map(build_sink).collect();
        if let Some(clusters) = template["static_resources"]["clusters"].as_array_mut() {
            clusters.extend(sinks.iter().map(|sink| build_cluster(&sink.receiver)));
        }
    }
}

fn pattern(test: &ir::NameTest) -> Value {
    match test {
        ir::NameTest::Exact(text) => json!({"exact": text}),
        ir::NameTest::Prefix(text) => json!({"prefix": text}),
        ir::NameTest::Suffix(text) => json!({"suffix": text}),
        ir::NameTest::Regex(text) => json!({"safe_regex": {"regex": text}}),
    }
}

fn build_sink(sink: &ir::MetricSink) -> Value {
    let ir::MetricSink {
        receiver,
        counters,
        histograms,
        resource_attributes,
    } = sink;
    let headers = receiver.headers.iter();
    let headers: Vec<Value> = headers
        .map(|(name, value)| json!({"key": name, "value": value.expose()}))
        .collect();
    let mut service = json!({"envoy_grpc": {"cluster_name": receiver.cluster}});
    let mut hosts = receiver.destination.endpoints.iter().map(|it| &it.host);
    if let Some(ir::Host::Dns(name)) = hosts.find(|it| matches!(it, ir::Host::Dns(_))) {
        service["envoy_grpc"]["authority"] = json!(name);
    }
    if !headers.is_empty() {
        service["initial_metadata"] = headers.into();
    }
    let mut config = json!({
        "@type": SINK_TYPE,
        "grpc_service": service,
        "report_counters_as_deltas": *counters == ir::Reporting::Delta,
        "report_histograms_as_deltas": *histograms == ir::Reporting::Delta,
    });
    if !resource_attributes.is_empty() {
        config["resource_detectors"] = json!([{
            "name": DETECTOR,
            "typed_config": {"@type": DETECTOR_TYPE, "attributes": resource_attributes},
        }]);
    }
    json!({"name": SINK, "typed_config": config})
}

fn build_cluster(receiver: &ir::Receiver) -> Value {
    let name = &receiver.cluster;
    let endpoints = receiver.destination.endpoints.iter();
    let endpoints: Vec<Value> = endpoints
        .map(|endpoint| {
            let address = match &endpoint.host {
                ir::Host::Dns(name) => name.clone(),
                ir::Host::Ip(address) => address.to_string(),
            };
            let port = endpoint.port;
            json!({"endpoint": {"address": {
                "socket_address": {"address": address, "port_value": port}}}})
        })
        .collect();
    let mut http = Map::new();
    http.insert(
        HTTP_OPTIONS.to_string(),
        json!({
            "@type": format!("type.googleapis.com/{HTTP_OPTIONS}"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }),
    );
    json!({
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "respect_dns_ttl": true,
        // Envoy starts before the name is resolved, or cannot be.
        "wait_for_warm_on_init": false,
        "connect_timeout": "10s",
        "typed_extension_protocol_options": http,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_a_drain_needs_are_kept_whatever_is_asked_for() {
        let mut template = json!({});
        let settings = ir::Bootstrap {
            kept: vec![ir::NameTest::Prefix("cluster.".to_string())],
            ..ir::Bootstrap::default()
        };
        add(&mut template, &settings);
        let patterns = &template["stats_config"]["stats_matcher"]["inclusion_list"]["patterns"];
        assert_eq!(
            patterns,
            &json!([{"prefix": "cluster."}, {"suffix": ".downstream_rq_active"}])
        );
    }
}
