//! What a BackendTrafficPolicy is told, for each Gateway that it has a say about.

use tollgate_crds::envoy_gateway::BackendTrafficPolicySpec;

use super::{KIND, Policy, Reach};
use crate::Options;
use crate::policy_target::describe;
use crate::status::{
    ACCEPTED, AncestorStatus, Condition, ObjectRef, ParentRef, Problem, Statuses, reason,
};

/// Condition type: a more specific policy holds for some routes.
const OVERRIDDEN: &str = "Overridden";
/// Condition type: the policy holds together with another.
const MERGED: &str = "Merged";

/// Entries in one status (Gateway API, PolicyStatus).
const ANCESTORS_MAX: usize = 16;
/// Names in one message; the rest is counted.
const NAMES_MAX: usize = 8;

pub(super) fn report(policy: Policy<'_>, options: &Options, statuses: &mut Statuses) {
    let generation = policy.object.metadata.generation;
    let ancestor = |ancestor_ref: ParentRef, conditions: Vec<Condition>| AncestorStatus {
        ancestor_ref,
        controller_name: options.controller_name.clone(),
        conditions,
    };
    let mut warnings = unenforced(&policy.object.spec);
    warnings.extend(policy.warnings.iter().cloned());
    let mut ancestors = Vec::new();
    for (reference, problem) in policy.lost {
        let accepted = Condition::fails(ACCEPTED, &problem, generation);
        ancestors.push(ancestor(reference, vec![accepted]));
    }
    if policy.reach.is_empty() && options.standalone().is_some() {
        // Routes that nothing serves: the policy waits with them. In a cluster they may be
        // another controller's.
        for target in policy.targets {
            let message = format!("no listener serves {}", describe(&target.reference));
            let problem = Problem::new(reason::NO_MATCHING_ROUTE, message);
            let accepted = Condition::fails(ACCEPTED, &problem, generation);
            ancestors.push(ancestor(target.reference, vec![accepted]));
        }
    }
    for (reference, reach) in policy.reach {
        let accepted = match &policy.limits {
            Ok(_) => {
                let message = "the policy is valid";
                Condition::holds(ACCEPTED, reason::ACCEPTED, message, generation)
            }
            Err(problem) => {
                let message = format!(
                    "{}; rules that the policy holds for answer 500",
                    problem.message
                );
                Condition::fails(ACCEPTED, &Problem::new(problem.reason, message), generation)
            }
        };
        let mut conditions = vec![accepted];
        conditions.extend(overridden(&reach, generation));
        conditions.extend(merged(&reach, generation));
        conditions.extend(Condition::warning(&warnings, generation));
        ancestors.push(ancestor(reference, conditions));
    }
    if ancestors.is_empty() {
        return;
    }
    ancestors.truncate(ANCESTORS_MAX);
    let object = ObjectRef::namespaced(KIND.0, KIND.1, &policy.name);
    statuses.entry(object).ancestors = ancestors;
}

fn overridden(reach: &Reach, generation: Option<i64>) -> Option<Condition> {
    let names: Vec<String> = reach
        .overridden
        .iter()
        .map(|(route, policy)| format!("{route} ({policy})"))
        .collect();
    let message = format!("a more specific policy holds for {}", listed(&names)?);
    Some(Condition::holds(
        OVERRIDDEN, OVERRIDDEN, message, generation,
    ))
}

fn merged(reach: &Reach, generation: Option<i64>) -> Option<Condition> {
    let names: Vec<String> = reach.merged.iter().map(ToString::to_string).collect();
    let message = format!("merged with {}", listed(&names)?);
    Some(Condition::holds(MERGED, MERGED, message, generation))
}

/// `None` of none.
fn listed(names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let shown = names
        .iter()
        .take(NAMES_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    Some(match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        rest => format!("{shown} and {rest} more"),
    })
}

/// What is written and not acted on, in the order of the alphabet.
fn unenforced(spec: &BackendTrafficPolicySpec) -> Vec<Problem> {
    let BackendTrafficPolicySpec {
        target_ref: _,
        target_refs: _,
        target_selectors: _,
        merge_type: _,
        rate_limit,
        retry,
        admission_control,
        bandwidth_limit,
        circuit_breaker,
        compression,
        compressor,
        connection,
        dns,
        fault_injection,
        health_check,
        http2,
        http_upgrade,
        load_balancer,
        proxy_protocol,
        request_buffer,
        response_override,
        routing_type,
        session_affinity,
        tcp_keepalive,
        telemetry,
        timeout,
        use_client_protocol,
    } = spec;
    let local = rate_limit.iter().filter_map(|it| it.local.as_ref());
    let shared = local
        .flat_map(|local| &local.rules)
        .any(|rule| rule.shared == Some(true));
    [
        ("admissionControl", admission_control.is_some()),
        ("bandwidthLimit", bandwidth_limit.is_some()),
        ("circuitBreaker", circuit_breaker.is_some()),
        ("compression", compression.is_some()),
        ("compressor", compressor.is_some()),
        ("connection", connection.is_some()),
        ("dns", dns.is_some()),
        ("faultInjection", fault_injection.is_some()),
        ("healthCheck", health_check.is_some()),
        ("http2", http2.is_some()),
        ("httpUpgrade", http_upgrade.is_some()),
        ("loadBalancer", load_balancer.is_some()),
        ("proxyProtocol", proxy_protocol.is_some()),
        ("rateLimit.local.rules[].shared", shared),
        ("requestBuffer", request_buffer.is_some()),
        ("responseOverride", response_override.is_some()),
        ("retry", retry.is_some()),
        ("routingType", routing_type.is_some()),
        ("sessionAffinity", session_affinity.is_some()),
        ("tcpKeepalive", tcp_keepalive.is_some()),
        ("telemetry", telemetry.is_some()),
        ("timeout", timeout.is_some()),
        ("useClientProtocol", use_client_protocol.is_some()),
    ]
    .into_iter()
    .filter(|(_, is_set)| *is_set)
    .map(|(field, _)| Problem::ignored(format!("spec.{field}")))
    .collect()
}
