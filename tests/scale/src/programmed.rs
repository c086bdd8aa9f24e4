//! How soon a new Gateway is programmed: its proxy runs, has an address and what it serves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use tokio::time::sleep;
use tollgate_cluster::conditions_of;

use crate::stage::{SCALE, Stage};

/// Between two looks at the status.
const EVERY: Duration = Duration::from_millis(10);
/// Longest wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Creates Gateways one after the other; the time of each, sorted.
///
/// # Errors
///
/// One is not programmed in time.
pub(crate) async fn measure(stage: &Stage, times: usize) -> Result<Vec<Duration>> {
    let resource = ApiResource {
        group: "gateway.networking.k8s.io".to_string(),
        version: "v1".to_string(),
        api_version: "gateway.networking.k8s.io/v1".to_string(),
        kind: "Gateway".to_string(),
        plural: "gateways".to_string(),
    };
    let gateways = Api::namespaced_with(stage.client.clone(), SCALE, &resource);
    let mut taken = Vec::new();
    for number in 0..times {
        let name = format!("programmed-{number}");
        // One of an earlier run that broke off.
        let _ = gateways.delete(&name, &DeleteParams::default()).await;
        taken.push(programmed(&gateways, &name).await?);
        let deleted = gateways.delete(&name, &DeleteParams::default()).await;
        deleted.with_context(|| format!("delete Gateway {name}"))?;
    }
    taken.sort();
    Ok(taken)
}

async fn programmed(gateways: &Api<DynamicObject>, name: &str) -> Result<Duration> {
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name},
        "spec": {
            "gatewayClassName": "tollgate",
            "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}],
        },
    });
    let gateway = serde_json::from_value(gateway).context("make a Gateway")?;
    let created = gateways.create(&PostParams::default(), &gateway).await;
    created.with_context(|| format!("create Gateway {name}"))?;
    let accepted = Instant::now();
    loop {
        let gateway = gateways.get(name).await.context("read a Gateway")?;
        // Listeners have conditions of the same name.
        let own: Value = json!({"status": {"conditions": gateway.data["status"]["conditions"]}});
        let conditions = conditions_of(&own);
        let is_programmed =
            |it: &tollgate_cluster::Condition| it.type_ == "Programmed" && it.status == "True";
        if conditions.iter().any(is_programmed) {
            return Ok(accepted.elapsed());
        }
        if accepted.elapsed() > PATIENCE {
            bail!("Gateway {name} is not programmed after {PATIENCE:?}: {conditions:?}");
        }
        sleep(EVERY).await;
    }
}
