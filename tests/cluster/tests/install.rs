//! docs/install.md, run: its five commands lead from nothing to a served call, and its last ones
//! to nothing again.

use anyhow::{Context, Result, ensure};
use tollgate_cluster::{Command, NAMESPACE, commands_of, kubectl, nothing_is_left, shell};
use tollgate_harness::command::repository;

fn commands(heading: &str) -> Result<Vec<Command>> {
    let text = std::fs::read_to_string(repository().join("docs/install.md")).context("read it")?;
    let mut commands = commands_of(&text);
    commands.retain(|command| command.heading == heading);
    Ok(commands)
}

#[tokio::test]
async fn five_commands_lead_from_helm_install_to_a_served_call() -> Result<()> {
    let five = commands("Five commands")?;
    assert_eq!(five.len(), 5, "{five:#?}");
    let mut last = String::new();
    for command in five {
        last = shell(&command.line).await?;
    }
    ensure!(
        last.contains("chat.completion"),
        "the call was answered with {last:?}"
    );

    let uninstall = commands("Uninstall")?;
    ensure!(
        !uninstall.is_empty(),
        "docs/install.md does not say how to uninstall"
    );
    for command in uninstall {
        shell(&command.line).await?;
    }
    nothing_is_left().await?;
    kubectl(&["delete", "namespace", NAMESPACE, "--timeout=100s"])
        .await
        .map(drop)
}
