//! A translation with a memo is the translation without, whatever was translated before.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_crds::parse_object;
use tollgate_ir as ir;

use super::Memo;
use crate::status::ObjectRef;
use crate::tests::standalone;
use crate::{
    CONTROLLER_NAME, Cluster, Mode, Options, Translation, World, translate, translate_again,
};

/// What is done to a snapshot: an object comes, in one of several forms, or goes.
#[derive(Clone, Debug)]
struct Edit {
    kind: usize,
    name: usize,
    form: usize,
    goes: bool,
}

/// Makes an object of this name and form.
type Make = fn(&str, usize) -> Value;

/// Of each kind that routes, what they refer to, or what is said of them depends on.
const KINDS: [Make; 14] = [
    http_route,
    grpc_route,
    ai_route,
    compact_route,
    service,
    slice,
    backend,
    service_backend,
    secret,
    grant,
    traffic_policy,
    budget,
    listeners,
    security_policy,
];

const NAMES: [&str; 3] = ["a", "b", "c"];
const FORMS: usize = 4;

fn object(api: &str, kind: &str, name: &str, spec: Value) -> Value {
    let mut object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}});
    object["spec"] = spec;
    object
}

fn in_namespace(mut object: Value, namespace: &str) -> Value {
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn http_route(name: &str, form: usize) -> Value {
    let backend = match form {
        0 => json!({"name": "a", "port": 80}),
        1 => json!({"name": "b", "port": 80, "namespace": "other"}),
        2 => json!({"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "a"}),
        _ => json!({"name": "missing", "port": 80}),
    };
    object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        name,
        json!({
            "parentRefs": [{"name": "gw", "sectionName": if form == 3 { "second" } else { "first" }}],
            "hostnames": [format!("{name}.example.com")],
            "rules": [
                {"name": "one", "backendRefs": [backend]},
                {"matches": [{"path": {"value": format!("/{form}")}}], "backendRefs": [backend]},
            ],
        }),
    )
}

fn grpc_route(name: &str, form: usize) -> Value {
    object(
        "gateway.networking.k8s.io/v1",
        "GRPCRoute",
        name,
        json!({
            "parentRefs": [{"name": "gw"}],
            // Those of HTTPRoutes too: the older route has them.
            "hostnames": [format!("{}.example.com", NAMES[form % NAMES.len()])],
            "rules": [{"backendRefs": [{"name": "a", "port": 80}]}],
        }),
    )
}

fn ai_route(name: &str, form: usize) -> Value {
    let model = if form == 2 { "shared" } else { name };
    object(
        "aigateway.envoyproxy.io/v1beta1",
        "AIGatewayRoute",
        name,
        json!({
            "parentRefs": [{"name": "gw"}],
            "rules": [{
                "name": "one",
                "matches": [{"headers": [{"name": "x-ai-eg-model", "value": model}]}],
                "backendRefs": [{"name": NAMES[form % NAMES.len()]}],
            }],
        }),
    )
}

fn compact_route(name: &str, form: usize) -> Value {
    let limit = json!({"tokenBudget": {"perDay": 10}});
    let mut spec = json!({
        "backends": [{
            "name": "sim", "provider": "openai", "model": format!("{name}-{form}"),
            "auth": {"type": "APIKey", "apiKeyRef": {"name": NAMES[form % NAMES.len()]}},
        }],
    });
    if form == 1 {
        spec["rateLimit"] = limit;
    }
    object(
        "gateway.envoyproxy.io/v1alpha1",
        "AIGatewayRoute",
        name,
        spec,
    )
}

fn service(name: &str, form: usize) -> Value {
    let service = object(
        "v1",
        "Service",
        name,
        json!({"ports": [{"port": 80 + form / 2}]}),
    );
    let namespace = if form.is_multiple_of(2) {
        "default"
    } else {
        "other"
    };
    in_namespace(service, namespace)
}

fn slice(name: &str, form: usize) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [format!("10.0.0.{}", form + 1)]}],
    })
}

