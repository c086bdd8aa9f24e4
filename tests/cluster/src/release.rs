//! The Helm releases: install, upgrade, uninstall, and what is left afterwards.

use std::{cell::RefCell, time::Duration};

use anyhow::{Context, Result};
use tollgate_harness::eventually_within;

use crate::kubectl;
use crate::kubectl::{run, said};

/// Proxies that are told to end serve for some seconds more.
const LEAVING_MAX: Duration = Duration::from_secs(90);

/// Namespace of the release.
pub const NAMESPACE: &str = "tollgate-system";

/// Installs both charts, as `charts/package` wrote them, and waits until the controllers are ready.
///
/// # Errors
///
/// Helm failed.
pub async fn install(values: &[&str]) -> Result<()> {
    helm(&["install", "tollgate-crds", "target/charts/tollgate-crds"]).await?;
    let mut args = vec![
        "install",
        "tollgate",
        "target/charts/tollgate",
        "--namespace",
        NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "100s",
    ];
    args.extend(values.iter().flat_map(|value| ["--set", value]));
    helm(&args).await.map(drop)
}

/// Upgrades the release of the controller and waits until its pods are ready.
///
/// # Errors
///
/// Helm failed.
pub async fn upgrade(values: &[&str]) -> Result<()> {
    let mut args = vec![
        "upgrade",
        "tollgate",
        "target/charts/tollgate",
        "--namespace",
        NAMESPACE,
        "--reuse-values",
        "--wait",
        "--timeout",
        "100s",
    ];
    args.extend(values.iter().flat_map(|value| ["--set", value]));
    helm(&args).await.map(drop)
}

/// Uninstalls both charts and waits until their objects are gone: by looking, since Helm 4 takes
/// what is being deleted for a failure now and then (helm/helm#31766).
///
/// # Errors
///
/// Helm failed, or something is left.
pub async fn uninstall() -> Result<()> {
    for (release, namespace) in [("tollgate", NAMESPACE), ("tollgate-crds", "default")] {
        helm(&[
            "uninstall",
            release,
            "--namespace",
            namespace,
            "--ignore-not-found",
        ])
        .await?;
    }
    nothing_is_left().await
}

/// `helm test` and others.
async fn helm(args: &[&str]) -> Result<String> {
    said(
        &format!("helm {}", args.join(" ")),
        run("helm", args).await?,
    )
}

/// Waits until no object of a release or a fleet is left, definitions apart.
///
/// # Errors
///
/// Some are left in the end, and which.
pub async fn nothing_is_left() -> Result<()> {
    let last = RefCell::new(Vec::new());
    let waited = eventually_within(LEAVING_MAX, "nothing is left but definitions", || async {
        *last.borrow_mut() = leftovers().await.ok()?;
        last.borrow().is_empty().then_some(())
    })
    .await;
    waited.with_context(|| format!("left behind: {:#?}", last.borrow()))
}

/// Every object that is still there of a release and of the fleets, definitions apart, as
/// `kind/name` lines: whatever lies in the release's namespace, and whatever carries our label.
async fn leftovers() -> Result<Vec<String>> {
    let kinds = |namespaced: &'static str| async move {
        let listed = kubectl(&["api-resources", "--verbs=list", "-o", "name", namespaced]).await?;
        let kinds: Vec<&str> = listed
            .lines()
            .filter(|kind| !kind.starts_with("events") && !kind.starts_with("componentstatuses"))
            .collect();
        anyhow::Ok(kinds.join(","))
    };
    let (namespaced, global) = (
        kinds("--namespaced=true").await?,
        kinds("--namespaced=false").await?,
    );
    let label = "app.kubernetes.io/name=tollgate";
    let mut found = kubectl(&["get", &namespaced, "--namespace", NAMESPACE, "-o", "name"]).await?;
    found += &kubectl(&[
        "get",
        &namespaced,
        "--all-namespaces",
        "-l",
        label,
        "-o",
        "name",
    ])
    .await?;
    found += &kubectl(&["get", &global, "-l", label, "-o", "name"]).await?;
    // What every namespace has.
    let given = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
    Ok(found
        .lines()
        .filter(|line| !given.contains(line))
        .map(str::to_string)
        .collect())
}
