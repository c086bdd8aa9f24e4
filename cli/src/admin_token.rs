//! The bearer token of `/v1/budgets`: given by the operator, or random and kept in the private
//! runtime folder of the gateway, where a command of the same user finds it.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use tollgate_secret::Secret;

use crate::misuse::Misuse;

/// Names the token's value in the environment.
pub(crate) const VARIABLE: &str = "TOLLGATE_ADMIN_TOKEN";
/// A shorter token can be guessed.
const BYTES_MIN: usize = 16;
/// Folders of gateways; `tollgate_proxy::infra::runtime_dir` makes them.
const FOLDER_PREFIX: &str = "tollgate-";

/// A token as the gateway compares it.
#[derive(Clone)]
pub(crate) struct AdminToken {
    digest: [u8; 32],
}

// === impl AdminToken ===

impl AdminToken {
    /// The operator's token, or a random one that is written to `folder`.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or the token is too short.
    pub(crate) fn resolve(
        file: Option<&Path>,
        folder: &Path,
        admin_port: u16,
    ) -> anyhow::Result<Self> {
        let given = match file {
            Some(path) => Some(read(path)?),
            None => std::env::var(VARIABLE)
                .ok()
                .map(|text| parse(&text, VARIABLE))
                .transpose()?,
        };
        if let Some(token) = given {
            return Ok(Self::of(token.expose()));
        }
        let token = format!(
            "{:032x}{:032x}",
            rand::random::<u128>(),
            rand::random::<u128>()
        );
        let path = folder.join(file_name(admin_port));
        write_private(&path, &token)
            .with_context(|| format!("keep the admin token in {}", path.display()))?;
        tracing::info!(path = %path.display(), "a random admin token was made");
        Ok(Self::of(&token))
    }

    pub(crate) fn of(token: &str) -> Self {
        Self {
            digest: Sha256::digest(token.as_bytes()).into(),
        }
    }

    /// Whether this is the token. How long it takes says nothing of where the two differ: digests
    /// are compared, and all of their bytes.
    pub(crate) fn is(&self, token: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let pairs = self.digest.iter().zip(other);
        std::hint::black_box(pairs.fold(0, |sum, (a, b)| sum | (a ^ b))) == 0
    }
}

/// The token that a command sends to the gateway at `admin`.
///
/// # Errors
///
/// There is none, or it cannot be read.
pub(crate) fn find(file: Option<&Path>, admin: &str) -> anyhow::Result<Secret<String>> {
    if let Some(path) = file {
        return read(path);
    }
    if let Ok(text) = std::env::var(VARIABLE) {
        return parse(&text, VARIABLE);
    }
    let port = local_port(admin).with_context(|| {
        format!(
            "{admin} is not on this machine: name its admin token with --token-file or {VARIABLE}"
        )
    })?;
    let path = newest(&folders(), &file_name(port)).with_context(|| {
        format!(
            "no gateway of this user with admin port {port} has left its admin token on this machine: \
             start one, or name the token with --token-file or {VARIABLE}"
        )
    })?;
    read(&path)
}

fn file_name(port: u16) -> String {
    format!("admin-{port}.token")
}

fn read(path: &Path) -> anyhow::Result<Secret<String>> {
    let text = fs::read_to_string(path)
        .map_err(|error| Misuse(format!("the admin token file {}: {error}", path.display())))?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, of: &str) -> anyhow::Result<Secret<String>> {
    let token = text.trim();
    if token.len() < BYTES_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let rule = format!(
            "the admin token in {of} must be at least {BYTES_MIN} printable ASCII characters without \
             spaces"
        );
        return Err(Misuse(rule).into());
    }
    Ok(Secret::new(token.to_string()))
}

fn write_private(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(token.as_bytes())
}

/// The port of a URL that leads to this machine.
fn local_port(admin: &str) -> Option<u16> {
    let url = reqwest::Url::parse(admin).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']).to_string();
    let is_local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    is_local.then(|| url.port_or_known_default())?
}

/// Where gateways make their folders.
fn folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut folders: Vec<PathBuf> = runtime
        .into_iter()
        .chain([std::env::temp_dir(), PathBuf::from("/tmp")])
        .collect();
    folders.dedup();
    folders
}

/// The newest file of this name in a gateway's folder that belongs to this user: a gateway that
/// was killed leaves its own behind.
fn newest(parents: &[PathBuf], name: &str) -> Option<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let mut found: Option<(SystemTime, PathBuf)> = None;
    for parent in parents {
        for folder in fs::read_dir(parent).into_iter().flatten().flatten() {
            if !folder
                .file_name()
                .to_string_lossy()
                .starts_with(FOLDER_PREFIX)
            {
                continue;
            }
            let path = folder.path().join(name);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            let is_ours =
                metadata.is_file() && metadata.uid() == user && metadata.mode() & 0o077 == 0;
            let Ok(made) = metadata.modified() else {
                continue;
            };
            if is_ours && found.as_ref().is_none_or(|(newest, _)| *newest < made) {
                found = Some((made, path));
            }
        }
    }
    found.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{AdminToken, file_name, fs, local_port, newest, parse, write_private};

    #[test]
    fn only_the_very_token_is_taken() {
        let token = AdminToken::of("0123456789abcdef");
        assert!(token.is("0123456789abcdef"));
        for other in [
            "",
            "0123456789abcdeg",
            "0123456789abcde",
            "0123456789abcdef0",
        ] {
            assert!(!token.is(other), "{other:?}");
        }
    }

    #[test]
    fn short_and_unprintable_tokens_are_refused() {
        assert!(parse("0123456789abcdef\n", "f").is_ok());
        for bad in ["", "short", "0123456789 abcdef", "0123456789abcdé"] {
            assert!(parse(bad, "f").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_token_is_private_and_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("tollgate-x");
        fs::create_dir(&folder).unwrap();
        let path = folder.join(file_name(7));
        write_private(&path, "0123456789abcdef").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let parents = [parent.path().to_path_buf()];
        assert_eq!(newest(&parents, &file_name(7)), Some(path.clone()));
        assert_eq!(newest(&parents, &file_name(8)), None);
        // One that others may read is not taken.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(newest(&parents, &file_name(7)), None);
    }

    #[test]
    fn token_is_looked_for_only_where_the_gateway_is_on_this_machine() {
        assert_eq!(local_port("http://127.0.0.1:1064"), Some(1064));
        assert_eq!(local_port("http://[::1]:1064/"), Some(1064));
        assert_eq!(local_port("http://localhost"), Some(80));
        assert_eq!(local_port("http://10.0.0.1:1064"), None);
        assert_eq!(local_port("nonsense"), None);
    }
}
