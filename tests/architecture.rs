//! The invariants of ARCHITECTURE.md that a test can check: which crate may not name which, and
//! how large a file may grow.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Lines of a Rust file outside tests.
const FILE_LINES_MAX: usize = 500;
/// Lines of a `lib.rs` or `main.rs`: mods and one entry function.
const ROOT_LINES_MAX: usize = 70;

/// Crates that wait for sockets, timers or channels.
const ASYNC: &[&str] = &[
    "axum",
    "hyper",
    "notify",
    "reqwest",
    "tokio",
    "tokio-stream",
    "tonic",
];
/// Crates that know Kubernetes.
const KUBERNETES: &[&str] = &["gateway-api", "k8s-openapi", "kube", "tollgate-crds"];
/// Crates that know Envoy.
const ENVOY: &[&str] = &["envoy-types", "tollgate-envoy"];

/// Crates that know how Envoy is told.
const XDS: &[&str] = &["tollgate-xds"];

/// Crate → what it must not depend on.
fn forbidden() -> BTreeMap<&'static str, Vec<&'static [&'static str]>> {
    BTreeMap::from([
        ("tollgate-budget", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-bundle", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-controller", vec![ENVOY, XDS]),
        ("tollgate-cost", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-crds", vec![ASYNC, ENVOY]),
        ("tollgate-engine", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-extproc", vec![KUBERNETES]),
        ("tollgate-fleet", vec![ASYNC, ENVOY]),
        ("tollgate-ir", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-ledger", vec![KUBERNETES, ENVOY]),
        ("tollgate-llm", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-proxy", vec![KUBERNETES, ENVOY]),
        ("tollgate-ratelimit", vec![KUBERNETES]),
        ("tollgate-redis", vec![KUBERNETES, ENVOY]),
        ("tollgate-secret", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-translate", vec![ASYNC, ENVOY]),
        ("tollgate-xds", vec![KUBERNETES]),
    ])
}

#[test]
fn no_crate_depends_on_what_it_must_not_know() {
    let dependencies = dependencies();
    for (name, lists) in forbidden() {
        let known = dependencies
            .get(name)
            .unwrap_or_else(|| panic!("no crate {name}"));
        for banned in lists.into_iter().flatten() {
            assert!(
                !known.contains(*banned),
                "{name} must not depend on {banned}"
            );
        }
    }
}

#[test]
fn one_crate_names_the_envoy_protobuf_crate() {
    let naming: Vec<String> = dependencies()
        .into_iter()
        .filter(|(_, known)| known.contains("envoy-types"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(naming, ["tollgate-envoy"]);
}

#[test]
fn nothing_but_the_binary_sees_both_controller_and_data_plane() {
    for data_plane in ["tollgate-extproc", "tollgate-proxy"] {
        let seeing: Vec<String> = dependencies()
            .into_iter()
            .filter(|(_, known)| {
                known.contains("tollgate-controller") && known.contains(data_plane)
            })
            .map(|(name, _)| name)
            .collect();
        assert_eq!(seeing, ["tollgate"], "{data_plane}");
    }
}

#[test]
fn no_file_holds_too_much_and_each_says_what_it_owns() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    assert!(files.len() > 100, "the sources were found");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        let shown = file.strip_prefix(root()).unwrap().display().to_string();
        assert!(
            text.starts_with("//!"),
            "{shown} does not begin with `//!`: what it owns"
        );
        if is_test(&shown) {
            continue;
        }
        assert!(
            lines <= FILE_LINES_MAX,
            "{shown} has {lines} lines; split it"
        );
        if shown.ends_with("src/lib.rs") || shown.ends_with("src/main.rs") {
            let code = text.lines().filter(|line| !line.starts_with("//!")).count();
            assert!(
                code <= ROOT_LINES_MAX,
                "{shown} has {code} lines of code; it holds mods and one entry"
            );
        }
    }
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests") && !path.contains("/src/")
        || path.ends_with("/tests.rs")
        || path.contains("/tests/")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                rust_files(&path, files);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// What each crate of the workspace depends on, tests and build scripts apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let known = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| dependency["name"].as_str().unwrap().to_string())
                .collect();
            (package["name"].as_str().unwrap().to_string(), known)
        })
        .collect()
}
