//! What Gateways, classes and EnvoyProxies are told about their proxies.

use serde_json::{Value, json};
use tollgate_crds::parse_object;

use crate::status::{Condition, ConditionStatus};
use crate::{
    CONTROLLER_NAME, Cluster, FleetAction, FleetAddress, FleetPlacement, FleetState, Mode,
    NamespacedName, ObjectRef, Options, Status, Translation, World, groups, translate,
};

fn class(parameters: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "tollgate", "generation": 2},
        "spec": {"controllerName": CONTROLLER_NAME, "parametersRef": parameters}})
}

fn gateway(name: &str, spec: Value) -> Value {
    let mut gateway = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "default", "generation": 3},
        "spec": {"gatewayClassName": "tollgate",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}});
    for (field, value) in spec.as_object().unwrap() {
        gateway["spec"][field] = value.clone();
    }
    gateway
}

fn proxy(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyProxy",
        "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

fn reference(name: &str) -> Value {
    json!({"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": name})
}

fn reference_of_class(name: &str) -> Value {
    let mut reference = reference(name);
    reference["namespace"] = "default".into();
    reference
}

fn world(objects: &[Value]) -> World {
    let read = |object: &Value| parse_object(object.clone()).unwrap_or_else(|it| panic!("{it}"));
    objects.iter().map(read).collect()
}

fn translated(world: &World) -> Translation {
    translated_in(world, FleetPlacement::GatewayNamespace)
}

fn translated_in(world: &World, placement: FleetPlacement) -> Translation {
    let options = Options {
        controller_name: CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: Mode::Cluster(Cluster {
            placement,
            ..Cluster::default()
        }),
    };
    translate(world, &options)
}

fn status<'a>(translation: &'a Translation, kind: &str, name: &str) -> &'a Status {
    let object = match kind {
        "GatewayClass" => ObjectRef::cluster_wide(groups::GATEWAY_API, kind, name),
        "Gateway" => {
            let name = NamespacedName::new("default", name);
            ObjectRef::namespaced(groups::GATEWAY_API, kind, &name)
        }
        kind => {
            let name = NamespacedName::new("default", name);
            ObjectRef::namespaced(groups::ENVOY_GATEWAY, kind, &name)
        }
    };
    translation.statuses.of(&object).unwrap()
}

fn condition<'a>(conditions: &'a [Condition], kind: &str) -> &'a Condition {
    conditions.iter().find(|it| it.kind == kind).unwrap()
}

fn ip(address: &str) -> FleetAddress {
    FleetAddress::IPAddress(address.to_string())
}

fn running() -> FleetState {
    FleetState {
        addresses: vec![ip("10.99.1.1")],
        ready_replicas: 1,
        acknowledged: true,
        problem: None,
    }
}

/// `Programmed` of a Gateway with these wishes, whose fleet is in this state.
fn programmed(spec: Value, state: Option<FleetState>) -> (Condition, Translation) {
    let mut world = world(&[class(Value::Null), gateway("eg", spec)]);
    let fleet = NamespacedName::new("default", "eg-tollgate");
    world.note_fleet(fleet, state);
    let translation = translated(&world);
    let conditions = &status(&translation, "Gateway", "eg").conditions;
    (condition(conditions, "Programmed").clone(), translation)
}

#[test]
fn gateway_is_programmed_when_a_proxy_that_has_an_address_has_acknowledged() {
    let (condition, translation) = programmed(json!({}), Some(running()));
    assert_eq!(condition.status, ConditionStatus::True);
    assert_eq!(condition.observed_generation, Some(3));
    let status = status(&translation, "Gateway", "eg");
    assert_eq!(status.addresses, [ip("10.99.1.1")]);
    let shown = serde_json::to_value(status).unwrap();
    assert_eq!(
        shown["addresses"],
        json!([{"type": "IPAddress", "value": "10.99.1.1"}])
    );
}

