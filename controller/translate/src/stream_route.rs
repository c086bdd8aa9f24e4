//! TLSRoute, TCPRoute and UDPRoute: where connections and datagrams go, placed on listeners.
//!
//! A listener (of TLS: a server name of one) has one route, the oldest that wants it. A route
//! has one rule.

mod backends;
mod source;

use tollgate_ir as ir;

use crate::backend_ref::Usage;
use crate::gateway::{Gateways, ListenerDraft, Protocol, StreamDraft, TlsEnd};
use crate::parent::{Place, attach, listener_mut, note_attached, statuses as parent_statuses};
use crate::sort::age_order;
use crate::status::{ACCEPTED, Condition, PARTIALLY_INVALID, Problem, Statuses, reason};
use crate::{Options, World};
use source::StreamSource;

/// Places all routes below HTTP, oldest first.
pub(crate) fn translate(
    (world, options): (&World, &Options),
    gateways: &mut Gateways,
    statuses: &mut Statuses,
) {
    let mut sources = source::all(world);
    // Stable: of equal ones TLSRoutes go first, then TCPRoutes.
    sources.sort_by(|a, b| age_order(a.metadata, b.metadata));
    for source in sources {
        let attachment = attach(gateways, (world, options), &source.route);
        note_attached(gateways, &attachment, &source.route.object);
        let mut outcome = Outcome {
            warnings: source.ignored.iter().cloned().collect(),
            ..Outcome::default()
        };
        for place in &attachment.places {
            outcome.place((world, options), gateways, (&source, place));
        }
        if attachment.places.is_empty() {
            // Nobody serves it, and its author shall know of its references all the same.
            let built = backends::build((world, options), &source, Usage::Connections);
            outcome.ref_problems = built.problems;
        }
        if !attachment.parents.is_empty() {
            let (accepted, further) = outcome.conditions(&source);
            let generation = source.route.generation;
            statuses.entry(source.route.object.clone()).parents =
                parent_statuses(&attachment, options, generation, (&accepted, &further));
        }
    }
}

/// What became of a route.
#[derive(Debug, Default)]
struct Outcome {
    /// What it looks like, by what is sent: the same on every listener of a kind.
    built: Vec<(Usage, ir::StreamRoute)>,
    /// References that lead nowhere.
    ref_problems: Vec<Problem>,
    /// Where an older route comes first, and what has no effect.
    warnings: Vec<Problem>,
}

/// What a listener sends on.
fn usage(listener: &ListenerDraft) -> Usage {
    match (listener.protocol, &listener.tls) {
        (Protocol::Udp, _) => Usage::Datagrams,
        (Protocol::Tls, Some(TlsEnd::Terminate(_))) => Usage::Terminated,
        _ => Usage::Connections,
    }
}

// === impl Outcome ===

impl Outcome {
    fn place(
        &mut self,
        context: (&World, &Options),
        gateways: &mut Gateways,
        (source, place): (&StreamSource<'_>, &Place),
    ) {
        let Some(listener) = listener_mut(gateways, place.at) else {
            return;
        };
        let route = self.route(context, source, usage(listener));
        for hostname in &place.hostnames {
            let stream = listener
                .streams
                .entry(hostname.clone())
                .or_insert_with(|| StreamDraft {
                    owner: source.route.object.clone(),
                    route: route.clone(),
                });
            if stream.owner != source.route.object {
                let owner = &stream.owner;
                let message = format!(
                    "listener {} serves {} by the older {} {}/{}",
                    listener.name,
                    match listener.protocol {
                        Protocol::Tls => format!("server name {}", hostname.domain()),
                        _ => format!("port {}", listener.port),
                    },
                    owner.kind,
                    owner.namespace.as_deref().unwrap_or_default(),
                    owner.name,
                );
                self.warnings
                    .push(Problem::new(reason::CONFLICTED, message));
            }
        }
    }

    fn route(
        &mut self,
        context: (&World, &Options),
        source: &StreamSource<'_>,
        usage: Usage,
    ) -> ir::StreamRoute {
        if let Some((_, route)) = self.built.iter().find(|(known, _)| *known == usage) {
            return route.clone();
        }
        let backends::Built { route, problems } = backends::build(context, source, usage);
        self.built.push((usage, route.clone()));
        self.ref_problems.extend(problems);
        route
    }

    /// `Accepted`, and the conditions beside it.
    fn conditions(&self, source: &StreamSource<'_>) -> (Condition, Vec<Condition>) {
        let generation = source.route.generation;
        let mut further = vec![Condition::resolved_refs(&self.ref_problems, generation)];
        if source.rules_dropped > 0 {
            // Gateway API asks that the message begins with these words.
            let dropped: Vec<usize> = (1..=source.rules_dropped).collect();
            let message = format!(
                "Dropped Rule(s) {dropped:?}: spec.rules: a {} has one rule",
                source.route.object.kind
            );
            let reason = reason::UNSUPPORTED_VALUE;
            further.push(Condition::holds(
                PARTIALLY_INVALID,
                reason,
                message,
                generation,
            ));
        }
        further.extend(Condition::warning(&self.warnings, generation));
        let message = "at least one listener takes the route";
        let accepted = Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation);
        (accepted, further)
    }
}
