//! The manifests under `tests/seeds` are accepted as they are.

use std::path::Path;

use serde_json::Value;

use super::super::{ObjectError, parse_object_with_warnings};

fn documents() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/seeds");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let values = serde_saphyr::from_multiple::<Value>(&text)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            values
                .into_iter()
                .map(move |value| (name.clone(), value))
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn seed_manifests_of_known_kinds_have_no_violations() {
    let mut accepted = 0;
    for (file, value) in documents() {
        let api_version = value["apiVersion"].as_str().unwrap().to_string();
        let kind = value["kind"].as_str().unwrap().to_string();
        match parse_object_with_warnings(value) {
            Ok((object, warnings)) => {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                assert_eq!(object.group_kind(), (group, kind.as_str()), "{file}");
                assert!(
                    warnings.is_empty(),
                    "{file}: {} has {warnings:?}",
                    object.name()
                );
                accepted += 1;
            }
            Err(ObjectError::UnknownKind { .. }) => {}
            Err(error) => panic!("{file}: {error}"),
        }
    }
    assert!(
        accepted >= 10,
        "only {accepted} documents were of a known kind"
    );
}
