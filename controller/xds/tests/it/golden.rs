//! What the IR becomes, as protobuf JSON. `INSTA_UPDATE=always cargo test -p tollgate-xds`
//! accepts; read the difference before.

use std::sync::Arc;

use crate::support::ir::{ai_rule, forward, gateway, host, listener, local, prefix, route};
use crate::support::secure::stream;
use crate::support::{limited, rich, secure, told};
use insta::assert_yaml_snapshot;
use tollgate_ir as ir;
use tollgate_xds::{
    Admin, BootstrapOptions, BuildOptions, ResourceType, Snapshot, bootstrap, build, rebuild,
    resources_json,
};

fn options() -> BuildOptions {
    BuildOptions::new("/run/tollgate/extproc.sock".into())
}

fn rendered(gateway: &ir::Gateway) -> serde_json::Value {
    resources_json(&build(gateway, &options())).unwrap()
}

#[test]
fn http_routes() {
    assert_yaml_snapshot!(rendered(&rich::http()));
}

#[test]
fn tls_and_keys_do_not_show() {
    let json = rendered(&secure::rich_tls(&secure::printed_certificate()));
    assert!(!json.to_string().contains("PRIVATE KEY"));
    assert_yaml_snapshot!(json);
}

#[test]
fn streams() {
    assert_yaml_snapshot!(rendered(&secure::rich_streams(
        &secure::printed_certificate()
    )));
}

#[test]
fn keys_do_not_show_in_debug_texts() {
    let gateway = secure::rich_tls(&secure::printed_certificate());
    let resources = build(&gateway, &options());
    let snapshot = Snapshot::new(&resources);
    // Bytes would show as numbers: "PRIV".
    for text in [format!("{resources:?}"), format!("{snapshot:?}")] {
        assert!(!text.contains("PRIVATE KEY") && !text.contains("80, 82, 73, 86"));
    }
}

#[test]
fn telemetry() {
    let told = told::rich(&secure::printed_certificate(), ("/dev/stdout", 4317));
    let routes = vec![route(
        "web",
        prefix("/"),
        forward("web/backend/0", local(1)),
    )];
    let tcp = ir::Traffic::Tcp(stream("tcproute/default/t/rule/0", &[]));
    let gateway = ir::Gateway {
        telemetry: told.telemetry,
        ..gateway(vec![
            listener(80, vec![host("*", routes, vec![ai_rule("r", Vec::new())])]),
            secure::with_traffic(81, tcp),
        ])
    };
    assert_yaml_snapshot!(rendered(&gateway));
}

/// The version of a resource is a hash of its encoding, and hash maps have no order.
#[test]
fn telemetry_is_encoded_in_the_same_way_every_time() {
    let gateway = told::rich(&secure::printed_certificate(), ("/dev/stdout", 4317));
    let version = || {
        let snapshot = Snapshot::new(&build(&gateway, &options()));
        snapshot.version().to_string()
    };
    let first = version();
    for _ in 0..20 {
        assert_eq!(version(), first);
    }
}

#[test]
fn ai_routes() {
    assert_yaml_snapshot!(rendered(&rich::ai()));
}

#[test]
fn ai_routes_with_the_engine_inside_envoy() {
    let options = BuildOptions::in_envoy("/run/tollgate/uplink.sock".into(), 10_000);
    let built = build(&rich::ai(), &options);
    assert_yaml_snapshot!(resources_json(&built).unwrap());
}

#[test]
fn rate_limits() {
    assert_yaml_snapshot!(rendered(&limited::limited()));
}

#[test]
fn what_the_rate_limit_service_is_told() {
    assert_yaml_snapshot!(limited::limited().bundle().rate_limits);
}

#[test]
fn a_listener_without_rate_limits_has_no_filter_and_no_cluster_of_them() {
    for gateway in [rich::http(), rich::ai()] {
        let text = rendered(&gateway).to_string();
        assert!(
            !text.contains("ratelimit") && !text.contains("rate_limit"),
            "{text}"
        );
        assert!(gateway.bundle().rate_limits.is_empty());
    }
}

#[test]
fn the_bootstrap() {
    let options = BootstrapOptions {
        node_id: "gw-1".to_string(),
        node_cluster: "default/gw".to_string(),
        xds_socket: "/run/tollgate/xds.sock".into(),
        admin: Admin::Loopback(0),
        connections_max: 50_000,
    };
    assert_yaml_snapshot!(bootstrap(&options));
}

#[test]
fn a_gateway_without_ai_has_no_filter_and_no_cluster_of_it() {
    let text = rendered(&rich::http()).to_string();
    assert!(
        !text.contains("ext_proc") && !text.contains("extproc"),
        "{text}"
    );
}

#[test]
fn a_rule_whose_backends_are_all_invalid_has_no_cluster_and_no_pinned_route() {
    let rule = ai_rule("default/llm/0", vec![None, None]);
    let hosts = vec![host("*", Vec::new(), vec![rule])];
    let text = rendered(&gateway(vec![listener(80, hosts)])).to_string();
    assert!(!text.contains("ai/default/llm/0"), "{text}");
}

/// Protobuf maps are encoded in random order: a resource with a map of two entries would be
/// sent again and again.
#[test]
fn equal_gateways_give_equal_encodings() {
    let tls = || secure::rich_tls(&secure::printed_certificate());
    let streams = || secure::rich_streams(&secure::printed_certificate());
    for make in [rich::http, rich::ai, limited::limited, tls, streams] {
        let first = Snapshot::new(&build(&make(), &options()));
        for _ in 0..20 {
            assert_eq!(Snapshot::new(&build(&make(), &options())), first);
        }
    }
}

