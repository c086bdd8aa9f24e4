//! Resources as they are sent: encoded once, each with a version that is a hash of its encoding,
//! so that delta xDS sends what changed and nothing else. Fed by `build`, read by `serve`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;
use tollgate_secret::Secret;

use envoy::well_known;
use envoy::{Message, Name};

use crate::{Resources, RouteTable};

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
    pub resource: well_known::Any,
}

/// All resources of one gateway at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    version: String,
    resources: BTreeMap<ResourceType, Encoded>,
}

/// By name.
type Encoded = BTreeMap<String, Kept>;

/// Shared with other snapshots that have the same.
#[derive(Clone)]
struct Kept {
    encoded: Arc<EncodedResource>,
    /// What it was encoded from; kept, so that no other can come to be at its address.
    source: Option<Arc<dyn Any + Send + Sync>>,
}

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
        let resources = BTreeMap::from([
            self.keep_all(ResourceType::Cluster, clusters),
            self.keep_all(ResourceType::Endpoint, endpoints),
            self.keep_secrets(secrets),
            self.keep_all(ResourceType::Listener, listeners),
            self.keep_routes(routes),
        ]);
        let mut digest = Sha256::new();
        for (name, Kept { encoded, .. }) in resources.values().flatten() {
            // Names hold no NUL, so no two lists of names and versions give the same bytes.
            digest.update(name.as_bytes());
            digest.update([0]);
            digest.update(encoded.version.as_bytes());
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
            .map(|(name, kept)| (name.as_str(), kept.encoded.as_ref()))
    }

    /// One resource.
    pub fn resource(&self, kind: ResourceType, name: &str) -> Option<&EncodedResource> {
        Some(self.resources.get(&kind)?.get(name)?.encoded.as_ref())
    }

    fn keep_all<T: Message + Name + 'static>(
        &self,
        kind: ResourceType,
        resources: &BTreeMap<String, Arc<T>>,
    ) -> (ResourceType, Encoded) {
        let kept = resources.iter().map(|(name, resource)| {
            let known = self.resources.get(&kind).and_then(|known| known.get(name));
            let same = known.filter(|known| known.is_from(resource));
            let kept = same.cloned().unwrap_or_else(|| Kept {
                encoded: encode(resource.as_ref(), known),
                source: Some(Arc::clone(resource) as _),
            });
            (name.clone(), kept)
        });
        (kind, kept.collect())
    }

    fn keep_routes(&self, routes: &BTreeMap<String, Arc<RouteTable>>) -> (ResourceType, Encoded) {
        let kind = ResourceType::Route;
        let kept = routes.iter().map(|(name, table)| {
            let known = self.resources.get(&kind).and_then(|known| known.get(name));
            let same = known.filter(|known| known.is_from(table));
            let kept = same.cloned().unwrap_or_else(|| {
                let version = hex(&table.digest());
                let same = known.filter(|known| known.encoded.version == version);
                let encode = || {
                    let resource = table.pack();
                    Arc::new(EncodedResource { version, resource })
                };
                Kept {
                    encoded: same.map_or_else(encode, |same| Arc::clone(&same.encoded)),
                    source: Some(Arc::clone(table) as _),
                }
            });
            (name.clone(), kept)
        });
        (kind, kept.collect())
    }

    fn keep_secrets(
        &self,
        secrets: &BTreeMap<String, Secret<envoy::tls::Secret>>,
    ) -> (ResourceType, Encoded) {
        let kind = ResourceType::Secret;
        let kept = secrets.iter().map(|(name, secret)| {
            let known = self.resources.get(&kind).and_then(|known| known.get(name));
            let kept = Kept {
                encoded: encode(secret.expose(), known),
                source: None,
            };
            (name.clone(), kept)
        });
        (kind, kept.collect())
    }
}

// === impl Kept ===

impl Kept {
    fn is_from<T>(&self, resource: &Arc<T>) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(|source| std::ptr::addr_eq(Arc::as_ptr(source), Arc::as_ptr(resource)))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encoded.fmt(f)
    }
}

// === impl EncodedResource ===

impl EncodedResource {
    fn new(resource: well_known::Any) -> Self {
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

/// Encodes a resource, or takes over the same encoding.
fn encode<T: Message + Name>(resource: &T, known: Option<&Kept>) -> Arc<EncodedResource> {
    let resource = envoy::pack(resource);
    match known.filter(|known| known.encoded.resource == resource) {
        Some(same) => Arc::clone(&same.encoded),
        None => Arc::new(EncodedResource::new(resource)),
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
