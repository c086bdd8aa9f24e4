//! Changes of a bootstrap, and what they cannot do.

use serde_json::{Value, json};
use tollgate_ir::{Bootstrap, BootstrapChange, PatchOperation};

use crate::base::template;
use crate::{Admin, BootstrapOptions, bootstrap, bootstrap_of, check};

fn settings(change: BootstrapChange) -> Bootstrap {
    Bootstrap {
        change: Some(change),
        ..Bootstrap::default()
    }
}

fn options() -> BootstrapOptions {
    BootstrapOptions {
        node_id: "pod-1".to_string(),
        node_cluster: "shop/public".to_string(),
        xds_socket: "/run/xds.sock".into(),
        admin: Admin::Socket("/run/admin.sock".into()),
        connections_max: 7,
    }
}

fn made(change: BootstrapChange) -> Value {
    bootstrap_of(&options(), &settings(change)).unwrap()
}

fn refused(change: BootstrapChange, words: &str) {
    let error = check(&settings(change)).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

fn add(path: &str, value: Value) -> PatchOperation {
    PatchOperation::Add {
        path: path.to_string(),
        value,
    }
}

#[test]
fn merge_adds_to_objects_and_lists_and_leaves_the_rest() {
    let made = made(BootstrapChange::Merge(json!({
        "layered_runtime": {"layers": []},
        "static_resources": {"clusters": [{"name": "mine"}]},
        "overload_manager": {"refresh_interval": "1s"},
        "stats_flush_interval": "5s",
    })));
    assert_eq!(made["node"]["id"], "pod-1");
    assert_eq!(
        made["static_resources"]["clusters"][0]["name"],
        "tollgate-xds"
    );
    assert_eq!(made["static_resources"]["clusters"][1]["name"], "mine");
    assert_eq!(made["overload_manager"]["refresh_interval"], "1s");
    let monitors = made["overload_manager"]["resource_monitors"].as_array();
    assert_eq!(monitors.unwrap().len(), 1);
}

#[test]
fn patch_changes_what_it_names() {
    let made = made(BootstrapChange::Patch(vec![
        add("/stats_flush_interval", json!("5s")),
        PatchOperation::Remove {
            path: "/deferred_stat_options".to_string(),
        },
        add("/static_resources/clusters/-", json!({"name": "mine"})),
    ]));
    assert_eq!(made["stats_flush_interval"], "5s");
    assert!(made.get("deferred_stat_options").is_none());
    let clusters = made["static_resources"]["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 2);
    assert_eq!(
        clusters[0],
        bootstrap(&options())["static_resources"]["clusters"][0]
    );
}

/// What `docs/proxies.md` shows is enough.
#[test]
fn replacement_that_keeps_what_the_documentation_names_is_taken_and_filled() {
    let page = include_str!("../../../../docs/proxies.md");
    let (_, rest) = page.split_once("<!-- bootstrap -->\n```yaml\n").unwrap();
    let (yaml, _) = rest.split_once("```").unwrap();
    let made = made(BootstrapChange::Replace(
        serde_saphyr::from_str(yaml).unwrap(),
    ));
    let usual = bootstrap(&options());
    for field in ["node", "admin", "dynamic_resources", "static_resources"] {
        assert_eq!(made[field], usual[field], "{field}");
    }
    assert!(made.get("overload_manager").is_none());
}

#[test]
fn replacement_without_what_proxies_need_is_refused_by_its_first_field() {
    let own = [
        ("/dynamic_resources", "dynamic_resources is missing"),
        ("/node/id", "node.id is missing"),
        ("/node/cluster", "node.cluster is missing"),
        ("/admin/address", "admin.address is missing"),
        (
            "/static_resources/clusters/0",
            "static_resources.clusters[name=tollgate-xds] is missing",
        ),
    ];
    for (pointer, words) in own {
        let mut value = template(1);
        let remove: json_patch::Patch =
            serde_json::from_value(json!([{"op": "remove", "path": pointer}])).unwrap();
        json_patch::patch(&mut value, &remove).unwrap();
        refused(BootstrapChange::Replace(value), words);
    }
    refused(BootstrapChange::Replace(json!([])), "must be an object");
}

#[test]
fn change_of_what_is_the_proxies_own_is_refused_however_it_is_made() {
    let merged = [
        (
            json!({"dynamic_resources": {"ads_config": {"api_type": "GRPC"}}}),
            "dynamic_resources cannot be changed",
        ),
        (json!({"node": {"id": "x"}}), "node.id cannot"),
        (
            json!({"admin": {"address": {"socket_address": {"address": "0.0.0.0"}}}}),
            "admin.address cannot",
        ),
        (
            json!({"static_resources": {"clusters": [{"name": "tollgate-xds"}]}}),
            "clusters[name=tollgate-xds] cannot",
        ),
        (
            json!({"dynamicResources": {}}),
            "dynamicResources must be written",
        ),
        (
            json!({"static_resources": {"listenerManager": {}}}),
            "static_resources.listenerManager must be written",
        ),
    ];
    for (value, words) in merged {
        refused(BootstrapChange::Merge(value), words);
    }
    refused(
        BootstrapChange::Patch(vec![add("/static_resources/clusters/0/type", json!("EDS"))]),
        "clusters[name=tollgate-xds] cannot",
    );
}

#[test]
fn operation_that_fails_is_named_by_its_place() {
    let missing = PatchOperation::Remove {
        path: "/no_such_field".to_string(),
    };
    refused(
        BootstrapChange::Patch(vec![add("/a", json!(1)), missing]),
        "operation 1 cannot be applied",
    );
}

#[test]
fn copies_of_copies_are_bounded() {
    let start = add("/metadata", json!({"a": 1}));
    let double = (0..40).map(|step| PatchOperation::Copy {
        from: "/metadata".to_string(),
        path: format!("/metadata/copy_{step}"),
    });
    let operations = std::iter::once(start).chain(double).collect();
    refused(BootstrapChange::Patch(operations), "more than 50000 values");
}
