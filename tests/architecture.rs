//! The invariants of ARCHITECTURE.md that a test can check: which crate may not know which, how
//! large a file may grow, and that the map is whole.

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
    "hyper-util",
    "notify",
    "redis",
    "reqwest",
    "tokio",
    "tokio-rustls",
    "tokio-stream",
    "tonic",
];
/// Crates that know Kubernetes.
const KUBERNETES: &[&str] = &[
    "gateway-api",
    "k8s-openapi",
    "kube",
    "tollgate-crds",
    "tollgate-fleet",
    "tollgate-kubernetes",
    "tollgate-translate",
];
/// Crates that know Envoy.
const ENVOY: &[&str] = &["envoy-types", "tollgate-envoy"];
/// Crates that know how Envoy is told.
const XDS: &[&str] = &["tollgate-xds"];
/// What controller and proxy say to each other.
const LINK: &[&str] = &["tollgate-link"];
/// Crates that serve requests.
const DATA_PLANE: &[&str] = &[
    "tollgate-extproc",
    "tollgate-proxy",
    "tollgate-ratelimit",
    "tollgate-uplink",
];

/// Crates that test the product from outside, or stand in for what is outside; they know each
/// other alone.
const BLACK_BOX: &[&str] = &[
    "tollgate-cluster",
    "tollgate-harness",
    "tollgate-ports",
    "tollgate-provider",
    "tollgate-torture",
];
/// Crates that measure the product, and may look inside.
const MEASURING: &[&str] = &["tollgate-bench", "tollgate-scale"];

