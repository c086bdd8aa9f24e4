//! The YAML in this folder is what the types say.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn committed_yaml_is_what_the_types_make() {
    let files = tollgate_crds::yaml_files();
    for (name, text) in &files {
        let on_disk = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(on_disk == *text, "crds/{name} is stale: run `make crds`");
    }
    let names: BTreeSet<_> = files.iter().map(|(name, _)| (*name).to_string()).collect();
    let on_disk: BTreeSet<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(on_disk, names, "a file has no kind: remove it");
}

/// Every schema below `value`, with its path.
fn schemas<'a>(path: String, value: &'a Value, out: &mut Vec<(String, &'a Value)>) {
    for (name, schema) in value["properties"].as_object().into_iter().flatten() {
        schemas(format!("{path}.{name}"), schema, out);
    }
    for keyword in ["items", "additionalProperties"] {
        if value[keyword].is_object() {
            schemas(format!("{path}[]"), &value[keyword], out);
        }
    }
    out.push((path, value));
}

/// What an API server demands of a structural schema, and what it only warns about.
#[test]
fn schemas_are_structural_and_use_formats_that_kubernetes_knows() {
    for (name, text) in tollgate_crds::yaml_files() {
        let crd: Value = serde_saphyr::from_str(&text).unwrap();
        for version in crd["spec"]["versions"].as_array().unwrap() {
            let mut all = Vec::new();
            schemas(
                name.to_string(),
                &version["schema"]["openAPIV3Schema"],
                &mut all,
            );
            assert!(all.len() > 15, "{name} describes nothing");
            for (path, schema) in all {
                let open = schema["x-kubernetes-preserve-unknown-fields"] == true
                    || schema["x-kubernetes-int-or-string"] == true;
                assert!(
                    open || schema["type"].is_string(),
                    "{path} has no type: {schema}"
                );
                for keyword in [
                    "$ref",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "not",
                    "nullable",
                    "definitions",
                ] {
                    assert!(schema.get(keyword).is_none(), "{path} has {keyword}");
                }
                let format = schema["format"].as_str().unwrap_or("int64");
                assert!(
                    ["int32", "int64", "date-time"].contains(&format),
                    "{path}: {format}"
                );
            }
        }
    }
}

#[test]
fn one_version_of_each_kind_is_stored_and_ai_gateway_kinds_serve_two() {
    for (name, text) in tollgate_crds::yaml_files() {
        let crd: Value = serde_saphyr::from_str(&text).unwrap();
        let versions = crd["spec"]["versions"].as_array().unwrap();
        let stored: Vec<_> = versions
            .iter()
            .filter(|v| v["storage"] == true)
            .map(|v| v["name"].as_str().unwrap())
            .collect();
        // Envoy AI Gateway has QuotaPolicy in one version only.
        let has_two = name.starts_with("aigateway.") && !name.contains("quotapolicies");
        let (expect_stored, expect_count) = match has_two {
            true => ("v1beta1", 2),
            false => ("v1alpha1", 1),
        };
        assert_eq!(
            (stored, versions.len()),
            (vec![expect_stored], expect_count),
            "{name}"
        );
        assert!(
            versions
                .iter()
                .all(|v| v["served"] == true && v["subresources"]["status"].is_object()),
            "{name}"
        );
    }
}
