//! A place in the cluster for one test.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use prometheus::Registry;
use serde_json::{Value, json};
use tollgate_kubernetes::metrics::Metrics;
use tollgate_kubernetes::{Cluster, ConnectOptions};

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often to look while waiting.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Sandbox {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    pub(crate) metrics: Metrics,
    /// Cluster-wide objects to remove.
    removed: Vec<(ApiResource, String)>,
}

impl Sandbox {
    /// `None`, said aloud, where no cluster is named.
    pub(crate) async fn open(test: &str) -> Option<Self> {
        let Some(kubeconfig) = std::env::var_os("TOLLGATE_TEST_KUBECONFIG") else {
            say_not_run(test);
            return None;
        };
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_env_filter("tollgate_kubernetes=info,it=info,warn")
            .try_init();
        let options = ConnectOptions {
            kubeconfig: Some(PathBuf::from(kubeconfig)),
        };
        let cluster = Cluster::connect(&options).await.expect("a cluster");
        let namespace = format!("{test}-{:08x}", rand::random::<u32>());
        let sandbox = Self {
            cluster,
            namespace: namespace.clone(),
            metrics: Metrics::new(&Registry::new()).expect("metrics"),
            removed: vec![(core("Namespace", "namespaces"), namespace.clone())],
        };
        let body =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        sandbox.create(&core("Namespace", "namespaces"), body).await;
        Some(sandbox)
    }

    pub(crate) fn client(&self) -> Client {
        self.cluster.client()
    }

    /// A cluster-wide object that goes with the sandbox.
    pub(crate) async fn create_global(&mut self, resource: &ApiResource, body: Value) {
        let name = body["metadata"]["name"]
            .as_str()
            .expect("a name")
            .to_string();
        self.removed.push((resource.clone(), name));
        self.create(resource, body).await;
    }

    pub(crate) async fn create(&self, resource: &ApiResource, body: Value) -> DynamicObject {
        let object = serde_json::from_value(body).expect("an object");
        let api = self.api_of(resource, &object);
        let created = api.create(&PostParams::default(), &object).await;
        created.expect("created")
    }

    pub(crate) fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client(), &self.namespace, resource)
    }

    pub(crate) async fn merge(&self, resource: &ApiResource, name: &str, patch: Value) {
        let params = PatchParams::default();
        let patched = self
            .api(resource)
            .patch(name, &params, &Patch::Merge(&patch))
            .await;
        patched.expect("patched");
    }

    pub(crate) async fn merge_status(&self, resource: &ApiResource, name: &str, patch: Value) {
        let params = PatchParams::default();
        let patched = self
            .api(resource)
            .patch_status(name, &params, &Patch::Merge(&patch))
            .await;
        patched.expect("patched");
    }

    pub(crate) async fn delete(&self, resource: &ApiResource, name: &str) {
        let deleted = self
            .api(resource)
            .delete(name, &DeleteParams::default())
            .await;
        deleted.expect("deleted");
    }

    /// The object as JSON, when it is as wanted.
    pub(crate) async fn wait(
        &self,
        resource: &ApiResource,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut last = Value::Null;
        while tokio::time::Instant::now() < deadline {
            let object = self.api(resource).get_opt(name).await.expect("an answer");
            last = object.map_or(Value::Null, |it| serde_json::to_value(it).expect("JSON"));
            if wanted(&last) {
                return last;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("{} {name} is not as wanted: {last:#}", resource.kind);
    }

    /// Removes everything.
    pub(crate) async fn close(self) {
        for (resource, name) in &self.removed {
            let api: Api<DynamicObject> = Api::all_with(self.client(), resource);
            let _ = api.delete(name, &DeleteParams::default()).await;
        }
    }

    fn api_of(&self, resource: &ApiResource, object: &DynamicObject) -> Api<DynamicObject> {
        match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, resource),
            None => Api::all_with(self.client(), resource),
        }
    }
}

/// Past the harness, which hides what tests that pass print.
fn say_not_run(test: &str) {
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: {test}: TOLLGATE_TEST_KUBECONFIG names no cluster (tests/cluster/up makes one)"
    );
}

pub(crate) fn core(kind: &str, plural: &str) -> ApiResource {
    resource("", "v1", kind, plural)
}

pub(crate) fn gateway_api(kind: &str, plural: &str) -> ApiResource {
    resource("gateway.networking.k8s.io", "v1", kind, plural)
}

pub(crate) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = match group {
        "" => version.to_string(),
        group => format!("{group}/{version}"),
    };
    ApiResource {
        group: group.to_string(),
        version: version.to_string(),
        api_version,
        kind: kind.to_string(),
        plural: plural.to_string(),
    }
}
