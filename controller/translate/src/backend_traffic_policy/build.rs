//! From the rate limits of a policy to limits of the IR, before they are told apart by route.

use tollgate_bundle::WindowKind;
use tollgate_crds::envoy_gateway::BackendTrafficPolicySpec;
use tollgate_crds::envoy_gateway::backend_traffic_policy::{
    LimitMetadata, LimitUnit, LimitValue, RateLimit, RateLimitRule, RateLimitType,
    XRateLimitHeaders,
};
use tollgate_ir::{
    Bucket, GlobalLimit, HeaderVisibility, LocalLimit, LocalLimits, MetadataKey, RateLimits,
};

use super::{cost, selector};
use crate::NamespacedName;
use crate::parent::RouteSource;
use crate::status::{Problem, reason};

/// The limits of a policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    /// With whether all routes share them.
    global: Option<Vec<(GlobalLimit, Sharing)>>,
    local: Option<LocalLimits>,
}

/// Which requests meet in one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    /// Those of one route.
    Route,
    /// Those of all routes that the policy applies to.
    Policy,
}

/// Builds the limits of a policy.
///
/// # Errors
/// With the field and the rule that it breaks.
pub(super) fn limits(
    name: &NamespacedName,
    spec: &BackendTrafficPolicySpec,
) -> Result<Limits, Problem> {
    let Some(RateLimit {
        type_,
        global,
        local,
    }) = &spec.rate_limit
    else {
        return Ok(Limits::default());
    };
    let absent = match type_ {
        Some(RateLimitType::Global) if global.is_none() => Some("Global"),
        Some(RateLimitType::Local) if local.is_none() => Some("Local"),
        _ => None,
    };
    if let Some(kind) = absent {
        let field = kind.to_ascii_lowercase();
        return Err(invalid(format!(
            "spec.rateLimit.type: {kind} needs spec.rateLimit.{field}"
        )));
    }
    let global = global.as_ref().map(|global| {
        let rules = global.rules.iter().enumerate();
        rules
            .map(|(index, rule)| global_limit(name, (index, rule)))
            .collect()
    });
    Ok(Limits {
        global: global.transpose()?,
        local: local
            .as_ref()
            .map(|local| local_limits(name, &local.rules))
            .transpose()?,
    })
}

fn global_limit(
    policy: &NamespacedName,
    (index, rule): (usize, &RateLimitRule),
) -> Result<(GlobalLimit, Sharing), Problem> {
    let RateLimitRule {
        client_selectors,
        limit,
        cost,
        shared,
        shadow_mode,
        x_rate_limit_headers,
    } = rule;
    let field = format!("spec.rateLimit.global.rules[{index}]");
    let LimitValue {
        requests,
        unit,
        from_metadata,
    } = limit;
    let costs = cost.clone().unwrap_or_default();
    let sharing = match shared {
        Some(true) => Sharing::Policy,
        _ => Sharing::Route,
    };
    let limit = GlobalLimit {
        id: format!("{policy}/{index}"),
        criteria: selector::criteria(client_selectors, &field)?,
        amount: u64::from(*requests),
        window: window(*unit),
        shadow: shadow_mode.unwrap_or_default(),
        headers: headers(*x_rate_limit_headers),
        request_cost: cost::build(costs.request.as_ref()),
        response_cost: cost::build(costs.response.as_ref()),
        override_from: from_metadata
            .clone()
            .map(|LimitMetadata { namespace, key }| MetadataKey { namespace, key }),
    };
    Ok((limit, sharing))
}