fn backend(name: &str, form: usize) -> Value {
    let endpoint = json!({"fqdn": {"hostname": format!("{form}.example.com"), "port": 443}});
    let spec = json!({"endpoints": [endpoint]});
    object("gateway.envoyproxy.io/v1alpha1", "Backend", name, spec)
}

fn service_backend(name: &str, form: usize) -> Value {
    let backend = NAMES[form % NAMES.len()];
    object(
        "aigateway.envoyproxy.io/v1beta1",
        "AIServiceBackend",
        name,
        json!({
            "schema": {"name": "OpenAI"},
            "backendRef": {
                "group": "gateway.envoyproxy.io", "kind": "Backend", "name": backend,
            },
        }),
    )
}

fn secret(name: &str, form: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
        "stringData": {"apiKey": format!("sk-{form}")},
    })
}

fn grant(name: &str, form: usize) -> Value {
    let kind = if form.is_multiple_of(2) {
        "HTTPRoute"
    } else {
        "GRPCRoute"
    };
    let grant = object(
        "gateway.networking.k8s.io/v1beta1",
        "ReferenceGrant",
        name,
        json!({
            "from": [{
                "group": "gateway.networking.k8s.io", "kind": kind, "namespace": "default",
            }],
            "to": [{"group": "", "kind": "Service"}],
        }),
    );
    in_namespace(grant, "other")
}

fn traffic_policy(name: &str, form: usize) -> Value {
    let target = match form {
        0 => json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}),
        1 => json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}),
        2 => json!({
            "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name,
            "sectionName": "one",
        }),
        _ => json!({"group": "aigateway.envoyproxy.io", "kind": "AIGatewayRoute", "name": name}),
    };
    object(
        "gateway.envoyproxy.io/v1alpha1",
        "BackendTrafficPolicy",
        name,
        json!({
            "targetRefs": [target],
            "rateLimit": {"global": {"rules": [
                {"limit": {"requests": form + 1, "unit": "Minute"}},
            ]}},
        }),
    )
}

fn budget(name: &str, form: usize) -> Value {
    let target = match form {
        0 => json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}),
        1 => json!({"group": "aigateway.envoyproxy.io", "kind": "AIGatewayRoute", "name": name}),
        _ => json!({"group": "aigateway.envoyproxy.io", "kind": "AIServiceBackend", "name": name}),
    };
    let limit = json!({"tokens": form + 1, "window": "Day"});
    object(
        "tollgate.dev/v1alpha1",
        "TokenBudget",
        name,
        json!({"targetRefs": [target], "limits": [limit]}),
    )
}

/// The Gateway itself, whatever the name.
fn listeners(_: &str, form: usize) -> Value {
    let listener =
        |name: &str, port: usize| json!({"name": name, "port": port, "protocol": "HTTP"});
    let listeners = match form {
        0 => vec![listener("first", 80)],
        1 => vec![listener("first", 80), listener("second", 81)],
        2 => vec![listener("second", 80)],
        _ => {
            let mut first = listener("first", 80);
            first["hostname"] = "a.example.com".into();
            vec![first, listener("second", 80)]
        }
    };
    let spec = json!({"gatewayClassName": "tollgate", "listeners": listeners});
    object("gateway.networking.k8s.io/v1", "Gateway", "gw", spec)
}

fn security_policy(name: &str, form: usize) -> Value {
    object(
        "aigateway.envoyproxy.io/v1beta1",
        "BackendSecurityPolicy",
        name,
        json!({
            "targetRefs": [{
                "group": "aigateway.envoyproxy.io", "kind": "AIServiceBackend",
                "name": NAMES[form % NAMES.len()],
            }],
            "type": "APIKey",
            "apiKey": {"secretRef": {"name": name}},
        }),
    )
}

fn class() -> Value {
    let spec = json!({"controllerName": CONTROLLER_NAME});
    object(
        "gateway.networking.k8s.io/v1",
        "GatewayClass",
        "tollgate",
        spec,
    )
}

fn edit() -> impl Strategy<Value = Edit> {
    let parts = (
        0..KINDS.len(),
        0..NAMES.len(),
        0..FORMS,
        prop::bool::weighted(0.25),
    );
    parts.prop_map(|(kind, name, form, goes)| Edit {
        kind,
        name,
        form,
        goes,
    })
}

