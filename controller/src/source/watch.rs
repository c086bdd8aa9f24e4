//! Tells when the files behind a list of paths have changed.
//!
//! Folders are watched rather than files, so that editors which save by renaming, symlinked
//! ConfigMap mounts and files that appear later are seen. Where the system cannot watch (or
//! forgets to tell), a slow look at sizes and times finds the change too.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::files::list_files;

/// Most folders watched; what is beyond is seen by the slow look alone.
const FOLDERS_MAX: usize = 1024;

/// A time stamp younger than this may be given to one more write.
const TIMESTAMP_GRAIN: Duration = Duration::from_millis(20);

/// When a change is told.
#[derive(Clone, Copy, Debug)]
pub struct WatchTiming {
    /// Told once nothing has happened for this long,
    pub quiet: Duration,
    /// or this long after the first event of a burst.
    pub burst_max: Duration,
    /// Time between two looks at sizes and times.
    pub poll: Duration,
}

/// Changes of the watched paths. Dropping it ends the watch.
#[derive(Debug)]
pub struct FileChanges {
    changes: mpsc::Receiver<()>,
    task: JoinHandle<()>,
}

/// Begins to watch. Load the paths after this returns, and no change is missed.
pub fn watch_paths(paths: Vec<PathBuf>, timing: WatchTiming) -> FileChanges {
    let (tx, changes) = mpsc::channel(1);
    let (event_tx, events) = mpsc::channel(1);
    let mut watch = Watch {
        watcher: new_watcher(event_tx.clone()),
        seen: Fingerprint::of(&paths),
        paths,
    };
    watch.watch_folders();
    // `event_tx` is kept so that `events` stays open when there is no watcher.
    let task = tokio::spawn(async move { watch.run(timing, events, event_tx, tx).await });
    FileChanges { changes, task }
}

struct Watch {
    watcher: Option<RecommendedWatcher>,
    paths: Vec<PathBuf>,
    seen: Fingerprint,
}

/// What the system says about the files, without their content.
struct Fingerprint {
    files: Vec<(PathBuf, FileStamp)>,
    /// No file was written so recently that its next write could have the same time.
    settled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    len: u64,
    modified: Option<SystemTime>,
}

// === impl WatchTiming ===

impl Default for WatchTiming {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(50),
            burst_max: Duration::from_millis(200),
            poll: Duration::from_secs(2),
        }
    }
}

// === impl FileChanges ===

impl FileChanges {
    /// Waits until something has changed since the last time this returned.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The task lives as long as this value; without it nothing changes any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for FileChanges {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Watch ===

impl Watch {
    async fn run(
        &mut self,
        timing: WatchTiming,
        mut events: mpsc::Receiver<()>,
        _events_open: mpsc::Sender<()>,
        tx: mpsc::Sender<()>,
    ) {
        let mut poll = interval(timing.poll);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = events.recv() => until_quiet(&mut events, timing).await,
                _ = poll.tick() => {}
                () = sleep(timing.burst_max), if !self.seen.settled => {}
            }
            let now = Fingerprint::of(&self.paths);
            let changed = now.files != self.seen.files || !self.seen.settled;
            self.seen = now;
            self.watch_folders();
            if changed {
                // A full channel already holds the news.
                let _ = tx.try_send(());
            }
            if tx.is_closed() {
                return;
            }
        }
    }

    /// Watches all folders that matter now. Asking again for one that is watched costs nothing,
    /// and catches the one that was removed and made anew.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in folders(&self.paths, &self.seen).iter().take(FOLDERS_MAX) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "folder is polled, not watched");
            }
        }
    }
}

fn new_watcher(tx: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let handler = move |event: notify::Result<notify::Event>| {
        // Reading is an event too: our own would make us read for ever.
        if !matches!(
            event,
            Ok(notify::Event {
                kind: EventKind::Access(_),
                ..
            })
        ) {
            let _ = tx.try_send(());
        }
    };
    match notify::recommended_watcher(handler) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "cannot watch files; they are looked at from time to time");
            None
        }
    }
}

async fn until_quiet(events: &mut mpsc::Receiver<()>, timing: WatchTiming) {
    let end = Instant::now() + timing.burst_max;
    loop {
        let quiet = (Instant::now() + timing.quiet).min(end);
        match timeout_at(quiet, events.recv()).await {
            Ok(Some(())) if Instant::now() < end => {}
            _ => return,
        }
    }
}

/// The given folders, the parents of what is given, and where symbolic links lead.
fn folders(paths: &[PathBuf], seen: &Fingerprint) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for path in paths {
        if path.is_dir() {
            folders.insert(path.clone());
        }
        folders.extend(parent(path));
    }
    for (file, _) in &seen.files {
        let target = std::fs::canonicalize(file).ok();
        folders.extend(target.as_deref().and_then(parent));
    }
    folders
}

fn parent(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let here = parent.as_os_str().is_empty();
    Some(if here {
        PathBuf::from(".")
    } else {
        parent.to_path_buf()
    })
}

// === impl Fingerprint ===

impl Fingerprint {
    fn of(paths: &[PathBuf]) -> Self {
        let files: Vec<(PathBuf, FileStamp)> = list_files(paths)
            .files
            .into_iter()
            .filter_map(|file| {
                let stamp = FileStamp::of(&std::fs::metadata(&file).ok()?);
                Some((file, stamp))
            })
            .collect();
        let now = SystemTime::now();
        let fresh = |stamp: &FileStamp| {
            stamp.modified.is_some_and(|at| {
                now.duration_since(at)
                    .is_ok_and(|age| age < TIMESTAMP_GRAIN)
            })
        };
        let settled = !files.iter().any(|(_, stamp)| fresh(stamp));
        Self { files, settled }
    }
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

#[cfg(test)]
mod tests;