/// Whatever was there before.
#[test]
fn what_is_built_on_other_resources_is_what_is_built_afresh() {
    let certificate = secure::printed_certificate();
    let mut changed = rich::http();
    let http = changed.listeners[0].http_mut().next().unwrap();
    http.virtual_hosts[0].routes.remove(0);
    http.virtual_hosts[2].routes[0].action = forward("b/matched", local(1));
    let mut one_rule = rich::ai();
    let http = one_rule.listeners[0].http_mut().next().unwrap();
    let ai = http.virtual_hosts[0].ai.as_mut().unwrap();
    ai.rules[0].destinations[3] = Some(local(1));
    let gateways = [
        ir::Gateway::default(),
        rich::http(),
        changed,
        rich::ai(),
        one_rule,
        limited::limited(),
        secure::rich_tls(&certificate),
        secure::rich_streams(&certificate),
    ];
    for last in &gateways {
        let built = build(last, &options());
        let snapshot = Snapshot::new(&built);
        for next in &gateways {
            let afresh = build(next, &options());
            let again = rebuild((last, &built), next, &options());
            assert_eq!(again, afresh);
            assert_eq!(snapshot.update(&again), Snapshot::new(&afresh));
        }
    }
}

#[test]
fn what_has_not_changed_is_shared() {
    let before = rich::ai();
    let mut after = before.clone();
    let http = after.listeners[0].http_mut().next().unwrap();
    http.virtual_hosts[1].routes.clear();
    let built = build(&before, &options());
    let again = rebuild((&before, &built), &after, &options());
    assert_ne!(again, built);
    assert!(!again.clusters.contains_key("b/web"));
    for (name, cluster) in &again.clusters {
        let shared = Arc::ptr_eq(cluster, &built.clusters[name]);
        assert_eq!(shared, name.starts_with("ai/"), "{name}");
    }
}

#[test]
fn rules_of_one_prefix_share_a_route_and_rules_of_equal_clusters_share_those() {
    let shared = |id: &str| {
        let mut rule = ai_rule(id, vec![Some(local(1)), Some(local(2))]);
        rule.cluster_prefix = Some("ai/times/".to_string());
        for (place, backend) in rule.rule.backends.iter_mut().enumerate() {
            backend.cluster = format!("ai/times/web@content/{place}");
        }
        rule
    };
    let rules = vec![
        shared("a/0"),
        shared("b/0"),
        ai_rule("c/0", vec![Some(local(3))]),
    ];
    let hosts = vec![host("*", Vec::new(), rules)];
    let resources = build(&gateway(vec![listener(80, hosts)]), &options());
    let clusters = resources
        .clusters
        .keys()
        .filter(|name| name.starts_with("ai/"));
    assert_eq!(
        Vec::from_iter(clusters),
        [
            "ai/c/0/0",
            "ai/times/web@content/0",
            "ai/times/web@content/1"
        ]
    );
    let routes = resources.routes.values().next().unwrap();
    let hosts = routes.message().virtual_hosts;
    let names = hosts[0].routes.iter().map(|route| route.name.as_str());
    let pinned = names.filter(|name| ["ai/times", "ai/a/0", "ai/b/0", "ai/c/0"].contains(name));
    assert_eq!(Vec::from_iter(pinned), ["ai/times", "ai/c/0"]);
}

#[test]
fn fallback_order_is_priority_then_weight_then_as_written() {
    let mut rule = ai_rule("r", [1, 2, 3, 4].map(|port| Some(local(port))).into());
    for (backend, (priority, weight)) in
        rule.rule
            .backends
            .iter_mut()
            .zip([(1, 1), (0, 1), (0, 9), (0, 1)])
    {
        (backend.priority, backend.weight) = (priority, weight);
    }
    let hosts = vec![host("*", Vec::new(), vec![rule])];
    let resources = build(&gateway(vec![listener(80, hosts)]), &options());
    let ports = |cluster: &str| -> Vec<u64> {
        let json = resources_json(&resources).unwrap();
        let endpoints = json["endpoints"][cluster]["endpoints"]
            .as_array()
            .unwrap()
            .clone();
        let port = |locality: &serde_json::Value| {
            let endpoint = &locality["lb_endpoints"][0]["endpoint"];
            endpoint["address"]["socket_address"]["port_value"]
                .as_u64()
                .unwrap()
        };
        endpoints.iter().map(port).collect()
    };
    assert_eq!(ports("ai/r/0"), [1, 3, 2, 4]);
    assert_eq!(ports("ai/r/2"), [3, 2, 4, 1]);
}

#[test]
fn a_change_of_an_endpoint_changes_that_resource_only() {
    let with = |port| {
        let rule = ai_rule("r", vec![Some(local(1)), Some(local(port))]);
        let hosts = vec![host("*", Vec::new(), vec![rule])];
        Snapshot::new(&build(&gateway(vec![listener(80, hosts)]), &options()))
    };
    let (before, after) = (with(2), with(3));
    for kind in ResourceType::ALL {
        let same = before.resources(kind).eq(after.resources(kind));
        assert_eq!(same, kind != ResourceType::Endpoint, "{kind:?}");
    }
}
