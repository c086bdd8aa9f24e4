//! Which requests a fault applies to. Set by the control endpoint or in process, read once per
//! request.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::ask::Api;

/// Rules held at most.
const RULES_MAX: usize = 1024;

/// A fault and the requests it applies to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Which requests; all of them unless given.
    #[serde(default, rename = "match")]
    pub matches: FaultMatch,
    /// What happens to them.
    pub fault: Fault,
}

/// Every field that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultMatch {
    /// The API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Api>,
    /// The model; `gpt-4*` fits every model that begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The provider key, without `Bearer `.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only the nth request that fits the fields above, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// Only the first so many requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Counted>>,
}

#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    fitted: u64,
}

// === impl Faults ===

impl Faults {
    /// Replaces all rules and starts their counts at zero. Rules beyond 1024 are left out.
    pub fn set(&self, rules: Vec<FaultRule>) {
        let rules = rules.into_iter().take(RULES_MAX);
        *self.rules.lock() = rules.map(|rule| Counted { rule, fitted: 0 }).collect();
    }

    /// Adds one rule after the others; the 1025th is left out.
    pub fn add(&self, rule: FaultRule) {
        let mut rules = self.rules.lock();
        if rules.len() < RULES_MAX {
            rules.push(Counted { rule, fitted: 0 });
        }
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.rules.lock().clear();
    }

    /// The rules, in order.
    pub fn rules(&self) -> Vec<FaultRule> {
        self.rules
            .lock()
            .iter()
            .map(|counted| counted.rule.clone())
            .collect()
    }

    /// The faults of one request, in the order of the rules. Counts the request.
    pub(crate) fn take(&self, api: Api, model: &str, key: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        for counted in self.rules.lock().iter_mut() {
            let FaultMatch {
                api: of_api,
                model: of_model,
                key: of_key,
                nth,
                times,
            } = &counted.rule.matches;
            let fits = of_api.is_none_or(|of| of == api)
                && of_model.as_deref().is_none_or(|of| fits_model(of, model))
                && of_key.as_deref().is_none_or(|of| of == key);
            if !fits {
                continue;
            }
            counted.fitted += 1;
            if nth.is_none_or(|nth| nth == counted.fitted)
                && times.is_none_or(|times| counted.fitted <= times)
            {
                faults.push(counted.rule.fault.clone());
            }
        }
        faults
    }
}

fn fits_model(pattern: &str, model: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => model.starts_with(prefix),
        None => pattern == model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_with_nth_applies_to_that_fitting_request_only() {
        let faults = Faults::default();
        let matches = FaultMatch {
            model: Some("gpt-4*".into()),
            nth: Some(2),
            ..FaultMatch::default()
        };
        faults.add(FaultRule {
            matches,
            fault: Fault::Hang,
        });
        assert_eq!(faults.take(Api::OpenAi, "gpt-4o", "k"), []);
        assert_eq!(faults.take(Api::OpenAi, "other", "k"), []);
        assert_eq!(faults.take(Api::Azure, "gpt-4", "k"), [Fault::Hang]);
        assert_eq!(faults.take(Api::OpenAi, "gpt-4o", "k"), []);
    }

    #[test]
    fn rule_with_times_stops_after_so_many() {
        let faults = Faults::default();
        let matches = FaultMatch {
            times: Some(2),
            ..FaultMatch::default()
        };
        faults.add(FaultRule {
            matches,
            fault: Fault::NoUsage,
        });
        let taken: usize = (0..5)
            .map(|_| faults.take(Api::Anthropic, "claude", "k").len())
            .sum();
        assert_eq!(taken, 2);
    }
}
