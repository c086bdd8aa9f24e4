//! Price tables: a ConfigMap with an entry for each model, read without floats.
//!
//! ```yaml
//! data:
//!   currency: USD
//!   gpt-4o: |
//!     input: "2.50"        # for a million tokens
//!     cachedInput: "1.25"
//!     output: "10"
//!   llama: |
//!     model: meta-llama/Llama-3.3-70B   # a name that a ConfigMap's key cannot spell
//!     input: "0.88"
//!     output: "0.88"
//! ```

use std::collections::BTreeMap;

use tollgate_bundle::{Price, PriceTable};

use crate::status::{Problem, reason};
use crate::{NamespacedName, World, k8s};

/// The key that is no model.
const CURRENCY: &str = "currency";
const CURRENCY_DEFAULT: &str = "USD";
const CURRENCY_LETTERS_MAX: usize = 16;

/// Fields of an entry.
const FIELDS: [&str; 5] = ["model", "input", "cachedInput", "cacheWrite", "output"];

/// Digits after the point: a price is kept in millionths.
const DECIMALS: usize = 6;
/// Highest price of a million tokens: with it, a call of a million tokens is counted exactly.
const PRICE_MAX: u64 = 1_000_000;

const MODELS_MAX: usize = 4096;
/// Broken rules told in one message; the rest is counted.
const RULES_MAX: usize = 16;
const ENTRY_BYTES_MAX: usize = 4096;

/// The table in a ConfigMap, or everything that is wrong with it.
pub(super) fn read(world: &World, name: &NamespacedName) -> Result<PriceTable, Problem> {
    let Some(config_map) = world.config_maps.get(name) else {
        return Err(Problem::new(
            reason::CONFIG_MAP_NOT_FOUND,
            format!("spec.prices: ConfigMap {name} does not exist"),
        ));
    };
    parse(config_map).map_err(|rules| {
        let rest = rules.len().saturating_sub(RULES_MAX);
        let shown: Vec<&str> = rules.iter().take(RULES_MAX).map(String::as_str).collect();
        let more = match rest {
            0 => String::new(),
            rest => format!("; and {rest} more"),
        };
        let message = format!("spec.prices: ConfigMap {name}: {}{more}", shown.join("; "));
        Problem::new(reason::INVALID, message)
    })
}

fn parse(config_map: &k8s::ConfigMap) -> Result<PriceTable, Vec<String>> {
    let mut table = PriceTable {
        currency: CURRENCY_DEFAULT.to_string(),
        models: BTreeMap::new(),
    };
    let mut rules = Vec::new();
    let data = config_map.data.iter().flatten();
    for (key, text) in data.take(MODELS_MAX + 1) {
        if key == CURRENCY {
            match currency(text) {
                Ok(currency) => table.currency = currency,
                Err(rule) => rules.push(rule),
            }
            continue;
        }
        match entry(key, text) {
            Ok((model, price)) => {
                if table.models.insert(model.clone(), price).is_some() {
                    rules.push(format!("key {key}: model {model:?} has a price already"));
                }
            }
            Err(rule) => rules.push(format!("key {key}: {rule}")),
        }
    }
    if table.models.len() > MODELS_MAX {
        rules.push(format!("there are more than {MODELS_MAX} models"));
    }
    if table.models.is_empty() && rules.is_empty() {
        rules.push("data: there is no model".to_string());
    }
    if rules.is_empty() {
        Ok(table)
    } else {
        Err(rules)
    }
}

fn currency(text: &str) -> Result<String, String> {
    let text = text.trim();
    let letters = text.chars().all(|letter| letter.is_ascii_alphabetic());
    if text.is_empty() || text.len() > CURRENCY_LETTERS_MAX || !letters {
        return Err(format!(
            "key {CURRENCY}: {:?} must be 1 to {CURRENCY_LETTERS_MAX} letters, such as USD",
            shown(text)
        ));
    }
    Ok(text.to_string())
}

/// A model and its price; `key` names the model unless the entry does.
fn entry(key: &str, text: &str) -> Result<(String, Price), String> {
    if text.len() > ENTRY_BYTES_MAX {
        return Err(format!("must be at most {ENTRY_BYTES_MAX} bytes"));
    }
    // Every value as it is written: a number that became a float would be another number.
    let options = serde_saphyr::options! { with_snippet: false };
    let fields: BTreeMap<String, String> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|_| {
            "must be YAML or JSON with fields such as input: \"0.15\" and output: \"0.60\""
                .to_string()
        })?;
    if let Some(unknown) = fields.keys().find(|it| !FIELDS.contains(&it.as_str())) {
        let known = FIELDS.join(", ");
        return Err(format!("{:?} is not one of {known}", shown(unknown)));
    }
    let price = |field: &str| -> Result<Option<u64>, String> {
        let text = fields.get(field);
        text.map(|text| micro(text).map_err(|rule| format!("{field}: {rule}")))
            .transpose()
    };
    let required = |field: &str| price(field)?.ok_or_else(|| format!("{field}: is required"));
    let input = required("input")?;
    let model = fields.get("model").map_or(key, |model| model.trim());
    if model.is_empty() {
        return Err("model: must not be empty".to_string());
    }
    Ok((
        model.to_string(),
        Price {
            input,
            cached_input: price("cachedInput")?.unwrap_or(input),
            cache_write: price("cacheWrite")?.unwrap_or(input),
            output: required("output")?,
        },
    ))
}

/// `0.15` → 150 000: a decimal number in millionths.
fn micro(text: &str) -> Result<u64, String> {
    let wrong = |rule: String| format!("{:?} {rule}", shown(text));
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(decimals) {
        return Err(wrong(
            "must be a decimal number such as 0.15, not below zero".to_string(),
        ));
    }
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > DECIMALS {
        return Err(wrong(format!(
            "must have at most {DECIMALS} digits after the point"
        )));
    }
    let too_much = || wrong(format!("must be at most {PRICE_MAX}"));
    let whole: u64 = whole.parse().map_err(|_| too_much())?;
    // At most six digits, filled up on the right.
    let decimals: u64 = format!("{decimals:0<DECIMALS$}")
        .parse()
        .unwrap_or_default();
    whole
        .checked_mul(1_000_000)
        .and_then(|whole| whole.checked_add(decimals))
        .filter(|micro| *micro <= PRICE_MAX * 1_000_000)
        .ok_or_else(too_much)
}

/// The beginning of a text that somebody wrote.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests;
