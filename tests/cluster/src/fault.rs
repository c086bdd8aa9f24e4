//! What may happen to processes of the node: they hang, or die at once. The tests run inside its
//! PID namespace, so its processes are theirs to see.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Processes that do nothing until this is dropped.
pub struct Frozen(Vec<u32>);

/// Makes processes hang, as one that swaps, or whose machine is paused.
///
/// # Errors
///
/// There are none, or one of them is gone.
pub fn freeze(processes: Vec<u32>) -> Result<Frozen> {
    ensure!(!processes.is_empty(), "there are no processes to freeze");
    let frozen = Frozen(processes);
    for process in &frozen.0 {
        signal("-STOP", *process)?;
    }
    Ok(frozen)
}

/// Kills processes as a lack of memory does: at once, without a word to them.
///
/// # Errors
///
/// There are none.
pub fn kill(processes: &[u32]) -> Result<()> {
    ensure!(!processes.is_empty(), "there are no processes to kill");
    for process in processes {
        // A child may go with its parent.
        let _ = signal("-KILL", *process);
    }
    Ok(())
}

/// The API server.
///
/// # Errors
///
/// The cluster's folder does not say.
pub fn api_server() -> Result<u32> {
    let folder = std::env::var("TOLLGATE_CLUSTER_DIR").context("TOLLGATE_CLUSTER_DIR")?;
    let path = Path::new(&folder).join("apiserver.pid");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    text.trim()
        .parse()
        .with_context(|| format!("{}: {text:?}", path.display()))
}

/// Processes of a pod of ours, by the name that its environment has.
///
/// # Errors
///
/// There is no `/proc`.
pub fn processes_of(pod: &str) -> Result<Vec<u32>> {
    let wanted = format!("POD_NAME={pod}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("list /proc")? {
        let name = entry.context("list /proc")?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ends meanwhile is none any more.
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable == wanted.as_bytes()) {
            found.push(process);
        }
    }
    Ok(found)
}

fn signal(signal: &str, process: u32) -> Result<()> {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status()
        .context("run kill")?;
    ensure!(sent.success(), "kill {signal} {process} failed");
    Ok(())
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            // It may have been killed meanwhile.
            let _ = signal("-CONT", *process);
        }
    }
}
