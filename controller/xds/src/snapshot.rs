//! Resources as they are sent: encoded once, each with a version that is a hash of its encoding,
//! so that delta xDS sends what changed and nothing else. Fed by `build`, read by `serve`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;

use envoy::well_known::Any;
use envoy::{Message, Name};

use crate::Resources;

/// The kinds of resources, in the order in which changes are sent: what is referred to goes
/// before what refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    /// CDS
    Cluster,
    /// EDS
    Endpoint,
    /// SDS
    Secret,
    /// LDS
    Listener,
    /// RDS
    Route,
}

/// One resource. It may hold a key, so only its version shows in `Debug`.
#[derive(Clone, PartialEq)]
pub struct EncodedResource {
    /// Equal for equal content.
    pub version: String,
    /// The resource.
    pub resource: Any,
}

/// All resources of one gateway at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    version: String,
    resources: BTreeMap<ResourceType, Encoded>,
}

/// By name; shared with other snapshots that have the same.
type Encoded = BTreeMap<String, Arc<EncodedResource>>;

// === impl ResourceType ===

impl ResourceType {
    /// All of them, in sending order.
    pub const ALL: [Self; 5] = [
        Self::Cluster,
        Self::Endpoint,
        Self::Secret,
        Self::Listener,
        Self::Route,
    ];

    /// As xDS names it.
    pub fn type_url(self) -> String {
        match self {
            Self::Cluster => envoy::cluster::Cluster::type_url(),
            Self::Endpoint => envoy::endpoint::ClusterLoadAssignment::type_url(),
            Self::Secret => envoy::tls::Secret::type_url(),
            Self::Listener => envoy::listener::Listener::type_url(),
            Self::Route => envoy::route::RouteConfiguration::type_url(),
        }
    }

    /// The kind that xDS names so.
    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Encodes resources.
    pub fn new(resources: &Resources) -> Self {
        Self::default().update(resources)
    }

    /// The snapshot of other resources. Those that this one has are taken over from it: they are
    /// neither hashed nor kept twice.
    pub fn update(&self, resources: &Resources) -> Self {
        let Resources {
            listeners,
            routes,
            clusters,
            endpoints,
            secrets,
        } = resources;
        let secrets = secrets.iter().map(|(name, it)| (name, it.expose()));
        let resources = BTreeMap::from([
            self.encode_all(ResourceType::Cluster, clusters),
            self.encode_all(ResourceType::Endpoint, endpoints),
            self.encode_all(ResourceType::Secret, secrets),
            self.encode_all(ResourceType::Listener, listeners),
            self.encode_all(ResourceType::Route, routes),
        ]);
        let mut digest = Sha256::new();
        for (name, resource) in resources.values().flatten() {
            // Names hold no NUL, so no two lists of names and versions give the same bytes.
            digest.update(name.as_bytes());
            digest.update([0]);
            digest.update(resource.version.as_bytes());
            digest.update([0]);
        }
        Self {
            version: hex(&digest.finalize()),
            resources,
        }
    }

    /// Equal for equal content.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Resources of one kind, by name.
    pub fn resources(&self, kind: ResourceType) -> impl Iterator<Item = (&str, &EncodedResource)> {
        self.resources
            .get(&kind)
            .into_iter()
            .flatten()
            .map(|(name, resource)| (name.as_str(), resource.as_ref()))
    }

    /// One resource.
    pub fn resource(&self, kind: ResourceType, name: &str) -> Option<&EncodedResource> {
        Some(self.resources.get(&kind)?.get(name)?.as_ref())
    }

    fn encode_all<'a, T: Message + Name + 'a>(
        &self,
        kind: ResourceType,
        resources: impl IntoIterator<Item = (&'a String, &'a T)>,
    ) -> (ResourceType, Encoded) {
        let known = self.resources.get(&kind);
        let encoded = resources.into_iter().map(|(name, resource)| {
            let resource = envoy::pack(resource);
            let same = known
                .and_then(|known| known.get(name))
                .filter(|known| known.resource == resource);
            let encoded = match same {
                Some(same) => Arc::clone(same),
                None => Arc::new(EncodedResource::new(resource)),
            };
            (name.clone(), encoded)
        });
        (kind, encoded.collect())
    }
}

// === impl EncodedResource ===

impl EncodedResource {
    fn new(resource: Any) -> Self {
        let version = hex(&Sha256::digest(&resource.value));
        Self { version, resource }
    }
}

impl fmt::Debug for EncodedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedResource")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The first 16 hex digits.
fn hex(digest: &[u8]) -> String {
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
