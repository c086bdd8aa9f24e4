//! The Gateways that are ours, as they are written, without routes.

use tollgate_crds::DEFAULT_NAMESPACE;

use super::frontend::Frontend;
use super::{
    Claims, GatewayDraft, Gateways, Infrastructure, ListenerDraft, Owner, conflicts, listener,
    merged, overlap,
};
use crate::certificate::{self, CertificateRef};
use crate::listener_set::ListenerSets;
use crate::sort::by_age;
use crate::status::{ObjectRef, reason};
use crate::{NamespacedName, Options, World, fleet, gateway_class, groups, k8s};

/// Name of the Gateway that is made where there is none.
const DEFAULT_GATEWAY: &str = "tollgate";
/// Group and kind, as references and grants name it.
const KIND: (&str, &str) = (groups::GATEWAY_API, "Gateway");

/// The Gateways that are ours, oldest first, without routes.
pub(crate) fn drafts(world: &World, options: &Options) -> Gateways {
    if let Some(standalone) = options.standalone()
        && world.gateways.is_empty()
    {
        return Gateways::new(vec![default_gateway(standalone.default_port)]);
    }
    let sets = ListenerSets::new(world);
    let mut drafts: Vec<GatewayDraft> =
        by_age(world.gateways.values(), |gateway| &gateway.metadata)
            .into_iter()
            .filter(|gateway| {
                gateway_class::manages(world, options, &gateway.spec.gateway_class_name)
            })
            .map(|gateway| draft((world, options), gateway, &sets))
            .collect();
    if options.standalone().is_some() {
        conflicts::mark_across_gateways(&mut drafts);
    }
    mark_merged((world, options), &mut drafts);
    for draft in &mut drafts {
        draft.claims = Claims::new(&draft.listeners);
        overlap::mark(&mut draft.listeners);
    }
    merged::share_claims(&mut drafts);
    Gateways::new(drafts)
}

/// Notes which Gateways share a fleet, and what they cannot both have.
fn mark_merged((world, options): (&World, &Options), drafts: &mut [GatewayDraft]) {
    let classes = fleet::merged_classes(world, options);
    if classes.is_empty() {
        return;
    }
    for draft in drafts.iter_mut() {
        let gateway = world.gateways.get(&draft.name);
        let class = gateway.map(|it| &it.spec.gateway_class_name);
        draft.merged_class = class.filter(|it| classes.contains(it.as_str())).cloned();
    }
    merged::mark(drafts);
}

fn draft(
    (world, options): (&World, &Options),
    gateway: &k8s::Gateway,
    sets: &ListenerSets<'_>,
) -> GatewayDraft {
    let name = crate::world::key(&gateway.metadata);
    let spec = &gateway.spec;
    let (infrastructure, refusal) = Infrastructure::new(spec);
    let mut draft = GatewayDraft {
        object: Some(ObjectRef::namespaced(KIND.0, KIND.1, &name)),
        generation: gateway.metadata.generation,
        takes_listener_sets: spec.allowed_listeners.is_some(),
        refusal,
        infrastructure,
        ..empty(name)
    };
    if spec.default_scope.is_some() {
        draft.ignored.push("spec.defaultScope".to_string());
    }
    if options.standalone().is_some() {
        draft.ignored.extend(
            draft
                .infrastructure
                .of_clusters(world, &draft.name.namespace),
        );
    }
    let name = draft.name.clone();
    let owner = Owner {
        kind: KIND,
        name: &name,
        set: None,
    };
    for listener in &spec.listeners {
        let (listener, ignored) = listener::draft(world, owner, listener);
        draft.ignored.extend(ignored);
        draft.listeners.push(listener);
    }
    sets.attach(world, gateway, &mut draft);
    let tls = spec.tls.as_ref();
    let frontend = Frontend::new(world, &name, tls.and_then(|tls| tls.frontend.as_ref()));
    for listener in &mut draft.listeners {
        if let Some(validation) = frontend.on_port(listener.port) {
            listener.validate_clients(validation);
        }
    }
    draft.insecure = frontend.insecure;
    draft.set_backend_certificate(world, tls.and_then(|tls| tls.backend.as_ref()));
    conflicts::mark_within(&mut draft.listeners);
    draft.refuse_orphans();
    draft
}

fn empty(name: NamespacedName) -> GatewayDraft {
    GatewayDraft {
        name,
        object: None,
        generation: None,
        listeners: Vec::new(),
        listener_sets: Vec::new(),
        takes_listener_sets: false,
        claims: Claims::default(),
        merged_class: None,
        infrastructure: Infrastructure::default(),
        refusal: None,
        backend_certificate: None,
        ref_problems: Vec::new(),
        insecure: Vec::new(),
        ignored: Vec::new(),
    }
}

/// One port, any host, routes of every namespace.
fn default_gateway(port: u16) -> GatewayDraft {
    let listeners = vec![ListenerDraft {
        port,
        ..ListenerDraft::plain("http".to_string())
    }];
    GatewayDraft {
        claims: Claims::new(&listeners),
        listeners,
        ..empty(NamespacedName::new(DEFAULT_NAMESPACE, DEFAULT_GATEWAY))
    }
}

// === impl GatewayDraft ===

impl GatewayDraft {
    /// The certificate for backends that ask for one: `spec.tls.backend`.
    fn set_backend_certificate(&mut self, world: &World, tls: Option<&k8s::GatewayTlsBackend>) {
        let Some(reference) = tls.and_then(|tls| tls.client_certificate_ref.as_ref()) else {
            return;
        };
        let k8s::GatewayTlsBackendClientCertificateRef {
            group,
            kind,
            name,
            namespace,
        } = reference;
        let reference = CertificateRef {
            from: KIND,
            from_namespace: &self.name.namespace,
            group: group.as_deref().unwrap_or(groups::CORE),
            kind: kind.as_deref().unwrap_or("Secret"),
            namespace: namespace.as_deref(),
            name,
            field: "spec.tls.backend.clientCertificateRef",
        };
        match certificate::key_pair(world, reference, reason::INVALID_CLIENT_CERTIFICATE_REF) {
            Ok(pair) => self.backend_certificate = Some(pair.certificate),
            Err(problem) => self.ref_problems.push(problem),
        }
    }
}
