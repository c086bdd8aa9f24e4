//! Secrets: what is read from them, and that nothing prints it.

use serde_json::{Value, json};

use super::super::{Object, parse_object};

fn secret(fields: Value) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "sk-live-1"}}});
    for (name, field) in fields.as_object().unwrap() {
        value[name] = field.clone();
    }
    value
}

#[test]
fn string_data_wins_over_data_and_base64_is_decoded() {
    let object = parse_object(secret(json!({
        "data": {"a": "c2stbGl2ZS0x", "b": "c2stb\nGl2ZS0x"}, "stringData": {"a": "sk-live-2"},
    })))
    .unwrap();
    let Object::Secret(secret) = object else {
        panic!("{object:?}")
    };
    assert_eq!(
        (secret.namespace.as_str(), secret.type_.as_str()),
        ("default", "Opaque")
    );
    assert_eq!(secret.data["a"].expose(), b"sk-live-2");
    assert_eq!(secret.data["b"].expose(), b"sk-live-1");
}

#[test]
fn a_secret_is_never_printed_whole_or_broken() {
    let cases = [
        json!({"stringData": {"a": "sk-live-1"}}),
        json!({"data": {"a": "c2stbGl2ZS0x"}}),
        json!({"data": {"a": "sk-live-1"}}),
        json!({"data": "sk-live-1"}),
        json!({"stringData": ["sk-live-1"]}),
        json!({"stringData": {"a": {"b": "sk-live-1"}}}),
        json!({"type": ["sk-live-1"], "stringData": {"a": "sk-live-1"}}),
    ];
    for case in cases {
        let result = parse_object(secret(case));
        let mut printed = format!("{result:?} {result:#?}");
        if let Err(error) = &result {
            printed.push_str(&error.to_string());
        }
        for leak in ["sk-live", "c2stbGl2", "115, 107"] {
            assert!(!printed.contains(leak), "{printed}");
        }
    }
}

#[test]
fn a_broken_secret_names_the_entry_and_the_rule() {
    let message = |fields| parse_object(secret(fields)).unwrap_err().to_string();
    assert_eq!(
        message(json!({"data": {"api.key": "sk live"}})),
        "Secret default/key: data[\"api.key\"]: must be base64; plain text goes to stringData"
    );
    assert_eq!(
        message(json!({"stringData": {"apiKey": 12}})),
        "Secret default/key: stringData.apiKey: must be of type string, is integer; write it in quotes"
    );
}
