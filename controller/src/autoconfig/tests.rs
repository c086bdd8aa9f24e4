//! What environments come to, and which are refused.

use serde_json::{Value, json};

use super::{Autoconfig, AutoconfigError, autoconfig};
use crate::source::documents::{Format, parse_documents};

const SECRET: &str = "sk-real-\"quoted\\-secret";

fn of(variables: &[(&str, &str)]) -> Result<Option<Autoconfig>, AutoconfigError> {
    autoconfig(&lookup(variables))
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    move |name| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

/// The objects that come out, by kind and name, with the environment filled in.
fn objects(variables: &[(&str, &str)]) -> Vec<(String, Value)> {
    let made = of(variables).unwrap().unwrap();
    assert!(
        !made.manifests.contains("sk-real"),
        "what is printed holds a secret"
    );
    assert!(
        !made.notes.join("").contains("sk-real"),
        "what is printed holds a secret"
    );
    parse_documents(&made.manifests, Format::Yaml, &lookup(variables))
        .into_iter()
        .map(|document| {
            let value = document.unwrap().value;
            let name = value["metadata"]["name"].as_str().unwrap();
            (format!("{}/{name}", value["kind"].as_str().unwrap()), value)
        })
        .collect()
}

fn spec(objects: &[(String, Value)], name: &str) -> Value {
    let (_, value) = objects
        .iter()
        .find(|(known, _)| known == name)
        .unwrap_or_else(|| panic!("no {name}"));
    value["spec"].clone()
}

/// Which model expression goes to which backend.
fn rules(objects: &[(String, Value)]) -> Vec<(String, String)> {
    let spec = spec(objects, "AIGatewayRoute/environment");
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let rules = spec["rules"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| {
            (
                text(&rule["matches"][0]["headers"][0]["value"]),
                text(&rule["backendRefs"][0]["name"]),
            )
        })
        .collect()
}

fn pairs(expect: &[(&str, &str)]) -> Vec<(String, String)> {
    expect
        .iter()
        .map(|(models, name)| (models.to_string(), name.to_string()))
        .collect()
}

#[test]
fn each_set_of_keys_sends_every_model_somewhere() {
    let azure = [
        ("AZURE_OPENAI_API_KEY", SECRET),
        ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com/"),
        ("OPENAI_API_VERSION", "2024-10-21"),
    ];
    let openai = [("OPENAI_API_KEY", SECRET)];
    let anthropic = [("ANTHROPIC_API_KEY", SECRET)];
    let check = |variables: &[&[(&str, &str)]], expect: &[(&str, &str)]| {
        assert_eq!(rules(&objects(&variables.concat())), pairs(expect));
    };
    check(&[&openai], &[(".*", "openai")]);
    check(&[&anthropic], &[(".*", "anthropic")]);
    check(&[&azure], &[(".*", "azure-openai")]);
    check(
        &[&openai, &anthropic],
        &[("claude-.*", "anthropic"), (".*", "openai")],
    );
    check(
        &[&azure, &anthropic],
        &[("claude-.*", "anthropic"), (".*", "azure-openai")],
    );
    check(&[&openai, &azure], &[(".*", "openai")]);
}

#[test]
fn no_key_makes_no_configuration() {
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(
        of(&[
            ("OPENAI_API_KEY", ""),
            ("OPENAI_BASE_URL", "http://x"),
            ("AZURE_OPENAI_ENDPOINT", "x")
        ]),
        Ok(None)
    );
}

#[test]
fn the_path_of_a_base_url_is_kept() {
    let prefix = |key, variable, url| {
        let objects = objects(&[(key, SECRET), (variable, url)]);
        let name = if key.starts_with("OPENAI") {
            "openai"
        } else {
            "anthropic"
        };
        spec(&objects, &format!("AIServiceBackend/{name}"))["schema"]["prefix"].clone()
    };
    for (url, expect) in [
        ("https://api.openai.com/v1", "v1"),
        ("https://api.openai.com/v1/", "v1"),
        ("https://openrouter.ai/api/v1", "api/v1"),
        ("http://127.0.0.1:8000", "v1"),
        ("http://127.0.0.1:8000/compatible", "compatible"),
    ] {
        assert_eq!(
            prefix("OPENAI_API_KEY", "OPENAI_BASE_URL", url),
            expect,
            "{url}"
        );
    }
    for (url, expect) in [
        ("https://api.anthropic.com", "v1"),
        ("https://api.anthropic.com/v1", "v1"),
        ("https://proxy.example/anthropic", "anthropic/v1"),
    ] {
        assert_eq!(
            prefix("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", url),
            expect,
            "{url}"
        );
    }
}

#[test]
fn the_scheme_decides_on_tls_and_the_host_on_the_kind_of_endpoint() {
    let backend = |url| {
        spec(
            &objects(&[("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", url)]),
            "Backend/openai",
        )
    };
    assert_eq!(
        backend("https://llm.example/v1"),
        json!({
            "endpoints": [{"fqdn": {"hostname": "llm.example", "port": 443}}],
            "tls": {"wellKnownCACertificates": "System", "sni": "llm.example"}
        })
    );
    assert_eq!(
        backend("http://127.0.0.1:11434/v1"),
        json!({"endpoints": [{"ip": {"address": "127.0.0.1", "port": 11434}}]})
    );
}

#[test]
fn azure_has_its_version_and_its_own_kind_of_key() {
    let objects = objects(&[
        ("AZURE_OPENAI_API_KEY", SECRET),
        ("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com"),
        ("OPENAI_API_VERSION", "2025-01-01-preview"),
    ]);
    assert_eq!(
        spec(&objects, "AIServiceBackend/azure-openai")["schema"],
        json!({"name": "AzureOpenAI", "version": "2025-01-01-preview"})
    );
    assert_eq!(
        spec(&objects, "BackendSecurityPolicy/azure-openai")["azureAPIKey"],
        json!({"secretRef": {"name": "azure-openai-key"}})
    );
}

#[test]
fn the_key_arrives_in_the_secret_as_it_is() {
    let objects = objects(&[("ANTHROPIC_API_KEY", SECRET)]);
    let (_, secret) = objects
        .iter()
        .find(|(name, _)| name == "Secret/anthropic-key")
        .unwrap();
    assert_eq!(secret["stringData"]["apiKey"], SECRET);
}

#[test]
fn a_variable_that_cannot_be_used_is_named() {
    let error = |variables: &[(&str, &str)]| of(variables).unwrap_err().to_string();
    assert!(
        error(&[
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "api.openai.com")
        ])
        .starts_with("OPENAI_BASE_URL: ")
    );
    assert!(error(&[("AZURE_OPENAI_API_KEY", "k")]).contains("AZURE_OPENAI_ENDPOINT is not"));
    let azure = [
        ("AZURE_OPENAI_API_KEY", "k"),
        ("AZURE_OPENAI_ENDPOINT", "https://r/openai"),
        ("OPENAI_API_VERSION", "v"),
    ];
    assert!(error(&azure).contains("has a path"));
    let made = of(&[("OPENAI_API_KEY", "k"), ("AZURE_OPENAI_API_KEY", "k")])
        .unwrap()
        .unwrap();
    assert!(
        made.notes[0].starts_with("AZURE_OPENAI_API_KEY is set but"),
        "{:?}",
        made.notes
    );
}
