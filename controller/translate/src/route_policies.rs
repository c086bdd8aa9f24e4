//! What policies of all kinds do to the rules of routes: those that limit, and those that are not
//! enforced and close what they guard.

use tollgate_bundle::RequestCost;

use crate::backend_traffic_policy::{Effect, TrafficPolicies};
use crate::gateway::{GatewayDraft, ListenerIndex};
use crate::parent::RouteSource;
use crate::status::Statuses;
use crate::unenforced_policy::UnenforcedPolicies;
use crate::{Options, World};

/// All policies that have a say about routes.
#[derive(Debug)]
pub(crate) struct RoutePolicies<'a> {
    traffic: TrafficPolicies<'a>,
    unenforced: UnenforcedPolicies<'a>,
}

// === impl RoutePolicies ===

impl<'a> RoutePolicies<'a> {
    /// Reads all policies and finds their targets.
    pub(crate) fn new(world: &'a World, gateways: &[GatewayDraft], options: &Options) -> Self {
        Self {
            traffic: TrafficPolicies::new(world, gateways, options),
            unenforced: UnenforcedPolicies::new(world, gateways, options),
        }
    }

    /// What the policies do to a rule of a route where a listener serves it. `costs` is what the
    /// rule tells of its requests.
    pub(crate) fn apply(
        &mut self,
        at: (&[GatewayDraft], ListenerIndex),
        route: (&RouteSource, Option<&str>),
        costs: &[RequestCost],
    ) -> Option<Effect> {
        let effect = self.traffic.apply(at, route, costs);
        let closed = self.unenforced.closes(at, route).map(Effect::Refuse);
        closed.or(effect)
    }

    /// As [`Self::apply`], for an AI rule; and the headers that must stay with its requests.
    pub(crate) fn apply_to_llm(
        &mut self,
        at: (&[GatewayDraft], ListenerIndex),
        route: (&RouteSource, Option<&str>),
        costs: &[RequestCost],
    ) -> Option<(Effect, Vec<String>)> {
        let effect = self.traffic.apply_to_llm(at, route, costs);
        let closed = self.unenforced.closes(at, route).map(Effect::Refuse);
        closed.map(|closed| (closed, Vec::new())).or(effect)
    }

    /// Tells each policy what has come of it; after everything was placed.
    pub(crate) fn report(self, options: &Options, statuses: &mut Statuses) {
        self.traffic.report(options, statuses);
        self.unenforced.report(options, statuses);
    }
}