impl Edit {
    fn make(&self, world: &mut World) {
        let value = KINDS[self.kind](NAMES[self.name], self.form);
        if self.goes {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            let api = text(&value["apiVersion"]);
            let metadata = &value["metadata"];
            world.remove(&ObjectRef {
                group: api
                    .split_once('/')
                    .map_or("", |(group, _)| group)
                    .to_string(),
                kind: text(&value["kind"]),
                namespace: metadata["namespace"].as_str().map(str::to_string),
                name: text(&metadata["name"]),
            });
            return;
        }
        world.insert(parse_object(value).unwrap());
    }
}

fn cluster() -> Options {
    Options {
        mode: Mode::Cluster(Cluster::default()),
        ..standalone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn translation_after_any_edits_is_the_one_from_nothing(
        rounds in prop::collection::vec(prop::collection::vec(edit(), 1..6), 1..12),
        in_cluster in any::<bool>(),
    ) {
        let options = if in_cluster { cluster() } else { standalone() };
        let mut world: World =
            [class(), listeners("", 1)].map(|it| parse_object(it).unwrap()).into_iter().collect();
        let mut memo = Memo::default();
        for edits in &rounds {
            edits.iter().for_each(|edit| edit.make(&mut world));
            // A snapshot, as whoever watches hands it on.
            let snapshot = world.clone();
            let again = translate_again(&mut memo, &snapshot, &options);
            prop_assert_eq!(&again, &translate(&snapshot, &options));
        }
    }
}

/// Routes of each kind that are served.
fn served() -> World {
    let objects = [
        class(),
        listeners("", 0),
        service("a", 0),
        slice("a", 0),
        backend("a", 0),
        service_backend("a", 0),
        secret("a", 0),
        http_route("a", 0),
        http_route("b", 0),
        ai_route("a", 0),
        ai_route("b", 0),
        compact_route("c", 3),
    ];
    objects
        .map(|it| parse_object(it).unwrap())
        .into_iter()
        .collect()
}

fn hosts(translation: &Translation) -> Vec<ir::Shared<ir::VirtualHost>> {
    let listeners = &translation.ir.gateways["default/gw"].listeners;
    let hosts = listeners.iter().flat_map(ir::Listener::virtual_hosts);
    hosts.cloned().collect()
}

#[test]
fn route_that_changes_leaves_all_others_shared() {
    let (options, mut world, mut memo) = (cluster(), served(), Memo::default());
    let before = translate_again(&mut memo, &world, &options);
    world.insert(parse_object(http_route("b", 3)).unwrap());
    world.insert(parse_object(ai_route("b", 1)).unwrap());
    let after = translate_again(&mut memo, &world, &options);
    let (before, after) = (hosts(&before), hosts(&after));
    let of = |hosts: &[ir::Shared<ir::VirtualHost>], domain: &str| {
        let mut hosts = hosts.iter();
        hosts
            .find(|host| host.hostname.domain() == domain)
            .cloned()
            .unwrap()
    };
    let domain = "a.example.com";
    assert!(of(&after, domain).is_same(&of(&before, domain)));
    let rules = |host: ir::Shared<ir::VirtualHost>| host.ai.clone().unwrap().rules;
    let (before, after) = (rules(of(&before, "*")), rules(of(&after, "*")));
    let shared: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(a, b)| a.is_same(b))
        .collect();
    let changed = before.iter().map(|rule| rule.rule.route == "default/b");
    assert!(before.len() == 3 && shared.iter().zip(changed).all(|(shared, it)| *shared != it));
}

#[test]
fn change_of_a_service_reaches_the_routes_that_lead_there() {
    let (options, mut world, mut memo) = (cluster(), served(), Memo::default());
    let before = translate_again(&mut memo, &world, &options);
    world.insert(parse_object(slice("a", 2)).unwrap());
    let after = translate_again(&mut memo, &world, &options);
    assert_ne!(before.ir, after.ir);
    assert_eq!(after, translate(&world, &options));
}