fn local_limits(policy: &NamespacedName, rules: &[RateLimitRule]) -> Result<LocalLimits, Problem> {
    let mut limits = LocalLimits::default();
    for (index, rule) in rules.iter().enumerate() {
        let field = format!("spec.rateLimit.local.rules[{index}]");
        let RateLimitRule {
            client_selectors,
            limit,
            cost,
            shared: _,
            shadow_mode,
            x_rate_limit_headers,
        } = rule;
        let costs = cost.clone().unwrap_or_default();
        if costs.response.is_some() {
            return Err(invalid(format!(
                "{field}.cost.response: local rate limits are counted when a request comes; a global rule can count answers"
            )));
        }
        if limit.from_metadata.is_some() {
            return Err(invalid(format!(
                "{field}.limit.fromMetadata: only a global rule can take its limit from metadata"
            )));
        }
        if limit.requests == 0 {
            return Err(invalid(format!(
                "{field}.limit.requests: 0 is below 1; a global rule can refuse every request"
            )));
        }
        let bucket = Bucket {
            requests: limit.requests,
            fill_s: seconds(limit.unit),
        };
        let shadow = shadow_mode.unwrap_or_default();
        let request_cost = cost::build(costs.request.as_ref());
        let plain = !shadow && request_cost.is_none();
        if client_selectors.is_empty() && plain {
            if limits.otherwise.replace(bucket).is_some() {
                return Err(invalid(format!(
                    "{field}: a second rule without clientSelectors; there can be one"
                )));
            }
            limits.headers = headers(*x_rate_limit_headers);
            continue;
        }
        limits.rules.push(LocalLimit {
            id: format!("{policy}/local/{index}"),
            criteria: selector::criteria(client_selectors, &field)?,
            bucket,
            shadow,
            headers: headers(*x_rate_limit_headers),
            request_cost,
        });
    }
    Ok(limits)
}

fn headers(written: Option<XRateLimitHeaders>) -> HeaderVisibility {
    match written {
        Some(XRateLimitHeaders::Off) => HeaderVisibility::Hidden,
        Some(XRateLimitHeaders::DraftVersion03) | None => HeaderVisibility::Shown,
    }
}

fn window(unit: LimitUnit) -> WindowKind {
    match unit {
        LimitUnit::Second => WindowKind::Second,
        LimitUnit::Minute => WindowKind::Minute,
        LimitUnit::Hour => WindowKind::Hour,
        LimitUnit::Day => WindowKind::Day,
        LimitUnit::Week => WindowKind::Week,
        LimitUnit::Month => WindowKind::Month,
        LimitUnit::Year => WindowKind::Year,
    }
}

/// A bucket knows no calendar: a month has 30 days and a year 365, as with Envoy Gateway.
fn seconds(unit: LimitUnit) -> u32 {
    const DAY: u32 = 86_400;
    match unit {
        LimitUnit::Second => 1,
        LimitUnit::Minute => 60,
        LimitUnit::Hour => 3_600,
        LimitUnit::Day => DAY,
        LimitUnit::Week => 7 * DAY,
        LimitUnit::Month => 30 * DAY,
        LimitUnit::Year => 365 * DAY,
    }
}

pub(super) fn invalid(message: String) -> Problem {
    Problem::new(reason::INVALID, message)
}

// === impl Limits ===

impl Limits {
    /// These, and of `parent` what these do not have.
    pub(super) fn or(self, parent: Self) -> Self {
        Self {
            global: self.global.or(parent.global),
            local: self.local.or(parent.local),
        }
    }

    /// The limits of one route; `None` where there are none.
    pub(super) fn of_route(self, source: &RouteSource) -> Option<RateLimits> {
        let route = format!("{}/{}", source.object.kind, source.name);
        let global: Vec<GlobalLimit> = self
            .global
            .into_iter()
            .flatten()
            .map(|(limit, sharing)| match sharing {
                Sharing::Policy => limit,
                Sharing::Route => GlobalLimit {
                    id: format!("{}/{route}", limit.id),
                    ..limit
                },
            })
            .collect();
        let is_something =
            |local: &LocalLimits| local.otherwise.is_some() || !local.rules.is_empty();
        let local = self.local.filter(is_something);
        (!global.is_empty() || local.is_some()).then_some(RateLimits { global, local })
    }
}
