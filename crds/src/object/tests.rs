//! What is read of objects, good and bad.

use serde_json::{Value, json};

use super::{Object, ObjectError, parse_object, parse_object_with_warnings, schema};
use crate::kinds::KINDS;

mod bad;
mod budget;
mod good;
mod proxies;
mod secrets;
mod seeds;

#[track_caller]
fn accept(value: Value) -> Object {
    parse_object(value).unwrap_or_else(|error| panic!("{error}"))
}

fn route(spec: Value) -> Value {
    json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "AIGatewayRoute",
        "metadata": {"name": "llm"}, "spec": spec})
}

#[test]
fn every_schema_uses_only_keywords_that_the_validator_knows() {
    for (index, kind) in KINDS.iter().enumerate() {
        let schema = schema(index, kind).unwrap();
        assert_eq!(schema.is_some(), kind.definition.is_some(), "{}", kind.kind);
    }
}

#[test]
fn rows_agree_with_the_definitions_they_name() {
    for kind in &KINDS {
        let Some(definition) = kind.definition else {
            continue;
        };
        let spec = definition().spec;
        assert_eq!(
            (spec.group.as_str(), spec.names.kind.as_str()),
            (kind.group, kind.kind)
        );
        assert_eq!(spec.names.plural, kind.plural);
        let version = spec.versions[0].name.as_str();
        assert!(kind.versions.contains(&version), "{}", kind.kind);
    }
}

#[test]
fn an_object_without_a_namespace_is_in_default() {
    let object = accept(route(
        json!({"backends": [{"name": "a", "provider": "openai", "model": "m"}]}),
    ));
    assert_eq!(
        (object.namespace(), object.name()),
        (Some("default"), "llm")
    );
    assert_eq!(
        object.group_kind(),
        ("gateway.envoyproxy.io", "AIGatewayRoute")
    );
}

#[test]
fn a_cluster_scoped_object_has_no_namespace() {
    let object = accept(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "tollgate", "namespace": "x"}, "spec": {"controllerName": "tollgate.dev/gateway"},
    }));
    assert_eq!((object.namespace(), object.name()), (None, "tollgate"));
}

#[test]
fn defaults_are_in_place_and_nulls_are_absent() {
    let object = accept(json!({
        "apiVersion": "tollgate.dev/v1alpha1", "kind": "TokenBudget", "metadata": {"name": "daily"},
        "spec": {"subject": null, "limits": [{"tokens": 0, "window": "Day"}]},
    }));
    let Object::TokenBudget(budget) = object else {
        panic!("{object:?}")
    };
    let spec = serde_json::to_value(&budget.spec).unwrap();
    assert_eq!(
        spec,
        json!({"subject": "User", "meter": "Total", "mode": "Strict", "onStoreFailure": "Closed",
        "limits": [{"tokens": 0, "window": "Day"}]})
    );
}

#[test]
fn both_versions_of_an_ai_gateway_kind_are_read() {
    for version in ["v1alpha1", "v1beta1"] {
        let object = accept(json!({
            "apiVersion": format!("aigateway.envoyproxy.io/{version}"), "kind": "AIGatewayRoute",
            "metadata": {"name": "r"},
            "spec": {"rules": [{"backendRefs": [{"name": "b"}]}]},
        }));
        let Object::AIGatewayRoute(route) = object else {
            panic!("{object:?}")
        };
        let rule = &route.spec.rules[0];
        assert_eq!(
            (rule.backend_refs[0].weight, rule.models_owned_by.as_str()),
            (1, "Envoy AI Gateway")
        );
    }
}

#[test]
fn kinds_and_versions_that_are_not_read_are_named() {
    let error = |api_version: &str, kind: &str| {
        parse_object(json!({"apiVersion": api_version, "kind": kind})).unwrap_err()
    };
    assert_eq!(
        error("apps/v1", "Deployment"),
        ObjectError::UnknownKind {
            api_version: "apps/v1".into(),
            kind: "Deployment".into()
        }
    );
    assert_eq!(
        error("aigateway.envoyproxy.io/v2", "AIGatewayRoute").to_string(),
        "aigateway.envoyproxy.io/v2 AIGatewayRoute is not a version that tollgate reads; it reads \
         aigateway.envoyproxy.io/v1beta1, aigateway.envoyproxy.io/v1alpha1"
    );
    assert_eq!(
        error("v1", "").to_string(),
        "kind must be a string that is not empty"
    );
    assert_eq!(
        parse_object(json!([])).unwrap_err().to_string(),
        "apiVersion must be a string that is not empty"
    );
}

#[test]
fn an_unknown_field_is_a_warning_with_its_path() {
    let (_, warnings) = parse_object_with_warnings(route(json!({
        "backends": [{"name": "a", "provider": "openai", "model": "m", "prioritty": 1}],
        "retry": {"retryOn": {"triggers": ["5xx"]}},
        "extra": {"x": 1},
    })))
    .unwrap();
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "spec.backends[0].prioritty: unknown field, ignored",
            "spec.extra: unknown field, ignored"
        ]
    );
}

#[test]
fn routes_below_http_are_read_in_the_versions_of_both_their_ages() {
    for (kind, versions) in [
        ("TCPRoute", ["v1", "v1alpha2"]),
        ("UDPRoute", ["v1", "v1alpha2"]),
        ("TLSRoute", ["v1", "v1alpha2"]),
    ] {
        for version in versions {
            let object = json!({
                "apiVersion": format!("gateway.networking.k8s.io/{version}"),
                "kind": kind,
                "metadata": {"name": "route"},
                "spec": {"hostnames": ["a.example"], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
            });
            let object = parse_object(object);
            assert_eq!(object.map(|it| it.group_kind().1), Ok(kind), "{version}");
        }
    }
}

/// Gateway API v1.6.3 has no field that the types lack: its lists may be longer than those of
/// the version that the types were made from, and nothing holds them to the old length.
#[test]
fn a_tls_route_may_have_as_many_host_names_as_the_newest_version_allows() {
    let names: Vec<String> = (0..1024).map(|index| format!("a{index}.example")).collect();
    let object = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "TLSRoute",
        "metadata": {"name": "route"},
        "spec": {"hostnames": names, "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    });
    assert!(parse_object(object).is_ok());
}