#[test]
fn gateway_is_told_the_first_thing_that_keeps_clients_away() {
    let cases = [
        (None, "Pending", "not there yet"),
        (
            Some(FleetState {
                addresses: Vec::new(),
                problem: Some("no free address".to_string()),
                ..running()
            }),
            "AddressNotAssigned",
            "no address yet: no free address",
        ),
        (
            Some(FleetState {
                ready_replicas: 0,
                problem: Some("image not found".to_string()),
                ..running()
            }),
            "NoResources",
            "no proxy is ready: image not found",
        ),
        (
            Some(FleetState {
                acknowledged: false,
                ..running()
            }),
            "Pending",
            "no proxy has put the configuration",
        ),
    ];
    for (state, reason, message) in cases {
        let (condition, _) = programmed(json!({}), state);
        assert_eq!(condition.status, ConditionStatus::False);
        assert_eq!(condition.reason, reason);
        assert!(condition.message.contains(message), "{condition:?}");
    }
}

#[test]
fn listener_is_pending_until_a_proxy_has_it() {
    let listener = |state| {
        let (_, translation) = programmed(json!({}), state);
        let status = status(&translation, "Gateway", "eg");
        condition(&status.listeners[0].conditions, "Programmed").clone()
    };
    assert_eq!(listener(None).reason, "Pending");
    assert_eq!(listener(Some(running())).status, ConditionStatus::True);
}

#[test]
fn address_that_is_asked_for_and_not_had_is_named() {
    let asked = json!({"addresses": [{"type": "IPAddress", "value": "10.250.0.1"}]});
    for addresses in [vec![], vec![ip("10.99.1.1")]] {
        let state = FleetState {
            addresses,
            ..running()
        };
        let (condition, _) = programmed(asked.clone(), Some(state));
        assert_eq!(condition.reason, "AddressNotUsable");
        assert!(condition.message.contains("10.250.0.1"), "{condition:?}");
    }
    let had = json!({"addresses": [{"type": "IPAddress", "value": "10.99.1.1"}]});
    let (condition, _) = programmed(had, Some(running()));
    assert_eq!(condition.status, ConditionStatus::True);
}

#[test]
fn address_without_a_value_is_any() {
    let asked = json!({"addresses": [{"type": "IPAddress"}]});
    let (condition, _) = programmed(asked.clone(), Some(running()));
    assert_eq!(condition.status, ConditionStatus::True);
    let state = FleetState {
        addresses: Vec::new(),
        ..running()
    };
    let (condition, _) = programmed(asked, Some(state));
    assert_eq!(condition.reason, "AddressNotAssigned");
}

/// What runs is not touched when nobody can tell what it is to be.
#[test]
fn gateway_whose_parameters_lead_nowhere_keeps_what_it_has() {
    for (parameters, message) in [
        (
            reference("missing"),
            "EnvoyProxy default/missing does not exist",
        ),
        (
            json!({"group": "invalid.io", "kind": "InvalidParameters", "name": "x"}),
            "invalid.io/InvalidParameters cannot say",
        ),
    ] {
        let infrastructure = json!({"infrastructure": {"parametersRef": parameters}});
        let translation = translated(&world(&[class(Value::Null), gateway("eg", infrastructure)]));
        let conditions = &status(&translation, "Gateway", "eg").conditions;
        let accepted = condition(conditions, "Accepted");
        assert_eq!(accepted.status, ConditionStatus::False);
        assert_eq!(accepted.reason, "InvalidParameters");
        assert!(accepted.message.contains(message), "{accepted:?}");
        assert_eq!(condition(conditions, "Programmed").reason, "Invalid");
        assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
    }
}

/// It would reach the Secrets of the controller.
#[test]
fn gateway_may_not_say_how_proxies_run_in_the_controllers_namespace() {
    let infrastructure = json!({"infrastructure": {"parametersRef": reference("own")}});
    let objects = [
        class(Value::Null),
        proxy("own", json!({})),
        gateway("eg", infrastructure),
    ];
    let translation = translated_in(&world(&objects), FleetPlacement::ControllerNamespace);
    let conditions = &status(&translation, "Gateway", "eg").conditions;
    let accepted = condition(conditions, "Accepted");
    assert_eq!(accepted.reason, "InvalidParameters");
    assert!(
        accepted.message.contains("its GatewayClass can"),
        "{accepted:?}"
    );
    assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
}

