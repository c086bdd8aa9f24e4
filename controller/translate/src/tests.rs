//! Goldens: `testdata/<sentence>.in.yaml` → `.out.yaml`, and all seeds. To accept what is made
//! now: `INSTA_UPDATE=always cargo test -p tollgate-translate`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tollgate_crds::{ObjectError, parse_object};

use crate::{CONTROLLER_NAME, Cluster, Mode, Options, Standalone, World, translate};

/// First line of a case that runs as in a cluster.
const CLUSTER_MARK: &str = "# cluster";

/// A line of a case that tells where a provider is.
const PROVIDER_URL_MARK: &str = "# provider-url ";

/// What every value of a Secret in the cases begins with.
const CANARY: &str = "sk-canary";

/// Fewer cases than this mean that somebody moved the folder.
const CASES_MIN: usize = 30;

#[test]
fn every_case_gives_its_golden() {
    let mut cases = 0;
    for path in files("testdata", ".in.yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let kept = path.to_str().unwrap().replace(".in.yaml", ".out.yaml");
        check(&golden(&text), Path::new(&kept));
        cases += 1;
    }
    assert!(cases >= CASES_MIN, "{cases} cases");
}

#[test]
fn every_seed_gives_its_golden() {
    for path in files("../../tests/seeds", ".yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let kept = format!(
            "{}/testdata/seed-{name}.out.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        check(&golden(&text), Path::new(&kept));
    }
}

#[test]
fn no_golden_shows_a_secret() {
    let mut secrets = 0;
    for path in files("testdata", ".in.yaml") {
        secrets += std::fs::read_to_string(&path)
            .unwrap()
            .matches(CANARY)
            .count();
    }
    assert!(secrets > 10, "{secrets} secrets in the cases");
    for path in files("testdata", ".out.yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        for secret in [CANARY, "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{} shows a secret", path.display());
        }
    }
}

#[test]
fn a_world_prints_no_secret() {
    let text =
        "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {apiKey: sk-canary-0}}";
    let world = world(text);
    assert_eq!(world.secrets.len(), 1);
    assert!(!format!("{world:?}").contains(CANARY));
}

/// Translates a case and prints what comes of it.
fn golden(text: &str) -> String {
    let (world, options) = (world(text), options(text));
    let translation = translate(&world, &options);
    assert_eq!(translation, translate(&world, &options), "two runs differ");
    serde_saphyr::to_string(&translation).unwrap()
}

/// The objects of a case; kinds that nobody reads are skipped, as the file provider does.
fn world(text: &str) -> World {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .filter_map(|document| match parse_object(document) {
            Ok(object) => Some(object),
            Err(ObjectError::UnknownKind { .. }) => None,
            Err(error) => panic!("{error}"),
        })
        .collect()
}

/// Options of one machine, without overrides.
pub(crate) fn standalone() -> Options {
    options("")
}

fn options(text: &str) -> Options {
    let provider_urls = text
        .lines()
        .filter_map(|line| line.strip_prefix(PROVIDER_URL_MARK))
        .map(|line| {
            let (name, url) = line.split_once('=').unwrap();
            (name.to_string(), url.parse().unwrap())
        })
        .collect();
    let mode = if text.starts_with(CLUSTER_MARK) {
        Mode::Cluster(Cluster::default())
    } else {
        Mode::Standalone(Standalone {
            default_port: 1975,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            provider_urls,
        })
    };
    Options {
        controller_name: CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode,
    }
}

/// Compares with what is kept, or keeps it.
#[track_caller]
fn check(actual: &str, kept: &Path) {
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(kept, actual).unwrap();
    }
    let expect = std::fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(actual, expect, "{}", kept.display());
}

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending))
        .collect();
    files.sort();
    files
}
