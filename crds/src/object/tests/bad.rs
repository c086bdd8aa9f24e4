//! Objects that break one rule each, and what is said about them.

use serde_json::{Value, json};

use super::super::parse_object;
use super::route;

/// Everything wrong with an object, each as `path: value message`.
fn violations(value: Value) -> Vec<String> {
    match parse_object(value).unwrap_err() {
        super::ObjectError::Invalid { violations, .. } => {
            violations.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(value: Value, expect: &[&str]) {
    assert_eq!(violations(value), expect);
}

fn object(api_version: &str, kind: &str, spec: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec})
}

/// A compact route of one backend with `fields` over a valid one.
fn backend(fields: Value) -> Value {
    let mut backend = json!({"name": "a", "provider": "openai", "model": "m"});
    for (name, value) in fields.as_object().unwrap() {
        backend[name] = value.clone();
    }
    route(json!({"backends": [backend]}))
}

/// A compact route with `fields` beside a valid backend.
fn with(fields: Value) -> Value {
    let mut value = backend(json!({}));
    for (name, field) in fields.as_object().unwrap() {
        value["spec"][name] = field.clone();
    }
    value
}

#[test]
fn a_compact_backend_names_the_field_and_what_it_takes() {
    check(
        backend(json!({"provider": "opnai"})),
        &[
            "spec.backends[0].provider: \"opnai\" must be one of openai, anthropic, azure-openai, \
           openai-compatible, deepseek, fireworks, gemini, groq, mistral, ollama, openrouter, together, xai",
        ],
    );
    check(
        backend(json!({"provider": "azure-openai"})),
        &["spec.backends[0]: endpoint is required for provider azure-openai and openai-compatible"],
    );
    check(
        backend(json!({"apiVersion": "2024-10-21"})),
        &["spec.backends[0]: apiVersion is only for provider azure-openai"],
    );
    check(
        backend(json!({"model": null})),
        &["spec.backends[0].model: is required"],
    );
    check(
        backend(json!({"priority": -1})),
        &["spec.backends[0].priority: -1 must be at least 0"],
    );
    check(
        backend(json!({"weight": 1_000_001})),
        &["spec.backends[0].weight: 1000001 must be at most 1000000"],
    );
    check(
        backend(json!({"priority": "0"})),
        &["spec.backends[0].priority: must be of type integer, is string"],
    );
    check(
        backend(json!({"auth": {"type": "OAuth", "apiKeyRef": {"name": "k"}}})),
        &["spec.backends[0].auth.type: \"OAuth\" must be one of APIKey"],
    );
    let message = &violations(backend(json!({"endpoint": "api.openai.com"})))[0];
    assert!(
        message.starts_with("spec.backends[0].endpoint: \"api.openai.com\" must match ^https?://"),
        "{message}"
    );
}

#[test]
fn a_compact_route_has_backends_with_unique_names() {
    check(
        route(json!({"backends": []})),
        &["spec.backends: must have at least 1 items, has 0"],
    );
    check(route(json!({})), &["spec.backends: is required"]);
    let one = json!({"name": "a", "provider": "openai", "model": "m"});
    check(
        route(json!({"backends": [one, one]})),
        &["spec.backends[1].name: \"a\" is there already: it must be unique in the list"],
    );
    let many: Vec<_> = (0..129)
        .map(|i| json!({"name": format!("b{i}"), "provider": "openai", "model": "m"}))
        .collect();
    check(
        route(json!({"backends": many})),
        &["spec.backends: must have at most 128 items, has 129"],
    );
}

#[test]
fn a_compact_budget_says_how_much_and_in_which_window() {
    let budget = |fields: Value| with(json!({"rateLimit": {"tokenBudget": fields}}));
    check(
        budget(json!({"window": "Day"})),
        &[
            "spec.rateLimit.tokenBudget: at least one of perUser, perSecond, perMinute, perHour, perDay, perWeek or perMonth must be specified",
            "spec.rateLimit.tokenBudget: window is the window of perUser and needs it",
        ],
    );
    check(
        budget(json!({"perUser": 1, "window": "Decade"})),
        &[
            "spec.rateLimit.tokenBudget.window: \"Decade\" must be one of Second, Minute, Hour, Day, Week, Month, Year, Lifetime, Sliding",
        ],
    );
    check(
        budget(json!({"perUser": 1, "window": "Sliding", "meter": "Money", "subject": "Header"})),
        &[
            "spec.rateLimit.tokenBudget: window Sliding is only for a TokenBudget",
            "spec.rateLimit.tokenBudget: meter Requests, Expression and Money are only for a TokenBudget",
            "spec.rateLimit.tokenBudget: subject Header, JWTClaim and ClientCertificate are only for a TokenBudget",
        ],
    );
    check(
        budget(json!({"perMinute": u64::MAX})),
        &[
            "spec.rateLimit.tokenBudget.perMinute: 18446744073709551615 must be at most 9223372036854775807",
        ],
    );
}

#[test]
fn a_retry_is_written_in_one_spelling() {
    check(
        with(json!({"retry": {"perRetryTimeout": "5s", "perRetry": {"timeout": "5s"}}})),
        &[
            "spec.retry: perRetryTimeout and perRetry.timeout are two spellings of one field: set only one",
        ],
    );
    check(
        with(json!({"retry": {"backoff": {}, "backOff": {}}})),
        &[
            "spec.retry: backoff, backOff and perRetry.backOff are spellings of one field: set only one",
        ],
    );
    check(
        with(json!({"retry": {"perRetryTimeout": "5 seconds"}})),
        &["spec.retry.perRetryTimeout: \"5 seconds\" must match ^([0-9]{1,5}(h|m|s|ms)){1,4}$"],
    );
    for retry_on in [
        json!(["sometimes"]),
        json!({"trigers": ["5xx"]}),
        json!("5xx"),
        json!([99999]),
    ] {
        let messages = violations(with(json!({"retry": {"retryOn": retry_on}})));
        assert!(
            messages[0].starts_with("spec.retry.retryOn: must be a list of triggers"),
            "{messages:?}"
        );
    }
}

#[test]
fn routes_attach_to_gateways_only() {
    let refs = json!([{"name": "g"}, {"kind": "Service", "name": "s"}]);
    check(
        with(json!({"parentRefs": refs})),
        &["spec.parentRefs: only Gateway is supported"],
    );
    let spec = json!({"parentRefs": refs, "rules": []});
    check(
        object("aigateway.envoyproxy.io/v1beta1", "AIGatewayRoute", spec),
        &["spec.parentRefs: only Gateway is supported"],
    );
}

#[test]
fn rules_of_an_ai_gateway_route_are_upstreams() {
    let rules = |rules: Value| {
        object(
            "aigateway.envoyproxy.io/v1alpha1",
            "AIGatewayRoute",
            json!({"rules": rules}),
        )
    };
    check(
        rules(json!([{"name": "a"}, {"name": "a"}])),
        &["spec.rules: rule name must be unique within the route"],
    );
    check(
        rules(json!([{"name": "route-not-found"}])),
        &["spec.rules: rule name route-not-found is reserved"],
    );
    check(
        rules(json!([{"backendRefs": [{"name": "a", "kind": "InferencePool"}]}])),
        &["spec.rules[0].backendRefs[0]: group and kind must be specified together"],
    );
    let pool =
        json!({"name": "a", "group": "inference.networking.k8s.io", "kind": "InferencePool"});
    check(
        rules(json!([{"backendRefs": [pool, {"name": "b"}]}])),
        &[
            "spec.rules[0].backendRefs: cannot mix InferencePool and AIServiceBackend references in the same rule",
        ],
    );
    check(
        rules(json!([{"backendRefs": [pool, pool]}])),
        &["spec.rules[0].backendRefs: only one InferencePool backend is allowed per rule"],
    );
    check(
        rules(json!([{"backendRefs": [{"name": "a", "group": "", "kind": "Service"}]}])),
        &[
            "spec.rules[0].backendRefs[0]: only InferencePool of group inference.networking.k8s.io is supported when group and kind are specified",
        ],
    );
    check(
        object(
            "aigateway.envoyproxy.io/v1beta1",
            "AIGatewayRoute",
            json!({"rules": [], "llmRequestCosts": [{"metadataKey": "k", "type": "CEL"}]}),
        ),
        &["spec.llmRequestCosts[0]: cel must be specified when type is CEL"],
    );
}

#[test]
fn an_ai_service_backend_refers_to_a_backend() {
    let spec = |reference: Value| json!({"schema": {"name": "OpenAI"}, "backendRef": reference});
    let check_ref = |reference: Value, expect: &str| {
        check(
            object(
                "aigateway.envoyproxy.io/v1beta1",
                "AIServiceBackend",
                spec(reference),
            ),
            &[expect],
        );
    };
    let rule = "spec.backendRef: backendRef must be a Backend of group gateway.envoyproxy.io";
    check_ref(json!({"name": "svc", "port": 80}), rule);
    check_ref(
        json!({"name": "b", "kind": "Backend", "group": "other"}),
        rule,
    );
    check_ref(
        json!({"name": "b", "kind": "Backend", "group": "gateway.envoyproxy.io", "port": 65536}),
        "spec.backendRef.port: 65536 must be at most 65535",
    );
}

#[test]
fn a_security_policy_has_the_field_of_its_type_and_no_other() {
    let policy = |spec: Value| {
        object(
            "aigateway.envoyproxy.io/v1beta1",
            "BackendSecurityPolicy",
            spec,
        )
    };
    let key = json!({"secretRef": {"name": "k"}});
    check(
        policy(json!({"type": "APIKey"})),
        &["spec: When type is APIKey, only apiKey field should be set"],
    );
    check(
        policy(json!({"type": "AnthropicAPIKey", "anthropicAPIKey": key, "apiKey": key})),
        &["spec: When type is AnthropicAPIKey, only anthropicAPIKey field should be set"],
    );
    check(
        policy(json!({"type": "APIKey", "apiKey": key,
            "targetRefs": [{"group": "", "kind": "Service", "name": "s"}]})),
        &["spec.targetRefs: targetRefs must reference AIServiceBackend or InferencePool resources"],
    );
    check(
        policy(json!({"type": "APIKey", "apiKey": key, "credentialOverride": {}})),
        &[
            "spec.credentialOverride: exactly one of fromRequestHeaders or fromDynamicMetadata must be specified",
        ],
    );
    check(
        policy(
            json!({"type": "AzureCredentials", "azureCredentials": {"clientID": "c", "tenantID": ""}}),
        ),
        &["spec.azureCredentials.tenantID: \"\" must have at least 1 characters, has 0"],
    );
}

#[test]
fn a_backend_endpoint_is_one_of_its_forms() {
    let backend = |spec: Value| object("gateway.envoyproxy.io/v1alpha1", "Backend", spec);
    let fqdn = json!({"fqdn": {"hostname": "a.b", "port": 1}});
    let ip = json!({"ip": {"address": "10.0.0.1", "port": 1}});
    check(
        backend(json!({"endpoints": [{}]})),
        &["spec.endpoints[0]: exactly one of fqdn, ip or unix must be specified"],
    );
    check(
        backend(json!({"endpoints": [fqdn, ip]})),
        &["spec.endpoints: fqdn endpoints cannot be mixed with other endpoint types"],
    );
    check(
        backend(json!({"type": "DynamicResolver", "endpoints": [ip]})),
        &["spec: DynamicResolver type cannot have endpoints specified"],
    );
    check(
        backend(json!({})),
        &["spec: Endpoints type must have endpoints specified"],
    );
    check(
        backend(json!({"endpoints": [ip], "tls": {}})),
        &[
            "spec.tls: must specify either caCertificateRefs or wellKnownCACertificates, or set insecureSkipVerify to true",
        ],
    );
    let wrong = json!([{"fqdn": {"hostname": "http://a.b", "port": 1}}]);
    let message = &violations(backend(json!({"endpoints": wrong})))[0];
    assert!(
        message.starts_with("spec.endpoints[0].fqdn.hostname: \"http://a.b\" must match"),
        "{message}"
    );
}

#[test]
fn a_traffic_policy_names_its_targets_in_one_way_and_its_costs_in_full() {
    let target = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"});
    let policy = |spec: Value| {
        object(
            "gateway.envoyproxy.io/v1alpha1",
            "BackendTrafficPolicy",
            spec,
        )
    };
    let one_way = "spec: exactly one of targetRef and targetRefs, or targetSelectors, must be set";
    check(policy(json!({})), &[one_way]);
    check(
        policy(json!({"targetRef": target, "targetRefs": [target]})),
        &[one_way],
    );
    let service = json!({"group": "", "kind": "Service", "name": "web"});
    check(
        policy(json!({"targetRefs": [service]})),
        &[
            "spec: targetRefs must be Gateways, ListenerSets or routes of group gateway.networking.k8s.io, or AIGatewayRoutes",
        ],
    );
    let rule = |rule: Value| {
        policy(json!({"targetRef": target, "rateLimit": {"global": {"rules": [rule]}}}))
    };
    let limit = json!({"requests": 1, "unit": "Second"});
    check(
        rule(json!({"limit": {"requests": -1, "unit": "Fortnight"}})),
        &[
            "spec.rateLimit.global.rules[0].limit.requests: -1 must be at least 0",
            "spec.rateLimit.global.rules[0].limit.unit: \"Fortnight\" must be one of Second, Minute, Hour, Day, Week, Month, Year",
        ],
    );
    check(
        rule(json!({"limit": limit, "clientSelectors": [{}]})),
        &[
            "spec.rateLimit.global.rules[0].clientSelectors[0]: at least one of headers, methods, path, sourceCIDR and queryParams must be set",
        ],
    );
    check(
        rule(json!({"limit": limit, "cost": {"response": {"from": "Metadata", "number": 1}}})),
        &[
            "spec.rateLimit.global.rules[0].cost.response: from Number needs number, from Metadata needs metadata",
        ],
    );
}

#[test]
fn a_quota_is_of_a_service_backend_and_has_a_bucket() {
    let quota = |spec: Value| object("aigateway.envoyproxy.io/v1alpha1", "QuotaPolicy", spec);
    check(
        quota(json!({"targetRefs": [{"group": "", "kind": "Service", "name": "a"}]})),
        &["spec.targetRefs: targetRefs must be AIServiceBackends of group aigateway.envoyproxy.io"],
    );
    check(
        quota(json!({"perModelQuotas": [{"modelName": "m", "quota": {}}]})),
        &[
            "spec.perModelQuotas[0].quota: at least one of defaultBucket and bucketRules must be set",
        ],
    );
}

#[test]
fn a_consumer_needs_a_key() {
    check(
        object("tollgate.dev/v1alpha1", "Consumer", json!({"apiKeys": []})),
        &["spec.apiKeys: must have at least 1 items, has 0"],
    );
}

#[test]
fn gateway_api_kinds_are_checked_by_their_own_schema() {
    let gateway = |listener: Value| {
        object(
            "gateway.networking.k8s.io/v1",
            "Gateway",
            json!({"gatewayClassName": "c", "listeners": [listener]}),
        )
    };
    check(
        gateway(json!({"name": "a", "protocol": "HTTP"})),
        &["spec.listeners[0].port: is required"],
    );
    check(
        gateway(json!({"name": "a", "protocol": "HTTP", "port": "80"})),
        &["spec.listeners[0].port: must be of type integer, is string"],
    );
    check(
        gateway(json!({"name": "a", "protocol": "HTTP", "port": 80,
            "allowedRoutes": {"namespaces": {"from": "Everywhere"}}})),
        &[
            "spec.listeners[0].allowedRoutes.namespaces.from: \"Everywhere\" must be one of All, Selector, Same",
        ],
    );
}

#[test]
fn names_follow_kubernetes() {
    let named = |metadata: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {}});
    check(named(json!({})), &["metadata.name: is required"]);
    check(
        named(json!({"name": 5})),
        &["metadata.name: must be of type string, is integer; write it in quotes"],
    );
    let upper = &violations(named(json!({"name": "My_Svc", "namespace": "a.b"})));
    assert!(
        upper[0].starts_with("metadata.name: \"My_Svc\" must be lower-case"),
        "{upper:?}"
    );
    assert!(
        upper[1].starts_with("metadata.namespace: \"a.b\" must be lower-case"),
        "{upper:?}"
    );
    check(
        json!({"apiVersion": "v1", "kind": "Service"}),
        &["metadata: is required"],
    );
}

#[test]
fn a_core_kind_names_the_path_of_a_wrong_type() {
    let messages = violations(object(
        "v1",
        "Service",
        json!({"ports": [{"port": "http"}]}),
    ));
    assert!(
        messages[0].starts_with("spec.ports[0].port: invalid type: string"),
        "{messages:?}"
    );
}
