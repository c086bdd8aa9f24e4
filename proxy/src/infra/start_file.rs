//! The file that Envoy starts with. One that users have changed is tried first, by Envoy itself, so
//! that no proxy stays away because of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;
use tokio::time::timeout;
use tollgate_ir as ir;
use tollgate_xds::{BootstrapOptions, bootstrap, bootstrap_of};

use crate::refused::{Instead, Refused};

/// Longest time that Envoy may take to look at it.
const TRIAL_MAX: Duration = Duration::from_secs(20);
/// Longest text of Envoy's that is told.
const WORDS_BYTES_MAX: usize = 1024;

/// Writes the file into a folder of our own; the newest settings that Envoy takes are in it: all,
/// those without the users' change, or none. What it does not take comes with it.
///
/// # Errors
/// When the file cannot be written.
pub(crate) async fn write(
    folder: &Path,
    options: &BootstrapOptions,
    (settings, binary): (&ir::Bootstrap, &Path),
) -> anyhow::Result<(PathBuf, Option<Refused>)> {
    let path = folder.join("bootstrap.json");
    let unchanged = ir::Bootstrap {
        change: None,
        ..settings.clone()
    };
    let mut refused = None;
    for candidate in [settings, &unchanged] {
        if candidate.is_default() {
            break;
        }
        let tried = match bootstrap_of(options, candidate) {
            Ok(content) => {
                put(&path, &content.to_string())?;
                accepts(binary, &path).await
            }
            Err(error) => Err(error.to_string()),
        };
        match tried {
            Ok(()) => return Ok((path, refused)),
            Err(error) => {
                tracing::warn!(
                    piece = settings.name,
                    "envoy refuses its bootstrap: {error}"
                );
                refused.get_or_insert(Refused {
                    name: settings.name.clone(),
                    instead: Instead::Nothing,
                    error,
                });
            }
        }
    }
    put(&path, &bootstrap(options).to_string())?;
    Ok((path, refused))
}

fn put(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether Envoy would start with the file; else its words.
async fn accepts(binary: &Path, path: &Path) -> Result<(), String> {
    let trial = Command::new(binary)
        .args(["--mode", "validate", "--config-path"])
        .arg(path)
        .args(["--disable-hot-restart", "--concurrency", "1"])
        .args(["--log-level", "error", "--log-format", "%v"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = match timeout(TRIAL_MAX, trial).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("it cannot be tried: {error}")),
        Err(_) => {
            let seconds = TRIAL_MAX.as_secs();
            return Err(format!("it is not tried within {seconds} s"));
        }
    };
    match output.status.success() {
        true => Ok(()),
        false => Err(words(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// What is said, in one line.
fn words(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut words = lines.collect::<Vec<_>>().join("; ");
    if words.len() > WORDS_BYTES_MAX {
        words.truncate(words.floor_char_boundary(WORDS_BYTES_MAX));
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{WORDS_BYTES_MAX, words};

    #[test]
    fn words_of_envoy_are_one_line_of_bounded_length() {
        assert_eq!(words("a\n\n  b \n"), "a; b");
        let long = words(&"ä".repeat(WORDS_BYTES_MAX));
        assert!(
            long.len() <= WORDS_BYTES_MAX + '…'.len_utf8(),
            "{}",
            long.len()
        );
        assert!(long.ends_with('…'));
    }
}
