//! What a gateway is rendered to, by kind and name. Made by `build`, read by `snapshot` and by
//! whoever rolls it out.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_envoy as envoy;
use tollgate_secret::Secret;

use crate::RouteTable;

/// All resources of one gateway, by name. Cheap to clone; where two share a resource, comparing
/// them does not look into it.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// One for each port.
    pub listeners: BTreeMap<String, Arc<envoy::listener::Listener>>,
    /// One for each port with HTTP, and for each server name with HTTPS.
    pub routes: BTreeMap<String, Arc<RouteTable>>,
    /// Backends, and services of our own.
    pub clusters: BTreeMap<String, Arc<envoy::cluster::Cluster>>,
    /// Endpoints of those clusters whose endpoints are all addresses.
    pub endpoints: BTreeMap<String, Arc<envoy::endpoint::ClusterLoadAssignment>>,
    /// Trusted certificate authorities, and certificates with their keys. Provider credentials
    /// are not here: they travel in the bundle.
    pub secrets: BTreeMap<String, Secret<envoy::tls::Secret>>,
}

/// A cluster with what it refers to.
pub(crate) struct BuiltCluster {
    pub(crate) cluster: envoy::cluster::Cluster,
    /// Sent apart where all endpoints are addresses, so that a change does not close connections.
    pub(crate) endpoints: Option<envoy::endpoint::ClusterLoadAssignment>,
    pub(crate) secrets: Vec<envoy::tls::Secret>,
}

/// A cluster of other resources.
pub(crate) struct SameCluster {
    pub(crate) cluster: Arc<envoy::cluster::Cluster>,
    pub(crate) endpoints: Option<Arc<envoy::endpoint::ClusterLoadAssignment>>,
}

// === impl Resources ===

impl Resources {
    pub(crate) fn add(&mut self, built: BuiltCluster) {
        let BuiltCluster {
            cluster,
            endpoints,
            secrets,
        } = built;
        self.add_secrets(secrets);
        self.add_again(SameCluster {
            cluster: Arc::new(cluster),
            endpoints: endpoints.map(Arc::new),
        });
    }

    pub(crate) fn add_again(&mut self, same: SameCluster) {
        let SameCluster { cluster, endpoints } = same;
        let name = cluster.name.clone();
        if let Some(endpoints) = endpoints {
            self.endpoints.insert(name.clone(), endpoints);
        }
        self.clusters.insert(name, cluster);
    }

    pub(crate) fn add_secrets(&mut self, secrets: Vec<envoy::tls::Secret>) {
        for secret in secrets {
            let name = secret.name.clone();
            self.secrets.insert(name, Secret::new(secret));
        }
    }
}

impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            listeners,
            routes,
            clusters,
            endpoints,
            secrets,
        } = self;
        same(listeners, &other.listeners)
            && same(clusters, &other.clusters)
            && same(endpoints, &other.endpoints)
            && *secrets == other.secrets
            && same(routes, &other.routes)
    }
}

fn same<T: PartialEq>(ours: &BTreeMap<String, Arc<T>>, theirs: &BTreeMap<String, Arc<T>>) -> bool {
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|((name, ours), (other, theirs))| {
                name == other && (Arc::ptr_eq(ours, theirs) || ours == theirs)
            })
}
