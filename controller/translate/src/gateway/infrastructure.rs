//! What a Gateway asks of the machines, addresses and objects that serve it.

use std::collections::BTreeMap;

use crate::status::{Problem, reason};
use crate::{NamespacedName, World, k8s};

/// What a Gateway asks of its infrastructure: `spec.addresses` and `spec.infrastructure`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Infrastructure {
    /// Addresses that it wishes for, in its order.
    pub(crate) addresses: Vec<Address>,
    /// Labels for every object that is made for it.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations for every object that is made for it.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The object with its settings, in its own namespace.
    pub(crate) parameters: Option<ParametersRef>,
}

/// An address that a Gateway wishes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// What it is.
    pub(crate) kind: AddressKind,
    /// Which one; `None` is any.
    pub(crate) value: Option<String>,
}

/// What an address is (Gateway API `AddressType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressKind {
    /// `IPAddress`
    Ip,
    /// `Hostname`
    Hostname,
}

/// An object with settings, in the namespace of whoever refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParametersRef {
    /// API group.
    pub(crate) group: String,
    /// Kind.
    pub(crate) kind: String,
    /// Name.
    pub(crate) name: String,
}

// === impl Infrastructure ===

impl Infrastructure {
    /// What is written, and why it cannot be had.
    pub(super) fn new(spec: &k8s::GatewaySpec) -> (Self, Option<Problem>) {
        let mut infrastructure = Self::default();
        let mut problems = Vec::new();
        for (index, address) in spec.addresses.iter().flatten().enumerate() {
            let kind = match address.r#type.as_deref() {
                None | Some("IPAddress") => AddressKind::Ip,
                Some("Hostname") => AddressKind::Hostname,
                Some(other) => {
                    problems.push(Problem::new(
                        reason::UNSUPPORTED_ADDRESS,
                        format!(
                            "spec.addresses[{index}].type: {other:?} is not supported; IPAddress and Hostname are"
                        ),
                    ));
                    continue;
                }
            };
            infrastructure.addresses.push(Address {
                kind,
                value: address.value.clone().filter(|value| !value.is_empty()),
            });
        }
        if let Some(k8s::GatewayInfrastructure {
            annotations,
            labels,
            parameters_ref,
        }) = &spec.infrastructure
        {
            infrastructure.annotations = annotations.clone().unwrap_or_default();
            infrastructure.labels = labels.clone().unwrap_or_default();
            infrastructure.parameters = parameters_ref.as_ref().map(|it| ParametersRef {
                group: it.group.clone(),
                kind: it.kind.clone(),
                name: it.name.clone(),
            });
        }
        (infrastructure, Problem::join(&problems))
    }

    /// Fields that have no effect on a machine of our own.
    pub(super) fn of_clusters(
        &self,
        world: &World,
        namespace: &str,
    ) -> impl Iterator<Item = String> {
        // An EnvoyProxy that is there says something of telemetry, here too.
        let is_missing = |it: &ParametersRef| {
            let name = NamespacedName::new(namespace, &it.name);
            it.kind != "EnvoyProxy" || !world.envoy_proxies.contains_key(&name)
        };
        let fields = [
            ("spec.addresses", !self.addresses.is_empty()),
            (
                "spec.infrastructure.parametersRef",
                self.parameters.as_ref().is_some_and(is_missing),
            ),
        ];
        fields
            .into_iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(field, _)| field.to_string())
    }
}
