//! Goldens: manifests through translation to the objects of a fleet. `testdata/<sentence>.in.yaml` →
//! `.out.yaml`. To accept what is made now: `INSTA_UPDATE=always cargo test -p tollgate-fleet`.

mod identities;
mod restricted;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_crds::parse_object;
use tollgate_translate::{
    CONTROLLER_NAME, Cluster, FleetAction, FleetPlacement, FleetSpec, Mode, Options, World,
    translate,
};

use crate::{FleetOptions, fleet_of, render};

/// First line of a case whose fleets run in the controller's namespace.
const CONTROLLER_NAMESPACE_MARK: &str = "# controller-namespace";
/// Fewer cases than this mean that somebody moved the folder.
const CASES_MIN: usize = 8;

#[test]
fn every_case_gives_its_golden() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    for path in cases {
        let text = std::fs::read_to_string(&path).unwrap();
        let objects: Vec<Value> = objects(&text);
        let made = serde_saphyr::to_string(&objects).unwrap();
        let kept = path.to_str().unwrap().replace(".in.yaml", ".out.yaml");
        if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
            std::fs::write(&kept, &made).unwrap();
        }
        let expect = std::fs::read_to_string(&kept).unwrap_or_default();
        assert_eq!(made, expect, "{kept}");
    }
}

#[test]
fn every_object_is_found_again_by_its_labels_and_goes_with_its_owner() {
    for path in cases() {
        let text = std::fs::read_to_string(&path).unwrap();
        for spec in fleets(&text) {
            for object in render(&spec, &options()) {
                let found = fleet_of(&object);
                assert_eq!(found, Some((spec.namespace.as_str(), spec.name.as_str())));
                let owners = object["metadata"]["ownerReferences"].as_array().unwrap();
                assert_eq!(owners.len(), 1, "{object}");
            }
        }
    }
}

/// The API server takes no unknown field: what is made must be what Kubernetes' own types know.
#[test]
fn every_object_is_one_of_kubernetes() {
    use k8s_openapi::api::{
        apps::v1::{DaemonSet, Deployment},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{Service, ServiceAccount},
        policy::v1::PodDisruptionBudget,
    };
    fn again<T: serde::Serialize + serde::de::DeserializeOwned>(object: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap()).unwrap()
    }
    let mut kinds = std::collections::BTreeSet::new();
    for path in cases() {
        for object in objects(&std::fs::read_to_string(&path).unwrap()) {
            let kind = object["kind"].as_str().unwrap();
            let read = match kind {
                "DaemonSet" => again::<DaemonSet>(&object),
                "Deployment" => again::<Deployment>(&object),
                "HorizontalPodAutoscaler" => again::<HorizontalPodAutoscaler>(&object),
                "PodDisruptionBudget" => again::<PodDisruptionBudget>(&object),
                "Service" => again::<Service>(&object),
                "ServiceAccount" => again::<ServiceAccount>(&object),
                other => panic!("{other}"),
            };
            assert_eq!(read, object);
            kinds.insert(kind.to_string());
        }
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

/// All objects of the fleets that are to be applied.
fn objects(text: &str) -> Vec<Value> {
    let applied = fleets(text)
        .into_iter()
        .filter(|it| it.action == FleetAction::Apply);
    applied
        .flat_map(|spec| {
            let objects = render(&spec, &options());
            assert_eq!(objects, render(&spec, &options()), "two runs differ");
            objects
        })
        .collect()
}

pub(super) fn fleets(text: &str) -> Vec<FleetSpec> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    let world: World = documents
        .into_iter()
        .filter(|document| !document.is_null())
        .map(|document| parse_object(document).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    let placement = match text.starts_with(CONTROLLER_NAMESPACE_MARK) {
        true => FleetPlacement::ControllerNamespace,
        false => FleetPlacement::GatewayNamespace,
    };
    let options = Options {
        controller_name: CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: Mode::Cluster(Cluster {
            placement,
            ..Cluster::default()
        }),
    };
    translate(&world, &options).fleets.into_values().collect()
}

pub(super) fn options() -> FleetOptions {
    FleetOptions {
        image_pull_policy: Some("IfNotPresent".to_string()),
        ..FleetOptions::new(
            "ghcr.io/tollgate/tollgate:1.0",
            "https://tollgate-controller.tollgate-system.svc:18000",
        )
    }
}

pub(super) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(".in.yaml"))
        .collect();
    files.sort();
    files
}
