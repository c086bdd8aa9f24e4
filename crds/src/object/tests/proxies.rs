//! EnvoyProxies, good and bad.

use serde_json::{Value, json};

use super::{Object, accept, parse_object};
use crate::envoy_gateway::envoy_proxy::{LogLevel, ServiceType};

fn proxy(spec: Value) -> Value {
    json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy",
        "metadata": {"name": "config"}, "spec": spec})
}

/// A spec with these settings for Kubernetes.
fn kubernetes(settings: Value) -> Value {
    proxy(json!({"provider": {"type": "Kubernetes", "kubernetes": settings}}))
}

fn spec(value: Value) -> crate::envoy_gateway::EnvoyProxySpec {
    match accept(value) {
        Object::EnvoyProxy(proxy) => proxy.spec,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_proxy_logs_warnings_and_nothing_else_is_said() {
    let spec = spec(proxy(json!({})));
    assert_eq!(spec.logging.level["default"], LogLevel::Warn);
    assert_eq!(spec.kubernetes(), None);
}

#[test]
fn a_service_without_a_type_is_one_of_a_load_balancer() {
    let spec = spec(kubernetes(
        json!({"envoyService": {"annotations": {"a": "b"}}}),
    ));
    let service = spec.kubernetes().unwrap().envoy_service.clone().unwrap();
    assert_eq!(service.type_, ServiceType::LoadBalancer);
}

/// What Kubernetes defines itself goes through untouched, numbers and names alike.
#[test]
fn what_kubernetes_defines_is_kept_as_written() {
    let resources = json!({"limits": {"cpu": 2, "memory": "1Gi"}});
    let written = kubernetes(json!({
        "envoyDeployment": {
            "strategy": {"rollingUpdate": {"maxSurge": "25%"}},
            "container": {"resources": resources, "env": [{"name": "A", "value": "1"}]},
            "patch": {"value": {"spec": {"replicas": 3}}},
        },
        "envoyPDB": {"minAvailable": "50%"},
    }));
    let spec = serde_json::to_value(spec(written)).unwrap();
    let deployment = &spec["provider"]["kubernetes"]["envoyDeployment"];
    assert_eq!(deployment["container"]["resources"], resources);
    assert_eq!(deployment["strategy"]["rollingUpdate"]["maxSurge"], "25%");
    assert_eq!(deployment["patch"]["value"]["spec"]["replicas"], 3);
    assert_eq!(
        spec["provider"]["kubernetes"]["envoyPDB"]["minAvailable"],
        "50%"
    );
}

#[test]
fn the_seed_with_tracing_is_read() {
    let spec = spec(proxy(json!({"telemetry": {"tracing": {
        "samplingRate": 100,
        "provider": {"type": "OpenTelemetry", "host": "otel.monitoring", "port": 4317},
    }}})));
    let tracing = spec.telemetry.unwrap().tracing.unwrap();
    assert_eq!(tracing.sampling_rate, Some(100));
    assert_eq!(tracing.provider.port, Some(4317));
}

#[test]
fn proxies_that_contradict_themselves_are_refused_with_the_rule() {
    for (value, rule) in [
        (
            kubernetes(json!({"envoyDeployment": {}, "envoyDaemonSet": {}})),
            "only one of envoyDeployment and envoyDaemonSet",
        ),
        (
            kubernetes(json!({"envoyHpa": {"maxReplicas": 2}, "envoyDaemonSet": {}})),
            "envoyHpa cannot be set with envoyDaemonSet",
        ),
        (
            kubernetes(json!({"envoyHpa": {"minReplicas": 3, "maxReplicas": 2}})),
            "maxReplicas cannot be less than minReplicas",
        ),
        (
            kubernetes(json!({"envoyPDB": {"minAvailable": 1, "maxUnavailable": 1}})),
            "exactly one of minAvailable and maxUnavailable",
        ),
        (
            kubernetes(json!({"envoyService": {"type": "ClusterIP", "loadBalancerIP": "1.2.3.4"}})),
            "loadBalancerIP can only be set for type LoadBalancer",
        ),
        (
            kubernetes(json!({"envoyDeployment": {"container":
                {"image": "a/b:1", "imageRepository": "a/b"}}})),
            "only one of image and imageRepository",
        ),
        (
            kubernetes(json!({"envoyDeployment": {"container": {"image": "a b"}}})),
            "image must be registry/name:tag",
        ),
        (
            proxy(json!({"bootstrap": {"type": "JSONPatch"}})),
            "type JSONPatch needs jsonPatches",
        ),
        (
            proxy(json!({"mergeGateways": true, "mergeBackends": {}})),
            "mergeGateways and mergeBackends cannot both be set",
        ),
        (
            proxy(json!({"filterOrder": [{"name": "envoy.filters.http.wasm"}]})),
            "exactly one of before and after",
        ),
        (
            proxy(json!({"backendTLS": {"minVersion": "1.3", "ciphers": ["A"]}})),
            "ciphers have no effect",
        ),
        (
            proxy(json!({"telemetry": {"accessLog": {"settings": [
                {"sinks": [{"type": "File"}]}]}}})),
            "file must be set for type File",
        ),
        (
            proxy(json!({"telemetry": {"accessLog": {"settings": [
                {"format": {"type": "Text"}, "sinks": [{"type": "File", "file": {"path": "/a"}}]}]}}})),
            "type Text needs text",
        ),
        (
            proxy(json!({"telemetry": {"tracing": {"samplingRate": 1,
                "samplingFraction": {"numerator": 1}, "provider": {}}}})),
            "only one of samplingRate and samplingFraction",
        ),
        (
            proxy(json!({"shutdown": {"drainTimeout": "1 minute"}})),
            "spec.shutdown.drainTimeout",
        ),
        (
            proxy(json!({"dynamicModules": [{"name": "a", "source": {"type": "Remote"}}]})),
            "remote must be set for type Remote",
        ),
    ] {
        let error = parse_object(value.clone()).unwrap_err().to_string();
        assert!(error.contains(rule), "{value}: {error}");
    }
}