/// Crate → what must not be among its dependencies, nor behind those of them that are ours.
/// `tests/` has a rule of its own.
fn forbidden() -> BTreeMap<&'static str, Vec<&'static [&'static str]>> {
    BTreeMap::from([
        // The binary joins all.
        ("tollgate", vec![]),
        ("tollgate-budget", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-bootstrap", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-bundle", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-controller", vec![ENVOY, XDS, DATA_PLANE]),
        ("tollgate-cost", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-crds", vec![ASYNC, ENVOY, XDS, LINK, DATA_PLANE]),
        ("tollgate-engine", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-envoy", vec![ASYNC, KUBERNETES]),
        ("tollgate-extproc", vec![KUBERNETES, XDS, LINK]),
        ("tollgate-fleet", vec![ASYNC, ENVOY, XDS, LINK, DATA_PLANE]),
        ("tollgate-host", vec![KUBERNETES, ENVOY, XDS, LINK]),
        ("tollgate-ir", vec![ASYNC, KUBERNETES, ENVOY]),
        ("tollgate-kubernetes", vec![ENVOY, XDS, LINK, DATA_PLANE]),
        ("tollgate-ledger", vec![KUBERNETES, ENVOY]),
        ("tollgate-link", vec![KUBERNETES, ENVOY, XDS, DATA_PLANE]),
        ("tollgate-llm", vec![ASYNC, KUBERNETES, ENVOY]),
        // It speaks to Envoy in C, and knows none of its protobuf.
        ("tollgate-module", vec![KUBERNETES, ENVOY, XDS, LINK]),
        ("tollgate-pki", vec![ASYNC, KUBERNETES, ENVOY]),
        // It reaches Envoy through `xds`, see `the_proxy_names_no_type_of_envoys_protocol`.
        ("tollgate-proxy", vec![KUBERNETES, LINK]),
        ("tollgate-ratelimit", vec![KUBERNETES, XDS, LINK]),
        ("tollgate-redis", vec![KUBERNETES, ENVOY]),
        ("tollgate-secret", vec![ASYNC, KUBERNETES, ENVOY]),
        (
            "tollgate-translate",
            vec![ASYNC, ENVOY, XDS, LINK, DATA_PLANE],
        ),
        ("tollgate-uplink", vec![KUBERNETES, ENVOY, XDS, LINK]),
        ("tollgate-xds", vec![KUBERNETES, LINK, DATA_PLANE]),
    ])
}

#[test]
fn no_crate_depends_on_what_it_must_not_know() {
    let dependencies = dependencies();
    for (name, lists) in forbidden() {
        let reached = reached(name, &dependencies);
        for banned in lists.into_iter().flatten() {
            assert!(
                !reached.contains(*banned) || *banned == name,
                "{name} must not depend on {banned}, nor on what does"
            );
        }
    }
}

#[test]
fn every_crate_has_a_rule_and_a_line_in_the_map() {
    let ruled: BTreeSet<String> = forbidden()
        .into_keys()
        .chain(BLACK_BOX.iter().chain(MEASURING).copied())
        .map(str::to_string)
        .collect();
    let there: BTreeSet<String> = dependencies().into_keys().collect();
    assert_eq!(ruled, there);
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, map) = text.split_once("## The map").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, members) = manifest.split_once("members = [").unwrap();
    let (members, _) = members.split_once(']').unwrap();
    for folder in members.split('"').skip(1).step_by(2) {
        assert!(
            map.contains(&format!("`{folder}`")),
            "the map of ARCHITECTURE.md has no line for {folder}"
        );
    }
}

#[test]
fn tests_from_outside_know_nothing_of_the_inside_and_nothing_depends_on_tests() {
    let tests: BTreeSet<&str> = BLACK_BOX.iter().chain(MEASURING).copied().collect();
    for (name, known) in dependencies() {
        let of_tests: Vec<&String> = known
            .iter()
            .filter(|it| tests.contains(it.as_str()))
            .collect();
        if BLACK_BOX.contains(&name.as_str()) {
            let ours = known.iter().filter(|it| it.starts_with("tollgate"));
            let inside: Vec<&String> = ours.filter(|it| !tests.contains(it.as_str())).collect();
            assert!(inside.is_empty(), "{name} tests from outside: {inside:?}");
        } else if name == "tollgate" {
            // `tollgate provider` and the demo are part of the product.
            assert_eq!(of_tests, ["tollgate-provider"]);
        } else if !tests.contains(name.as_str()) {
            assert!(of_tests.is_empty(), "{name} depends on tests: {of_tests:?}");
        }
    }
}

#[test]
fn the_proxy_names_no_type_of_envoys_protocol() {
    let dependencies = dependencies();
    let known = dependencies.get("tollgate-proxy").unwrap();
    for banned in ENVOY {
        assert!(!known.contains(*banned), "tollgate-proxy names {banned}");
    }
}

#[test]
fn one_crate_of_the_product_speaks_to_an_api_server() {
    let speaking: Vec<String> = packages()
        .iter()
        .filter(|package| {
            let mut known = package["dependencies"].as_array().unwrap().iter();
            known.any(|it| {
                it["name"] == "kube"
                    && it["kind"].is_null()
                    && it["features"]
                        .as_array()
                        .unwrap()
                        .contains(&"client".into())
            })
        })
        .map(|package| package["name"].as_str().unwrap().to_string())
        .filter(|name| !MEASURING.contains(&name.as_str()))
        .collect();
    assert_eq!(speaking, ["tollgate-kubernetes"]);
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
    for data_plane in DATA_PLANE {
        let seeing: Vec<String> = dependencies()
            .into_iter()
            .filter(|(_, known)| {
                known.contains("tollgate-controller") && known.contains(*data_plane)
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

/// The compiler forbids it everywhere else, by the workspace's lints; the module denies it, and its
/// interface to Envoy alone expects it.
#[test]
fn unsafe_code_stands_in_the_interface_to_envoy_alone() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    let mut expecting: Vec<String> = files
        .iter()
        .filter(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            text.contains(concat!("expect(unsafe", "_code"))
                || text.contains(concat!("allow(unsafe", "_code"))
        })
        .map(|file| file.strip_prefix(root()).unwrap().display().to_string())
        .collect();
    expecting.sort();
    assert_eq!(expecting, ["module/src/abi.rs"]);
    let lenient: Vec<String> = packages()
        .iter()
        .map(|package| package["manifest_path"].as_str().unwrap().to_string())
        .filter(|manifest| {
            let text = std::fs::read_to_string(manifest).unwrap();
            !text.contains("[lints]\nworkspace = true")
        })
        .map(|manifest| {
            Path::new(&manifest)
                .strip_prefix(root())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    assert_eq!(lenient, ["module/Cargo.toml"]);
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

/// What a crate depends on, directly or through crates of ours.
fn reached(name: &str, dependencies: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut next = vec![name.to_string()];
    while let Some(name) = next.pop() {
        for known in dependencies.get(&name).into_iter().flatten() {
            if reached.insert(known.clone()) {
                next.push(known.clone());
            }
        }
    }
    reached
}

/// What each crate of the workspace depends on, tests and build scripts apart.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    packages()
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

/// The crates of the workspace, as cargo tells of them.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}