#[test]
fn class_whose_parameters_lead_nowhere_is_refused_with_its_gateways() {
    let objects = [
        class(reference_of_class("missing")),
        gateway("eg", json!({})),
    ];
    let translation = translated(&world(&objects));
    let of_class = &status(&translation, "GatewayClass", "tollgate").conditions;
    let accepted = condition(of_class, "Accepted");
    assert_eq!(accepted.reason, "InvalidParameters");
    assert_eq!(accepted.observed_generation, Some(2));
    let of_gateway = &status(&translation, "Gateway", "eg").conditions;
    let accepted = condition(of_gateway, "Accepted");
    assert_eq!(accepted.reason, "InvalidParameters");
    assert!(accepted.message.starts_with("GatewayClass tollgate"));
    assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
}

#[test]
fn address_of_an_unknown_kind_keeps_what_there_is() {
    let asked = json!({"addresses": [{"type": "test/unknown", "value": "x"}]});
    let (condition, translation) = programmed(asked, Some(running()));
    assert_eq!(condition.reason, "Invalid");
    assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
}

#[test]
fn proxy_of_a_gateway_stands_over_that_of_its_class() {
    let objects = |merge: Value| {
        let own = proxy("own", json!({"mergeType": merge, "concurrency": 2}));
        let infrastructure = json!({"infrastructure": {"parametersRef": reference("own")}});
        [
            class(reference_of_class("base")),
            proxy(
                "base",
                json!({"concurrency": 8, "shutdown": {"drainTimeout": "9s"}}),
            ),
            own,
            gateway("eg", infrastructure),
        ]
    };
    let drain = |merge| {
        let translation = translated(&world(&objects(merge)));
        let proxy = translation.fleets["default/eg"].proxy.clone();
        assert_eq!(proxy.concurrency, Some(2));
        proxy.shutdown.is_some()
    };
    assert!(!drain(Value::Null));
    assert!(!drain(json!("Replace")));
    assert!(drain(json!("JSONMerge")));
    assert!(drain(json!("StrategicMerge")));
}

#[test]
fn proxies_that_contradict_each_other_when_merged_are_refused() {
    let workload = |name: &str| {
        let kubernetes = json!({name: {}});
        json!({"type": "Kubernetes", "kubernetes": kubernetes})
    };
    let infrastructure = json!({"infrastructure": {"parametersRef": reference("own")}});
    let own = json!({"mergeType": "JSONMerge", "provider": workload("envoyDaemonSet")});
    let translation = translated(&world(&[
        class(reference_of_class("base")),
        proxy("base", json!({"provider": workload("envoyDeployment")})),
        proxy("own", own),
        gateway("eg", infrastructure),
    ]));
    let conditions = &status(&translation, "Gateway", "eg").conditions;
    let accepted = condition(conditions, "Accepted");
    assert_eq!(accepted.reason, "InvalidParameters");
    assert!(accepted.message.contains("only one of"), "{accepted:?}");
    assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
}

#[test]
fn proxy_is_told_who_uses_it_and_which_fields_have_no_effect() {
    let spec = json!({"geoIP": {"provider": {"type": "MaxMind"}}, "ipFamily": "IPv4",
        "telemetry": {"healthCheckLog": {"matches": ["Failure"]}}});
    let infrastructure = json!({"infrastructure": {"parametersRef": reference("p")}});
    let translation = translated(&world(&[
        class(reference_of_class("p")),
        proxy("p", spec),
        proxy("unused", json!({})),
        gateway("eg", infrastructure),
    ]));
    let ancestors = &status(&translation, "EnvoyProxy", "p").ancestors;
    let kinds: Vec<_> = ancestors
        .iter()
        .map(|it| it.ancestor_ref.kind.as_deref().unwrap())
        .collect();
    assert_eq!(kinds, ["GatewayClass", "Gateway"]);
    for ancestor in ancestors {
        assert_eq!(
            condition(&ancestor.conditions, "Accepted").reason,
            "Accepted"
        );
        let warning = condition(&ancestor.conditions, "Warning");
        assert!(
            warning.message.contains("spec.geoIP has no effect"),
            "{warning:?}"
        );
        assert!(
            warning
                .message
                .contains("spec.telemetry.healthCheckLog has"),
            "{warning:?}"
        );
        assert!(!warning.message.contains("ipFamily"), "{warning:?}");
    }
    let unused = ObjectRef::namespaced(
        groups::ENVOY_GATEWAY,
        "EnvoyProxy",
        &NamespacedName::new("default", "unused"),
    );
    assert!(translation.statuses.of(&unused).is_none());
}

