//! One run of the binary, or of a script beside it, to its end; and the processes it started.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::gateway::PROVIDER_VARIABLES;

/// Longest run of a command.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// Runs `binary` with `args` and without provider keys, from the root of the repository.
///
/// # Errors
///
/// It cannot be started, or does not end.
pub async fn run(binary: &str, args: &[&str]) -> Result<Finished> {
    let mut command = Command::new(binary);
    command.args(args);
    run_command(command).await
}

/// Runs a command that was made ready by the caller, from the root of the repository.
///
/// # Errors
///
/// It cannot be started, or does not end.
pub async fn run_command(mut command: Command) -> Result<Finished> {
    for name in PROVIDER_VARIABLES {
        command.env_remove(name);
    }
    let running = command
        .current_dir(repository())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Output {
        status,
        stdout,
        stderr,
    } = tokio::time::timeout(PATIENCE, running)
        .await
        .with_context(|| format!("the command did not end within {PATIENCE:?}"))?
        .context("start the command")?;
    Ok(Finished {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// `kill SIGNAL PID`; the signal as `-TERM`.
///
/// # Errors
///
/// The signal could not be sent.
pub async fn send_signal(signal: &str, pid: u32) -> Result<()> {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .await
        .context("run kill")?;
    ensure!(sent.success(), "kill {signal} {pid} failed");
    Ok(())
}

/// Root of the repository.
pub fn repository() -> &'static Path {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.ancestors().nth(2).unwrap_or(harness)
}

/// Process ids and command lines of the children of `pid`, from `/proc`.
///
/// # Errors
///
/// There is no `/proc`.
pub fn children(pid: u32) -> Result<Vec<(u32, Vec<String>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("list /proc")? {
        let name = entry.context("list /proc")?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that ends meanwhile is no child any more.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{child}/stat")) else {
            continue;
        };
        let Ok(line) = std::fs::read(format!("/proc/{child}/cmdline")) else {
            continue;
        };
        // The name between parentheses may hold anything; state and parent follow it.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if parent.and_then(|parent| parent.parse().ok()) == Some(pid) {
            let words = line.split(|byte| *byte == 0);
            let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
            found.push((child, words.filter(|word| !word.is_empty()).collect()));
        }
    }
    Ok(found)
}
