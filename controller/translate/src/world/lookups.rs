//! Answers to questions that a translation asks for every route, made once for each snapshot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::World;
use crate::backend_tls_policy::BackendTlsPolicies;
use crate::{NamespacedName, k8s};

/// Label of an EndpointSlice that names its Service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Made at the first question, for all copies; whoever changes an object that an answer may depend
/// on must put an empty one in its place. No part of a snapshot's value: all are equal.
#[derive(Clone, Default)]
pub(crate) struct Lookups(Arc<OnceLock<Answers>>);

#[derive(Debug)]
struct Answers {
    /// Names of EndpointSlices by the Service that they belong to.
    slices: BTreeMap<NamespacedName, Vec<NamespacedName>>,
    tls_policies: BackendTlsPolicies,
}

// === impl World ===

impl World {
    /// The EndpointSlices of a Service, by name.
    pub(crate) fn slices_of(
        &self,
        service: &NamespacedName,
    ) -> impl Iterator<Item = &k8s::EndpointSlice> {
        let names = self.answers().slices.get(service);
        names
            .into_iter()
            .flatten()
            .filter_map(|name| self.endpoint_slices.get(name))
    }

    /// Every BackendTLSPolicy by its targets.
    pub(crate) fn tls_policies(&self) -> &BackendTlsPolicies {
        &self.answers().tls_policies
    }

    fn answers(&self) -> &Answers {
        self.lookups.0.get_or_init(|| Answers {
            slices: slices(self),
            tls_policies: BackendTlsPolicies::new(self),
        })
    }
}

// === impl Lookups ===

impl PartialEq for Lookups {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookups")
    }
}

fn slices(world: &World) -> BTreeMap<NamespacedName, Vec<NamespacedName>> {
    let mut slices: BTreeMap<NamespacedName, Vec<NamespacedName>> = BTreeMap::new();
    for (name, slice) in &world.endpoint_slices {
        let labels = slice.metadata.labels.as_ref();
        if let Some(service) = labels.and_then(|labels| labels.get(SERVICE_LABEL)) {
            let service = NamespacedName::new(&name.namespace, service);
            slices.entry(service).or_default().push(name.clone());
        }
    }
    slices
}
