//! Sees to it that a child never outlives us, even when we are killed.
//!
//! A tiny shell waits on a pipe that only we hold open. When we are gone it reads the end of
//! the pipe and kills the child. (Linux's parent-death signal is no help: it is tied to the
//! thread that started the child, and runtime threads come and go.) The first process of a container
//! needs none: the kernel ends all others with it (pid_namespaces(7)).

use std::io;
use std::process::Stdio;

use tokio::process::{Child, Command};

const SCRIPT: &str = r#"cat >/dev/null; kill -9 "$1" 2>/dev/null"#;

/// The watcher of one child. Stop it as soon as the child has ended.
#[derive(Debug)]
pub(super) struct Guard {
    /// `None` where the kernel is the guard.
    shell: Option<Child>,
}

/// Id of the first process of a namespace.
const FIRST: u32 = 1;

// === impl Guard ===

impl Guard {
    /// Begins to guard the process `pid`.
    pub(super) fn start(pid: u32) -> io::Result<Self> {
        if std::process::id() == FIRST {
            return Ok(Self { shell: None });
        }
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "tollgate-guard", &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A Ctrl-C in our terminal is for us alone.
            .process_group(0)
            .spawn()?;
        Ok(Self { shell: Some(shell) })
    }

    /// Ends the guard without harm to what it guarded.
    pub(super) async fn stop(mut self) {
        let Some(shell) = &mut self.shell else { return };
        if let Err(error) = shell.kill().await {
            tracing::debug!(%error, "the guard of Envoy was gone already");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::process::Command;

    use super::Guard;

    #[tokio::test]
    async fn the_child_is_killed_when_the_pipe_to_us_ends() {
        let mut child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut guard = Guard::start(child.id().unwrap()).unwrap();
        // What the system does for us when we are killed.
        drop(guard.shell.take().map(|mut shell| shell.stdin.take()));
        let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
        assert!(!status.expect("the child must end").unwrap().success());
    }

    #[tokio::test]
    async fn a_stopped_guard_harms_nobody() {
        let mut child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Guard::start(child.id().unwrap()).unwrap().stop().await;
        assert!(child.try_wait().unwrap().is_none());
    }
}
