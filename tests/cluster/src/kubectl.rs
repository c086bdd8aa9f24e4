//! kubectl, as a person calls it. Every call has a deadline and says what went wrong.

use std::{io::Write, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tollgate_harness::{
    command::{Finished, run_command},
    eventually_within,
};

use crate::{Condition, conditions_of};

/// Runs kubectl and returns what it printed.
///
/// # Errors
///
/// It failed, or did not end.
pub async fn kubectl(args: &[&str]) -> Result<String> {
    said(
        &format!("kubectl {}", args.join(" ")),
        run("kubectl", args).await?,
    )
}

/// Runs a line of shell from the root of the repository and returns what it printed.
///
/// # Errors
///
/// It failed, or did not end.
pub async fn shell(line: &str) -> Result<String> {
    said(line, run("bash", &["-euo", "pipefail", "-c", line]).await?)
}

pub(crate) async fn run(program: &str, args: &[&str]) -> Result<Finished> {
    let mut command = Command::new(program);
    command.args(args);
    run_command(command).await
}

pub(crate) fn said(what: &str, finished: Finished) -> Result<String> {
    let Finished {
        code,
        stdout,
        stderr,
    } = finished;
    ensure!(
        code == Some(0),
        "`{what}` ended with {code:?}:\n{stdout}{stderr}"
    );
    Ok(stdout)
}

/// `kubectl apply` of manifests.
///
/// # Errors
///
/// One of them is refused.
pub async fn apply(namespace: &str, yaml: &str) -> Result<()> {
    let done = applied(&["--namespace", namespace], yaml).await?;
    said("kubectl apply", done).map(drop)
}

/// As [`apply`], with flags, for manifests of which some may be refused: what kubectl said.
///
/// # Errors
///
/// kubectl did not run.
pub async fn applied(flags: &[&str], yaml: &str) -> Result<Finished> {
    let mut file = tempfile::NamedTempFile::new().context("make a file")?;
    file.write_all(yaml.as_bytes()).context("write manifests")?;
    let path = file.path().display().to_string();
    run("kubectl", &[&["apply", "-f", &path], flags].concat()).await
}

/// An object, such as `gateway/ai`; `null` where there is none.
///
/// # Errors
///
/// kubectl failed.
pub async fn object(namespace: &str, what: &str) -> Result<Value> {
    let text = kubectl(&[
        "get",
        what,
        "--namespace",
        namespace,
        "--ignore-not-found",
        "-o",
        "json",
    ])
    .await?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("read {what}"))
}

/// Names of the pods with these labels that are neither ending nor unready.
///
/// # Errors
///
/// kubectl failed.
pub async fn pods(namespace: &str, selector: &str) -> Result<Vec<Value>> {
    let text = kubectl(&[
        "get",
        "pods",
        "--namespace",
        namespace,
        "-l",
        selector,
        "-o",
        "json",
    ])
    .await?;
    let list: Value = serde_json::from_str(&text).context("read pods")?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Ok(items.into_iter().filter(is_serving).collect())
}

fn is_serving(pod: &Value) -> bool {
    let ready = conditions_of(pod)
        .iter()
        .any(|it| it.type_ == "Ready" && it.status == "True");
    ready && pod["metadata"]["deletionTimestamp"].is_null()
}

/// Waits until a condition of an object is true for its present generation.
///
/// # Errors
///
/// It is not in time; the error has all conditions of the object.
pub async fn condition_true(
    namespace: &str,
    what: &str,
    condition: &str,
    patience: Duration,
) -> Result<Value> {
    let last = std::cell::RefCell::new(Vec::new());
    let waited = eventually_within(patience, &format!("{what} is {condition}"), || async {
        let object = object(namespace, what).await.ok()?;
        let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
        let conditions = conditions_of(&object);
        let holds = |it: &Condition| {
            it.type_ == condition
                && it.status == "True"
                && (it.observed_generation == 0 || it.observed_generation == generation)
        };
        let of_type = conditions.iter().filter(|it| it.type_ == condition);
        let well = of_type.clone().count() > 0 && of_type.clone().all(holds);
        *last.borrow_mut() = conditions;
        well.then_some(object)
    })
    .await;
    waited.with_context(|| format!("{namespace}/{what} says {:#?}", last.borrow()))
}

/// Deletes a pod as the end of its node would: at once, without a word to it.
///
/// # Errors
///
/// kubectl failed.
pub async fn force_delete_pod(namespace: &str, name: &str) -> Result<()> {
    kubectl(&[
        "delete",
        "pod",
        name,
        "--namespace",
        namespace,
        "--grace-period=0",
        "--force",
        "--wait=false",
    ])
    .await
    .map(drop)
}
