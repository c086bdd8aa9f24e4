//! Rate limits: the filters of a listener, disabled but where a route has limits, and what each
//! route tells them. A listener without limits has none of it.

mod action;
mod global;
mod local;

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::hcm::{HttpFilter, http_filter};
use envoy::well_known::Any;

pub(super) use global::build_cluster;

use super::names;

/// Which of the two kinds of limits something has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) global: bool,
    pub(super) local: bool,
}

// === impl Kinds ===

impl Kinds {
    pub(super) fn of<'a>(limits: impl IntoIterator<Item = &'a ir::RateLimits>) -> Self {
        let mut kinds = Self::default();
        for ir::RateLimits { global, local } in limits {
            kinds.global |= !global.is_empty();
            kinds.local |= local.is_some();
        }
        kinds
    }

    pub(super) fn of_http(http: &ir::HttpTraffic) -> Self {
        let hosts = http.virtual_hosts.iter();
        Self::of(hosts.flat_map(|host| host.rate_limits()))
    }

    pub(super) fn of_scope(ai: &ir::AiScope) -> Self {
        Self::of(ai.rules.iter().filter_map(|rule| rule.rate_limits.as_ref()))
    }

    /// Those of its AI rules.
    pub(super) fn of_ai(http: &ir::HttpTraffic) -> Self {
        let scopes = http
            .virtual_hosts
            .iter()
            .filter_map(|host| host.ai.as_ref());
        let rules = scopes.flat_map(|ai| &ai.rules);
        Self::of(rules.filter_map(|rule| rule.rate_limits.as_ref()))
    }

    pub(super) fn any(self) -> bool {
        self.global || self.local
    }
}

/// The filters of a listener; what a proxy can refuse by itself goes first.
pub(super) fn build_filters(http: &ir::HttpTraffic) -> Vec<HttpFilter> {
    let Kinds { global, local } = Kinds::of_http(http);
    let filter = |name: &str, config: Any| HttpFilter {
        name: name.to_string(),
        // Routes with limits enable it.
        disabled: true,
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..HttpFilter::default()
    };
    let local = local.then(|| {
        let config = envoy::pack(&local::build_filter());
        filter(names::LOCAL_RATE_LIMIT_FILTER, config)
    });
    let global = global.then(|| {
        let config = envoy::pack(&global::build_filter());
        filter(names::RATE_LIMIT_FILTER, config)
    });
    local.into_iter().chain(global).collect()
}

/// What a route with these limits tells the filters.
pub(super) fn build_route(limits: Option<&ir::RateLimits>) -> Vec<(&'static str, Any)> {
    let Some(ir::RateLimits { global, local }) = limits else {
        return Vec::new();
    };
    let mut configs = Vec::new();
    if let Some(local) = local {
        let config = envoy::pack(&local::build_route(local));
        configs.push((names::LOCAL_RATE_LIMIT_FILTER, config));
    }
    if !global.is_empty() {
        let config = envoy::pack(&global::build_route(global));
        configs.push((names::RATE_LIMIT_FILTER, config));
    }
    configs
}

/// What a route without limits of its own tells the filters so that they look at the route that
/// the request is sent to later: Envoy decides once, at the first route, which filters run.
pub(super) fn build_entry(kinds: Kinds) -> Vec<(&'static str, Any)> {
    let mut configs = Vec::new();
    if kinds.local {
        let config = envoy::pack(&local::build_route(&ir::LocalLimits::default()));
        configs.push((names::LOCAL_RATE_LIMIT_FILTER, config));
    }
    if kinds.global {
        let config = envoy::pack(&global::build_route(&[]));
        configs.push((names::RATE_LIMIT_FILTER, config));
    }
    configs
}
