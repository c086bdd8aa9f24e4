//! Manifests of Envoy Gateway's users, as they stand (`tests/seeds`), on a cluster where Tollgate
//! has taken over their class: each object says what became of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tollgate_cluster::{
    Condition, NAMESPACE, applied, apply, conditions_of, install, kubectl, object, uninstall,
};
use tollgate_harness::{command::repository, eventually_within};

const MINUTE: Duration = Duration::from_secs(60);
/// Kinds in these files that no definition of ours describes.
const FOREIGN: &[&str] = &["ScaledObject"];
/// What Envoy Gateway's users have: its controller's name, claimed by this release.
const CLAIM: &str = "controllerNames={gateway.tollgate.dev/gatewayclass-controller,gateway.envoyproxy.io/gatewayclass-controller}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn seeds_are_accepted_as_they_stand_or_say_why_not() -> Result<()> {
    install(&[CLAIM]).await?;
    // It comes while controllers run, as when Envoy Gateway is installed beside them.
    apply("default", include_str!("seeds/security-policies.yaml")).await?;
    for namespace in ["gateway-system", "envoy-gateway-system"] {
        kubectl(&["create", "namespace", namespace]).await?;
    }
    // What the seeds refer to and do not bring: the Gateway of 08 and 09.
    apply(
        "default",
        &seed("01-gatewayclass-gateway")?.replace("task-api-gateway", "api-gateway"),
    )
    .await?;
    for name in [
        "01-gatewayclass-gateway",
        "02-httproute-application",
        "08-canary",
        "09-ab-test",
        "11-taskmanager-deployment",
        "12-taskmanager-gateway",
        "20-gatewayclass-envoyproxy-tracing",
        "30-public-gateway",
    ] {
        only_foreign_kinds_are_refused(name).await?;
    }

    for class in ["envoy-gateway", "eg", "envoy"] {
        says(
            "",
            &format!("gatewayclass/{class}"),
            "Accepted",
            "True",
            "Accepted",
        )
        .await?;
    }
    for gateway in [
        "task-api-gateway",
        "api-gateway",
        "task-gateway",
        "foo-gateway",
    ] {
        says(
            "default",
            &format!("gateway/{gateway}"),
            "Accepted",
            "True",
            "",
        )
        .await?;
    }
    for route in [
        "task-api-route",
        "canary-route",
        "ab-test-route",
        "task-route",
        "store-route",
    ] {
        says(
            "default",
            &format!("httproute/{route}"),
            "Accepted",
            "True",
            "Accepted",
        )
        .await?;
    }
    // Who may call is not enforced: nobody is let in, and both sides say so.
    let unenforced = says(
        "default",
        "securitypolicy/task-auth",
        "Accepted",
        "False",
        "UnsupportedValue",
    )
    .await?;
    ensure!(unenforced.message.contains("spec.jwt"), "{unenforced:?}");
    let closed = says(
        "default",
        "httproute/task-route",
        "Warning",
        "True",
        "UnsupportedValue",
    )
    .await?;
    ensure!(closed.message.contains("task-auth"), "{closed:?}");
    // Services that nobody made, and the one that 11 makes.
    let missing = says(
        "default",
        "httproute/canary-route",
        "ResolvedRefs",
        "False",
        "BackendNotFound",
    )
    .await?;
    ensure!(missing.message.contains("api-stable"), "{missing:?}");
    // A certificate that nobody made, named; then made.
    let listener = says(
        "default",
        "gateway/task-gateway",
        "ResolvedRefs",
        "False",
        "InvalidCertificateRef",
    )
    .await?;
    ensure!(listener.message.contains("task-api-tls"), "{listener:?}");
    // A listener that lets nobody of another namespace in says so at the route.
    let shut = says(
        "default",
        "httproute/web-route",
        "Accepted",
        "False",
        "NotAllowedByListeners",
    )
    .await?;
    ensure!(shut.message.contains("default"), "{shut:?}");

    cleaned().await
}

fn seed(name: &str) -> Result<String> {
    let path = repository().join(format!("tests/seeds/{name}.yaml"));
    std::fs::read_to_string(path).with_context(|| format!("read {name}"))
}

/// Applies a seed. Kinds without a definition here cannot be stored; everything else must be.
async fn only_foreign_kinds_are_refused(name: &str) -> Result<()> {
    let done = applied(&[], &seed(name)?).await?;
    for line in done.stderr.lines().filter(|line| line.contains("error:")) {
        let foreign = FOREIGN
            .iter()
            .any(|kind| line.contains(&format!("no matches for kind \"{kind}\"")));
        ensure!(foreign, "{name}: {line}");
    }
    let refused = done.stderr.contains("no matches for kind");
    ensure!(done.code == Some(0) || refused, "{name}: {}", done.stderr);
    Ok(())
}

/// Waits until an object has this condition; an empty reason is any.
async fn says(
    namespace: &str,
    what: &str,
    type_: &str,
    status: &str,
    reason: &str,
) -> Result<Condition> {
    let last = std::cell::RefCell::new(Vec::new());
    let waited = eventually_within(
        MINUTE,
        &format!("{what} says {type_}={status} {reason}"),
        || async {
            let conditions = conditions_of(&object(namespace, what).await.ok()?);
            let found = conditions.iter().find(|it| {
                it.type_ == type_
                    && it.status == status
                    && (reason.is_empty() || it.reason == reason)
            });
            let found = found.cloned();
            *last.borrow_mut() = conditions;
            found
        },
    )
    .await;
    waited.with_context(|| format!("{what} says {:#?}", last.borrow()))
}

async fn cleaned() -> Result<()> {
    let routes = "httproutes,gateways,backendtrafficpolicies.gateway.envoyproxy.io,securitypolicies,deployments";
    kubectl(&[
        "delete",
        routes,
        "--all",
        "-n",
        "default",
        "--timeout=60s",
        "--ignore-not-found",
    ])
    .await?;
    kubectl(&[
        "delete",
        "gatewayclass",
        "envoy-gateway",
        "eg",
        "envoy",
        "--timeout=60s",
    ])
    .await?;
    // Their Gateways' fleets go with them.
    kubectl(&[
        "delete",
        "namespace",
        "gateway-system",
        "envoy-gateway-system",
        "--timeout=100s",
    ])
    .await?;
    uninstall().await?;
    let definition = "customresourcedefinition/securitypolicies.gateway.envoyproxy.io";
    kubectl(&["delete", definition, "--timeout=60s"]).await?;
    kubectl(&["delete", "namespace", NAMESPACE, "--timeout=100s"])
        .await
        .map(drop)
}
