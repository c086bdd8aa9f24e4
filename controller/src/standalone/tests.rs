//! Standalone mode on real files: what changes, and what is said about it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tollgate_translate::{CONTROLLER_NAME, Mode, Options, Standalone as StandaloneOptions};

use super::{Inputs, Outcome, Standalone};
use crate::problem::Problem;
use crate::source::folder::Manifests;

const WAIT: Duration = Duration::from_secs(30);

fn route(backend: &str) -> String {
    format!(
        "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route}}
spec:
  parentRefs: [{{name: tollgate}}]
  rules: [{{backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: {backend}}}]}}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {backend}}}
spec: {{endpoints: [{{ip: {{address: 127.0.0.1, port: 81}}}}]}}
"
    )
}

async fn start(manifests: PathBuf) -> (Standalone, Outcome) {
    let mode = Mode::Standalone(StandaloneOptions {
        default_port: 1975,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        provider_urls: BTreeMap::new(),
    });
    let inputs = Inputs {
        manifests: Manifests::Paths(vec![manifests]),
        environment: Arc::new(|_| None),
        options: Options {
            controller_name: CONTROLLER_NAME.to_string(),
            claimed_names: Vec::new(),
            cluster_domain: "cluster.local".to_string(),
            mode,
        },
    };
    Standalone::start(inputs).await.unwrap()
}

/// Saves as editors do: a new file in the place of the old.
fn save(file: &Path, text: &str) {
    let temporary = file.with_extension("tmp");
    fs::write(&temporary, text).unwrap();
    fs::rename(&temporary, file).unwrap();
}

async fn next(standalone: &mut Standalone) -> Outcome {
    timeout(WAIT, standalone.next()).await.expect("a change")
}

/// The problems of the newest report.
fn problems(standalone: &Standalone) -> Vec<String> {
    let report = standalone.report();
    let problems = report.borrow().problems.clone();
    problems.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn saved_change_is_a_new_gateway_even_if_somebody_stops_waiting_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("route.yaml");
    fs::write(&file, route("a")).unwrap();
    let (mut standalone, first) = start(dir.path().to_path_buf()).await;
    assert_eq!(first.gateway.listeners.len(), 1);
    save(&file, &route("a").replace("port: 81", "port: 82"));
    // Dropped again and again while it waits or evaluates.
    let mut early = None;
    for _ in 0..200 {
        let told = timeout(Duration::from_micros(200), standalone.next()).await;
        early = told.ok().or(early);
    }
    let is_changed = |outcome: &Outcome| outcome.gateway != first.gateway;
    let mut changed = early.is_some_and(|outcome| is_changed(&outcome));
    // What came before the file had its name is told too.
    while !changed {
        changed = is_changed(&next(&mut standalone).await);
    }
}

#[tokio::test]
async fn broken_document_is_told_with_its_gateway_and_goes_with_the_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), route("a")).unwrap();
    let (mut standalone, first) = start(dir.path().to_path_buf()).await;
    save(&dir.path().join("b.yaml"), "x: 1\n---\nkind: [\n");
    let Outcome { gateway, report } = next(&mut standalone).await;
    assert_eq!(gateway, first.gateway);
    assert_eq!(problems(&standalone), Vec::<String>::new(), "not told yet");
    standalone.tell(report, Vec::new());
    let told = problems(&standalone);
    let is_named = |it: &String| it.contains("b.yaml:3") && it.contains("not valid YAML");
    assert!(told.iter().any(is_named), "{told:?}");
    fs::remove_file(dir.path().join("b.yaml")).unwrap();
    let Outcome { report, .. } = next(&mut standalone).await;
    standalone.tell(report, Vec::new());
    assert_eq!(problems(&standalone), Vec::<String>::new());
}

#[tokio::test]
async fn refused_pieces_stand_in_the_report_until_they_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), route("a")).unwrap();
    let (mut standalone, first) = start(dir.path().to_path_buf()).await;
    let objects = first.report.objects;
    standalone.tell(first.report, Vec::new());
    let problem = Problem::of_object("default/gateway/80".to_string(), "port in use".to_string());
    standalone.tell_refused(vec![problem]);
    assert_eq!(problems(&standalone), ["default/gateway/80: port in use"]);
    standalone.tell_refused(Vec::new());
    assert_eq!(problems(&standalone), Vec::<String>::new());
    assert_eq!(standalone.report().borrow().objects, objects);
}
