//! A small controller: snapshots → translation → statuses, as the product joins them.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tollgate_kubernetes::events::{EventOptions, Events};
use tollgate_kubernetes::status::{StatusOptions, StatusWriter, Wanted};
use tollgate_kubernetes::watch::{Scope, Snapshot, WatchOptions};
use tollgate_translate::{Options, translate};

use crate::sandbox::{PATIENCE, Sandbox, gateway_api};

pub(crate) struct Control {
    /// Name of the controller, and of its class.
    pub(crate) controller: String,
    pub(crate) class: String,
    /// The newest snapshot, and what became of it.
    pub(crate) newest: watch::Receiver<(Snapshot, Wanted)>,
    task: JoinHandle<()>,
}

impl Control {
    /// With a class of its own, looking at the sandbox's namespace only.
    pub(crate) async fn start(sandbox: &mut Sandbox, options: Options) -> Self {
        let class = sandbox.namespace.clone();
        let controller = options.controller_name.clone();
        let body = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": class}, "spec": {"controllerName": controller}});
        let classes = gateway_api("GatewayClass", "gatewayclasses");
        sandbox.create_global(&classes, body).await;
        let scope = Scope::parse([sandbox.namespace.clone()], None).expect("a scope");
        let (cluster, metrics) = (&sandbox.cluster, &sandbox.metrics);
        let mut snapshots = cluster.follow(WatchOptions { scope }, metrics.clone());
        let event_options = EventOptions {
            controller: controller.clone(),
            instance: "test".to_string(),
        };
        let status_options = StatusOptions {
            controllers: vec![controller.clone()],
            events: Some(Events::start(cluster, event_options, metrics.clone())),
        };
        let (leads_tx, leads) = watch::channel(true);
        let writer =
            StatusWriter::start(cluster, &snapshots, leads, status_options, metrics.clone());
        let (newest_tx, newest) = watch::channel(Default::default());
        let task = tokio::spawn(async move {
            let _leads = leads_tx;
            while let Ok(snapshot) = snapshots.next().await {
                let wanted = Wanted {
                    statuses: Arc::new(translate(&snapshot.world, &options).statuses),
                    broken: Arc::clone(&snapshot.broken),
                };
                writer.want(wanted.clone());
                newest_tx.send_replace((snapshot, wanted));
            }
        });
        Self {
            controller,
            class,
            newest,
            task,
        }
    }

    /// Waits for a snapshot.
    pub(crate) async fn wait(&mut self, wanted: impl FnMut(&(Snapshot, Wanted)) -> bool) {
        let found = tokio::time::timeout(PATIENCE, self.newest.wait_for(wanted)).await;
        drop(found.expect("in time").expect("the controller lives"));
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}
