//! Price tables as people write them, good and bad.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_bundle::Price;

use super::{entry, micro, parse};
use crate::k8s;

fn config_map(data: &[(&str, &str)]) -> k8s::ConfigMap {
    let data: BTreeMap<String, String> = data
        .iter()
        .map(|(key, value)| ((*key).to_string(), (*value).to_string()))
        .collect();
    k8s::ConfigMap {
        data: Some(data),
        ..k8s::ConfigMap::default()
    }
}

#[test]
fn a_decimal_number_is_read_in_millionths() {
    for (text, expect) in [
        ("0", 0),
        ("0.15", 150_000),
        ("2.50", 2_500_000),
        ("10", 10_000_000),
        ("0.000001", 1),
        ("0.0000010000", 1),
        ("007", 7_000_000),
        ("1000000", 1_000_000_000_000),
    ] {
        assert_eq!(micro(text), Ok(expect), "{text}");
    }
}

#[test]
fn a_price_that_is_none_says_which_rule_it_breaks() {
    let number = "must be a decimal number such as 0.15, not below zero";
    for (text, rule) in [
        ("-1", number),
        ("+1", number),
        ("", number),
        (".", number),
        (".5", number),
        ("5.", number),
        ("1e3", number),
        ("0x10", number),
        ("1,5", number),
        ("NaN", number),
        ("1.5.2", number),
        ("$5", number),
        ("0.0000001", "must have at most 6 digits after the point"),
        ("1000000.000001", "must be at most 1000000"),
        ("99999999999999999999999", "must be at most 1000000"),
    ] {
        assert_eq!(micro(text), Err(format!("{text:?} {rule}")));
    }
}

#[test]
fn an_entry_is_yaml_or_json_with_quotes_or_without() {
    let price = Price {
        input: 150_000,
        cached_input: 150_000,
        cache_write: 150_000,
        output: 600_000,
    };
    for text in [
        "input: \"0.15\"\noutput: \"0.60\"",
        "input: 0.15\noutput: 0.60\n",
        "{\"input\": \"0.15\", \"output\": 0.6}",
        "{input: 0.150000, output: 0.6, model: gpt-4o-mini}",
    ] {
        assert_eq!(
            entry("gpt-4o-mini", text),
            Ok(("gpt-4o-mini".to_string(), price)),
            "{text}"
        );
    }
}

#[test]
fn an_unquoted_number_is_read_digit_by_digit() {
    let (_, price) = entry("m", "{input: 0.100001, output: 999999.999999}").unwrap();
    assert_eq!((price.input, price.output), (100_001, 999_999_999_999));
}

#[test]
fn an_entry_may_name_a_model_that_no_key_can_spell() {
    let text = "{model: \"meta-llama/Llama-3.3-70B:free\", input: 1, cachedInput: 0.5, cacheWrite: 1.25, output: 2}";
    let table = parse(&config_map(&[("llama", text), ("currency", "EUR\n")])).unwrap();
    assert_eq!(table.currency, "EUR");
    assert_eq!(
        table.models.into_iter().collect::<Vec<_>>(),
        [(
            "meta-llama/Llama-3.3-70B:free".to_string(),
            Price {
                input: 1_000_000,
                cached_input: 500_000,
                cache_write: 1_250_000,
                output: 2_000_000
            }
        )]
    );
}

#[test]
fn a_table_that_is_wrong_names_every_key_and_its_rule() {
    let rules = parse(&config_map(&[
        ("a", "{input: 1}"),
        ("b", "{input: -1, output: 1}"),
        ("c", "{input: 1, output: 1, outptu: 1}"),
        ("currency", "US$"),
        ("d", "- 1"),
        ("e", "input: [1]"),
        ("f", "{model: g, input: 1, output: 1}"),
        ("g", "{input: 1, output: 1}"),
        ("h", "{model: '', input: 1, output: 1}"),
        ("i", ""),
    ]));
    let yaml = "must be YAML or JSON with fields such as input: \"0.15\" and output: \"0.60\"";
    assert_eq!(
        rules.unwrap_err(),
        [
            "key a: output: is required".to_string(),
            "key b: input: \"-1\" must be a decimal number such as 0.15, not below zero"
                .to_string(),
            "key c: \"outptu\" is not one of model, input, cachedInput, cacheWrite, output"
                .to_string(),
            "key currency: \"US$\" must be 1 to 16 letters, such as USD".to_string(),
            format!("key d: {yaml}"),
            format!("key e: {yaml}"),
            "key g: model \"g\" has a price already".to_string(),
            "key h: model: must not be empty".to_string(),
            "key i: input: is required".to_string(),
        ]
    );
    assert_eq!(
        parse(&config_map(&[("currency", "USD")])).unwrap_err(),
        ["data: there is no model"]
    );
}

proptest! {
    /// Against the same number built from its parts.
    #[test]
    fn every_price_up_to_the_greatest_is_read_exactly(whole in 0_u64..1_000_000, decimals in 0_u64..1_000_000, digits in 1_usize..=6) {
        let text = format!("{decimals:06}");
        let kept: u64 = text[..digits].parse().unwrap();
        let expect = whole * 1_000_000 + kept * 10_u64.pow(6 - u32::try_from(digits).unwrap());
        prop_assert_eq!(micro(&format!("{whole}.{}", &text[..digits])), Ok(expect));
    }

    #[test]
    fn any_entry_is_read_or_refused(text in "\\PC{0,80}") {
        if let Ok((model, price)) = entry("key", &text) {
            prop_assert!(!model.is_empty());
            prop_assert!(price.input <= 1_000_000_000_000);
        }
    }
}
