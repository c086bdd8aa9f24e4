//! The entry: every kind in its order, then the IR of each Gateway.

use std::collections::BTreeMap;

use serde::Serialize;
use tollgate_bundle::{Budget, Consumer};
use tollgate_ir::{Gateway, Ir, Listener};

use crate::{
    FleetSpec, Memo, Options, Statuses, World, ai_routes, backend, backend_tls_policy, consumer,
    fleet, gateway, gateway_class, listener_set, plain_routes, provider_url,
    route_policies::RoutePolicies, stream_route, token_budget,
};

/// What a snapshot means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Translation {
    /// What the data plane shall do.
    pub ir: Ir,
    /// What each object is told.
    pub statuses: Statuses,
    /// The proxies that there shall be, by Gateway (`namespace/name`) or class; none on a machine
    /// of our own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fleets: BTreeMap<String, FleetSpec>,
}

/// Translates a snapshot. Cannot fail: what is wrong with an object is in its status.
pub fn translate(world: &World, options: &Options) -> Translation {
    translate_again(&mut Memo::default(), world, options)
}

/// As [`translate`], with the same result: what has not changed since the last translation with this
/// memo is not worked out again, and shared with what came of that.
pub fn translate_again(memo: &mut Memo, world: &World, options: &Options) -> Translation {
    let world = &*provider_url::redirect_backends(world, options);
    memo.begin(world, options);
    let mut statuses = Statuses::default();
    gateway_class::translate(world, options, &mut statuses);
    backend::report(world, &mut statuses);
    let consumers = consumer::translate(world, &mut statuses);
    let mut drafts = gateway::drafts(world, options);
    let mut policies = RoutePolicies::new(world, &drafts, options);
    let context = (world, options);
    let known = &mut memo.plain;
    plain_routes::translate(context, known, &mut drafts, &mut policies, &mut statuses);
    let known = &mut memo.ai;
    let budgets = ai_routes::translate(context, known, &mut drafts, &mut policies, &mut statuses);
    stream_route::translate((world, options), &mut drafts, &mut statuses);
    policies.report(options, &mut statuses);
    backend_tls_policy::report(world, &drafts, options, &mut statuses);
    gateway::report(&drafts, options, &mut statuses);
    listener_set::report_lost(world, options, &drafts, &mut statuses);
    let wishes = fleet::wishes(&drafts);
    let mut gateways: BTreeMap<String, Gateway> = gateway::join(drafts.into_drafts())
        .into_iter()
        .map(|draft| {
            let key = draft.key();
            let mut listeners = gateway::assemble(draft, options);
            if options.cluster().is_some() {
                fleet::separate(&mut listeners);
            }
            (key, build_gateway(listeners, &consumers, &budgets))
        })
        .collect();
    let fleets = fleet::translate((world, options), (&wishes, &mut gateways), &mut statuses);
    listener_set::follow(world, &mut statuses);
    if options.cluster().is_some_and(|it| !it.shared_store) {
        token_budget::tell_that_the_store_is_missing(world, &mut statuses);
    }
    memo.end(&mut gateways);
    Translation {
        ir: Ir { gateways },
        statuses,
        fleets,
    }
}

/// A Gateway sees the consumers of the namespaces it serves and the budgets of its rules, and
/// nothing of anybody else's.
fn build_gateway(
    listeners: Vec<Listener>,
    consumers: &BTreeMap<String, Vec<Consumer>>,
    budgets: &BTreeMap<String, Budget>,
) -> Gateway {
    let mut gateway = Gateway::default();
    let hosts = listeners
        .iter()
        .flat_map(tollgate_ir::Listener::virtual_hosts);
    let rules = hosts
        .filter_map(|host| host.ai.as_ref())
        .flat_map(|scope| &scope.rules);
    for rule in rules {
        let namespace = &rule.rule.namespace;
        if !gateway.consumers.contains_key(namespace)
            && let Some(list) = consumers.get(namespace)
        {
            gateway.consumers.insert(namespace.clone(), list.clone());
        }
        let backends = rule.rule.backends.iter();
        let ids = backends.flat_map(|backend| &backend.budgets);
        for id in ids.chain(&rule.rule.budgets) {
            if !gateway.budgets.contains_key(id)
                && let Some(budget) = budgets.get(id)
            {
                gateway.budgets.insert(id.clone(), budget.clone());
            }
        }
    }
    gateway.listeners = listeners;
    gateway
}
