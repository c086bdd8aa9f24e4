//! Rate limits of an AI rule. Its requests are made ready for a provider before the proxy looks at
//! limits, and limits are looked at again when the answer has ended; so a limit can read only
//! what stays with the request for that long.

use std::collections::BTreeSet;

use regex::Regex;
use tollgate_ir::{Criterion, LocalLimits, PathMatch, Polarity, RateLimits};

use super::build::invalid;
use crate::status::Problem;

/// The one path of requests that reach a provider.
const CHAT_PATH: &str = "/v1/chat/completions";

/// Headers that are taken away or replaced for the provider, and could not be given to it.
const LOST: [&str; 9] = [
    "accept-encoding",
    "anthropic-version",
    "api-key",
    "authorization",
    "cookie",
    "openai-organization",
    "openai-project",
    "proxy-authorization",
    "x-api-key",
];

/// The limits as an AI rule can have them, and the headers that must stay with its requests;
/// `None` where none of them can ever select one.
///
/// # Errors
/// With what cannot be read there.
pub(super) fn of_rule(
    mut limits: RateLimits,
) -> Result<Option<(RateLimits, Vec<String>)>, Problem> {
    let mut kept = BTreeSet::new();
    let mut possible = |criteria: &mut Vec<Criterion>| {
        let mut holds = true;
        for criterion in criteria.iter() {
            match criterion {
                Criterion::Header { name, .. } if LOST.contains(&name.as_str()) => {
                    return Err(invalid(format!(
                        "header {name} of an LLM request is replaced for the provider, so no rate limit can read it"
                    )));
                }
                Criterion::Header { name, .. } => drop(kept.insert(name.clone())),
                Criterion::Query { name, .. } => {
                    return Err(invalid(format!(
                        "query parameter {name} of an LLM request does not reach the provider, so no rate limit can read it"
                    )));
                }
                Criterion::Path(polarity, path) => {
                    holds &= is_chat(path) == (*polarity == Polarity::Is);
                }
                Criterion::Method(..) | Criterion::Source(..) | Criterion::EachSource => {}
            }
        }
        criteria.retain(|criterion| !matches!(criterion, Criterion::Path(..)));
        Ok(holds)
    };
    let mut global = Vec::new();
    for mut limit in limits.global {
        if possible(&mut limit.criteria)? {
            global.push(limit);
        }
    }
    limits.global = global;
    if let Some(local) = &mut limits.local {
        let mut rules = Vec::new();
        for mut rule in std::mem::take(&mut local.rules) {
            if possible(&mut rule.criteria)? {
                rules.push(rule);
            }
        }
        local.rules = rules;
    }
    let is_something = |local: &LocalLimits| local.otherwise.is_some() || !local.rules.is_empty();
    limits.local = limits.local.filter(is_something);
    let any = !limits.global.is_empty() || limits.local.is_some();
    Ok(any.then(|| (limits, kept.into_iter().collect())))
}

fn is_chat(path: &PathMatch) -> bool {
    match path {
        PathMatch::Exact(path) => path == CHAT_PATH,
        PathMatch::Prefix(prefix) => CHAT_PATH
            .strip_prefix(prefix.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        PathMatch::Regex(expression) => {
            Regex::new(&format!("^(?:{expression})$")).is_ok_and(|it| it.is_match(CHAT_PATH))
        }
    }
}
