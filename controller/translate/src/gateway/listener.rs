//! One listener of a Gateway or a ListenerSet, as it is written.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_ir::Hostname;

use super::protocol::Family;
use super::{AllowedRoutes, ListenerDraft, Protocol, Refusal, TlsEnd, tls};
use crate::status::{Problem, RouteKind, reason};
use crate::{NamespacedName, World, groups, k8s};

/// The object that a listener stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// Group and kind, as grants name it.
    pub(crate) kind: (&'a str, &'a str),
    pub(crate) name: &'a NamespacedName,
    /// Place of the ListenerSet in its Gateway; `None` is the Gateway itself.
    pub(crate) set: Option<usize>,
}

/// The listener, and fields of it that have no effect.
pub(crate) fn draft(
    world: &World,
    owner: Owner<'_>,
    listener: &k8s::GatewayListeners,
) -> (ListenerDraft, Vec<String>) {
    let k8s::GatewayListeners {
        allowed_routes,
        hostname,
        name: section,
        port,
        protocol: protocol_text,
        tls,
    } = listener;
    let name = match owner.set {
        None => section.clone(),
        Some(_) => format!("{}/{section}", owner.name),
    };
    let protocol = Protocol::parse(protocol_text);
    let ended = tls::translate(world, owner, (&name, protocol, tls.as_ref()));
    let terminates = tls::is_terminated(protocol, tls.as_ref());
    let (supported_kinds, invalid_kinds) = kinds(protocol, terminates, allowed_routes.as_ref());
    let valid_port = u16::try_from(*port).ok().filter(|port| *port != 0);
    let invalid = |reason, rule: String| {
        Some(Refusal::Invalid(Problem::new(
            reason,
            format!("listener {name}: {rule}"),
        )))
    };
    let refusal = if valid_port.is_none() {
        let rule = format!("port {port} is not a port from 1 to 65535");
        invalid(reason::INVALID, rule)
    } else if protocol == Protocol::Unknown {
        let rule =
            format!("protocol {protocol_text:?} is not known; HTTP, HTTPS, TLS, TCP and UDP are");
        invalid(reason::UNSUPPORTED_PROTOCOL, rule)
    } else {
        ended.refusal
    };
    let ignored = ended
        .ignored
        .iter()
        .map(|field| format!("listener {name}: {field}"))
        .collect();
    let draft = ListenerDraft {
        section: section.clone(),
        set: owner.set,
        port: valid_port.unwrap_or_default(),
        hostname: match protocol.family() {
            Family::Http | Family::Tls => Hostname::parse(hostname.as_deref()),
            Family::Stream => Hostname::Any,
        },
        allowed: AllowedRoutes::new(allowed_routes.as_ref(), &owner.name.namespace),
        supported_kinds,
        invalid_kinds,
        ref_problems: ended.problems,
        refusal,
        protocol,
        tls: ended.end,
        certificate_names: ended.names,
        ..ListenerDraft::plain(name)
    };
    (draft, ignored)
}

/// The kinds a listener takes, and the names of those it was asked to take and cannot.
fn kinds(
    protocol: Protocol,
    terminates: bool,
    allowed: Option<&k8s::GatewayListenersAllowedRoutes>,
) -> (Vec<RouteKind>, Vec<String>) {
    let mut known = protocol.default_kinds(terminates);
    let named = allowed.and_then(|allowed| allowed.kinds.as_ref());
    let Some(named) = named.filter(|kinds| !kinds.is_empty() && protocol != Protocol::Unknown)
    else {
        return (known, Vec::new());
    };
    known.extend(protocol.further_kinds());
    let mut supported: Vec<RouteKind> = Vec::new();
    let mut invalid = Vec::new();
    for entry in named {
        let entry = RouteKind {
            group: entry
                .group
                .as_deref()
                .unwrap_or(groups::GATEWAY_API)
                .to_string(),
            kind: entry.kind.clone(),
        };
        if !known.contains(&entry) {
            invalid.push(format!("{}/{}", entry.group, entry.kind));
        } else if !supported.contains(&entry) {
            supported.push(entry);
        }
    }
    (supported, invalid)
}

// === impl ListenerDraft ===

impl ListenerDraft {
    /// A listener for HTTP of any host and routes of every namespace, which serves no port yet.
    pub(super) fn plain(name: String) -> Self {
        Self {
            section: name.clone(),
            name,
            set: None,
            port: 0,
            hostname: Hostname::Any,
            allowed: AllowedRoutes::all(),
            supported_kinds: Protocol::Http.default_kinds(false),
            invalid_kinds: Vec::new(),
            ref_problems: Vec::new(),
            refusal: None,
            protocol: Protocol::Http,
            tls: None,
            certificate_names: BTreeSet::new(),
            overlap: None,
            attached: Vec::new(),
            hosts: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Whether no client is served that has not shown a certificate of a trusted authority.
    pub(crate) fn verifies_clients(&self) -> bool {
        match &self.tls {
            Some(TlsEnd::Terminate(tls)) => tls
                .client_validation
                .as_ref()
                .is_some_and(|it| it.mode == tollgate_ir::ClientValidationMode::Required),
            Some(TlsEnd::Passthrough) | None => false,
        }
    }

    /// Makes clients show a certificate, where the listener serves HTTPS.
    pub(super) fn validate_clients(&mut self, validation: &super::frontend::Validation) {
        if self.protocol != Protocol::Https {
            return;
        }
        self.ref_problems
            .extend(validation.problems.iter().cloned());
        match (&validation.clients, &mut self.tls) {
            (None, _) => {
                let problem = Problem::join(&validation.problems).unwrap_or_else(|| {
                    Problem::new(
                        reason::NO_VALID_CA_CERTIFICATE,
                        "no certificate of an authority",
                    )
                });
                let message = format!("listener {}: {}", self.name, problem.message);
                let problem = Problem::new(reason::NO_VALID_CA_CERTIFICATE, message);
                if self.claims() {
                    self.refusal = Some(Refusal::NoAuthority(problem));
                }
            }
            (Some(clients), Some(TlsEnd::Terminate(tls))) => {
                tls.client_validation = Some(clients.clone());
            }
            (Some(_), _) => {}
        }
    }
}
