//! Changes of files, as editors and Kubernetes make them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{FileChanges, WatchTiming, watch_paths};

/// A watch that has only the system's events: the slow look comes too late to help.
fn events_only(path: &Path) -> FileChanges {
    let timing = WatchTiming {
        poll: Duration::from_secs(3600),
        ..WatchTiming::default()
    };
    watch_paths(vec![path.to_path_buf()], timing)
}

async fn expect_change(changes: &mut FileChanges, what: &str) -> Duration {
    let start = Instant::now();
    tokio::time::timeout(Duration::from_secs(10), changes.changed())
        .await
        .unwrap_or_else(|_| panic!("no change was told after: {what}"));
    start.elapsed()
}

/// Takes what earlier writes may still have to tell, so that the next news is of the next write.
async fn settle(changes: &mut FileChanges) {
    while tokio::time::timeout(Duration::from_millis(300), changes.changed())
        .await
        .is_ok()
    {}
}

#[tokio::test]
async fn each_way_to_change_a_folder_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    fs::write(&a, "a: 1").unwrap();
    let mut changes = events_only(dir.path());
    settle(&mut changes).await;
    type Step<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let steps: [Step<'_>; 4] = [
        (
            "a write in place",
            Box::new(|| fs::write(&a, "a: 2").unwrap()),
        ),
        ("a new file", Box::new(|| fs::write(&b, "b: 1").unwrap())),
        (
            "a save by rename",
            Box::new(|| {
                let temporary = dir.path().join(".a.yaml.swp");
                fs::write(&temporary, "a: 3").unwrap();
                fs::rename(&temporary, &a).unwrap();
            }),
        ),
        ("a removal", Box::new(|| fs::remove_file(&b).unwrap())),
    ];
    for (what, step) in steps {
        step();
        let elapsed = expect_change(&mut changes, what).await;
        assert!(
            elapsed < Duration::from_secs(1),
            "{what}: told after {elapsed:?}"
        );
        settle(&mut changes).await;
    }
}

#[tokio::test]
async fn a_swapped_config_map_mount_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for (version, text) in [("..v1", "a: 1"), ("..v2", "a: 2")] {
        fs::create_dir(dir.path().join(version)).unwrap();
        fs::write(dir.path().join(version).join("a.yaml"), text).unwrap();
    }
    symlink("..v1", dir.path().join("..data")).unwrap();
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let mut changes = events_only(&dir.path().join("a.yaml"));
    settle(&mut changes).await;
    symlink("..v2", dir.path().join("..data_tmp")).unwrap();
    fs::rename(dir.path().join("..data_tmp"), dir.path().join("..data")).unwrap();
    expect_change(&mut changes, "the swap of ..data").await;
}

#[tokio::test]
async fn a_folder_that_is_removed_and_made_anew_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("conf");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), "a: 1").unwrap();
    let mut changes = events_only(&folder);
    settle(&mut changes).await;
    fs::remove_dir_all(&folder).unwrap();
    expect_change(&mut changes, "the removal of the folder").await;
    settle(&mut changes).await;
    fs::create_dir(&folder).unwrap();
    settle(&mut changes).await;
    fs::write(folder.join("b.yaml"), "b: 1").unwrap();
    expect_change(&mut changes, "a file in the new folder").await;
}

#[tokio::test]
async fn a_neighbour_of_a_watched_file_tells_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    fs::write(&file, "a: 1").unwrap();
    let mut changes = events_only(&file);
    settle(&mut changes).await;
    fs::write(dir.path().join("other.yaml"), "b: 1").unwrap();
    fs::read(&file).unwrap();
    let told = tokio::time::timeout(Duration::from_millis(400), changes.changed()).await;
    assert!(
        told.is_err(),
        "a change was told though the file is the same"
    );
}

#[tokio::test]
async fn without_events_the_slow_look_finds_the_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    fs::write(&file, "a: 1").unwrap();
    let paths = vec![file.clone()];
    let mut watch = super::Watch {
        watcher: None,
        seen: super::Fingerprint::of(&paths),
        paths,
    };
    let timing = WatchTiming {
        poll: Duration::from_millis(30),
        ..WatchTiming::default()
    };
    let (event_tx, events) = tokio::sync::mpsc::channel(1);
    let (tx, changes) = tokio::sync::mpsc::channel(1);
    let task = tokio::spawn(async move { watch.run(timing, events, event_tx, tx).await });
    let mut changes = FileChanges { changes, task };
    settle(&mut changes).await;
    fs::write(&file, "a: 22").unwrap();
    expect_change(&mut changes, "a write without events").await;
}
