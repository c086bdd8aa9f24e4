//! What every run has: a namespace, a Gateway with its proxy, a backend behind it; and the ways to
//! begin a run afresh.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::api::{DeleteParams, ListParams};
use kube::core::DynamicObject;
use kube::{Api, Client};
use tollgate_cluster::{NAMESPACE, apply, condition_true, kubectl};
use tollgate_harness::eventually_within;

use crate::controller::Controllers;
use crate::probe::Probe;
use crate::shape::Shape;

/// Where everything stands.
pub(crate) const SCALE: &str = "scale";
/// The Gateway.
pub(crate) const GATEWAY: &str = "scale";
/// The Service behind all routes, the AIServiceBackend, and the Secret with its key.
pub(crate) const BACKEND: &str = "backend";

/// The pods of the Gateway.
const PROXY: &str = "gateway.networking.k8s.io/gateway-name=scale";

const MINUTE: Duration = Duration::from_secs(60);

/// A namespace with a Gateway and a backend.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) probe: Probe,
}

// === impl Stage ===

impl Stage {
    /// Sets it up, or finds it.
    ///
    /// # Errors
    ///
    /// Something of it does not come about.
    pub(crate) async fn set(client: Client) -> Result<Self> {
        let namespaces = format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SCALE}}}\n");
        apply("default", &namespaces).await?;
        apply(SCALE, OBJECTS).await?;
        condition_true(SCALE, "deployment/backend", "Available", MINUTE).await?;
        let gateway = format!("gateway/{GATEWAY}");
        let gateway = condition_true(SCALE, &gateway, "Programmed", MINUTE).await?;
        // After an upgrade the proxy before may still be ending, and follow the controllers.
        eventually_within(MINUTE, "the Gateway has one proxy", || async {
            let all = ["get", "pods", "-n", SCALE, "-l", PROXY, "-o", "name"];
            let pods = kubectl(&all).await.ok()?;
            (pods.lines().count() == 1).then_some(())
        })
        .await?;
        let address = gateway["status"]["addresses"][0]["value"].as_str();
        let address = address.context("the Gateway has no address")?;
        let stage = Self {
            client,
            probe: Probe::new(address)?,
        };
        for shape in [Shape::Hosts, Shape::Ai, Shape::Compact] {
            stage.clear(shape).await?;
        }
        Ok(stage)
    }

    /// The routes of a shape.
    pub(crate) fn routes(&self, shape: Shape) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), SCALE, &shape.resource())
    }

    /// Removes all routes of a shape's kind.
    ///
    /// # Errors
    ///
    /// They do not go.
    pub(crate) async fn clear(&self, shape: Shape) -> Result<()> {
        let routes = self.routes(shape);
        let all = ListParams::default();
        eventually_within(MINUTE, "the routes of the last run are gone", || async {
            // A deletion of thousands may take longer than a call; it goes on.
            let _ = routes
                .delete_collection(&DeleteParams::default(), &all)
                .await;
            let left = routes.list_metadata(&all.clone().limit(1)).await.ok()?;
            left.items.is_empty().then_some(())
        })
        .await
    }

    /// New controllers, so that their memory and CPU are this run's alone.
    ///
    /// # Errors
    ///
    /// They do not come up, or the proxy does not follow them.
    pub(crate) async fn restart_controllers(&self) -> Result<Controllers> {
        let controller = "deployment/tollgate-controller";
        kubectl(&["rollout", "restart", controller, "-n", NAMESPACE]).await?;
        let timeout = "--timeout=100s";
        kubectl(&["rollout", "status", controller, "-n", NAMESPACE, timeout]).await?;
        eventually_within(MINUTE, "one controller leads, and is followed", || async {
            let controllers = Controllers::find(&self.client).await.ok()?;
            let followed = controllers.sum("tollgate_link_proxies").await.ok()?;
            (followed >= 1.0).then_some(controllers)
        })
        .await
    }
}

const OBJECTS: &str = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: scale}
spec:
  gatewayClassName: tollgate
  listeners: [{name: http, protocol: HTTP, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: backend}
spec:
  selector: {app: backend}
  ports: [{port: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend}
spec:
  selector: {matchLabels: {app: backend}}
  template:
    metadata: {labels: {app: backend}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: provider
        image: docker.io/tollgate/tollgate:next
        args: [provider, "--listen=0.0.0.0:8080"]
        # Without a request it would come after everybody else.
        resources: {requests: {cpu: 100m}}
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: backend}
spec:
  schema: {name: OpenAI, prefix: /v1}
  backendRef: {name: backend, kind: Backend, group: gateway.envoyproxy.io}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: backend}
spec:
  endpoints:
  - fqdn: {hostname: backend.scale.svc.cluster.local, port: 8080}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: backend}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: backend}]
  type: APIKey
  apiKey: {secretRef: {name: backend}}
---
apiVersion: v1
kind: Secret
metadata: {name: backend}
stringData: {apiKey: sk-backend}
"#;