#[test]
fn proxy_that_kubernetes_would_refuse_is_told_and_so_is_its_gateway() {
    let deployment = json!({"envoyDeployment": {"pod": {"tolerations": [{"kei": "a"}]}}});
    let provider = json!({"type": "Kubernetes", "kubernetes": deployment});
    let infrastructure = json!({"infrastructure": {"parametersRef": reference("p")}});
    let translation = translated(&world(&[
        class(Value::Null),
        proxy("p", json!({"provider": provider})),
        gateway("eg", infrastructure),
    ]));
    let ancestor = &status(&translation, "EnvoyProxy", "p").ancestors[0];
    let of_gateway = &status(&translation, "Gateway", "eg").conditions;
    for conditions in [&ancestor.conditions, of_gateway] {
        let accepted = condition(conditions, "Accepted");
        assert_eq!(accepted.reason, "InvalidParameters");
        assert!(
            accepted.message.contains("tolerations[0].kei"),
            "{accepted:?}"
        );
    }
    assert_eq!(translation.fleets["default/eg"].action, FleetAction::Keep);
}

#[test]
fn merged_gateways_share_the_state_of_their_fleet() {
    let mut world = world(&[
        class(reference_of_class("one")),
        proxy("one", json!({"mergeGateways": true})),
        gateway("a", json!({})),
        gateway(
            "b",
            json!({"listeners": [{"name": "x", "port": 81, "protocol": "HTTP"}]}),
        ),
    ]);
    let fleet = NamespacedName::new("tollgate-system", "class-tollgate");
    world.note_fleet(fleet, Some(running()));
    let translation = translated(&world);
    let fleet = &translation.fleets["tollgate"];
    assert_eq!(fleet.gateways, ["default/a", "default/b"]);
    let ports: Vec<u16> = fleet.ports.iter().map(|it| it.port).collect();
    assert_eq!(ports, [80, 81]);
    for name in ["a", "b"] {
        let conditions = &status(&translation, "Gateway", name).conditions;
        assert_eq!(
            condition(conditions, "Programmed").status,
            ConditionStatus::True
        );
    }
}

/// Two Gateways on one port of one fleet, each with host names of its own.
fn shared_port(hosts: [&str; 2]) -> Translation {
    let listener = |host: &str| json!({"listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "hostname": host}]});
    let mut older = gateway("a", listener(hosts[0]));
    older["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    let mut younger = gateway("b", listener(hosts[1]));
    younger["metadata"]["creationTimestamp"] = "2026-01-02T00:00:00Z".into();
    let class = class(reference_of_class("one"));
    let one = proxy("one", json!({"mergeGateways": true}));
    translated(&world(&[class, one, older, younger]))
}

#[test]
fn merged_gateways_share_a_port_by_their_host_names() {
    let translation = shared_port(["a.example.com", "b.example.com"]);
    let keys: Vec<_> = translation.ir.gateways.keys().collect();
    assert_eq!(keys, ["tollgate"]);
    let [listener] = translation.ir.gateways["tollgate"].listeners.as_slice() else {
        panic!("{:?}", translation.ir)
    };
    assert_eq!(listener.name, "class/tollgate/80");
    let hosts: Vec<_> = listener
        .virtual_hosts()
        .map(|it| it.hostname.domain())
        .collect();
    assert_eq!(hosts, ["a.example.com", "b.example.com"]);
}

#[test]
fn younger_of_two_merged_gateways_does_not_get_the_host_name_of_the_older() {
    let translation = shared_port(["a.example.com", "a.example.com"]);
    let of = |name| &status(&translation, "Gateway", name).listeners[0].conditions;
    assert_eq!(condition(of("a"), "Accepted").status, ConditionStatus::True);
    let conflict = condition(of("b"), "Conflicted");
    assert_eq!(conflict.reason, "HostnameConflict");
    assert!(
        conflict.message.contains("Gateway default/a"),
        "{conflict:?}"
    );
}

#[test]
fn fleet_that_is_noted_again_changes_nothing() {
    let mut world = World::default();
    let name = NamespacedName::new("a", "b");
    assert!(world.note_fleet(name.clone(), Some(running())));
    assert!(!world.note_fleet(name.clone(), Some(running())));
    assert!(world.note_fleet(name.clone(), None));
    assert!(!world.note_fleet(name, None));
}
