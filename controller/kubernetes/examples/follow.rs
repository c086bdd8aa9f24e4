//! Follows a cluster and logs each snapshot: `cargo run --example follow [KUBECONFIG]`.

use prometheus::{Registry, TextEncoder};
use tollgate_kubernetes::metrics::Metrics;
use tollgate_kubernetes::watch::WatchOptions;
use tollgate_kubernetes::{Cluster, ConnectOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter("follow=info,tollgate_kubernetes=debug,warn")
        .init();
    let options = ConnectOptions {
        kubeconfig: std::env::args_os().nth(1).map(Into::into),
    };
    let registry = Registry::new();
    let cluster = Cluster::connect(&options).await?;
    let mut snapshots = cluster.follow(WatchOptions::default(), Metrics::new(&registry)?);
    loop {
        let snapshot = snapshots.next().await?;
        tracing::info!(broken = snapshot.broken.len(), "snapshot");
        let metrics = TextEncoder::new().encode_to_string(&registry.gather())?;
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            tracing::debug!(line);
        }
    }
}
