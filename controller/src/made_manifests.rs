//! What we make ourselves must be accepted whole by our own translation.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use tollgate_bundle::{Api, Backend};
use tollgate_translate::status::ConditionStatus;
use tollgate_translate::{CONTROLLER_NAME, Mode, Options, Standalone, translate};

use crate::autoconfig::autoconfig;
use crate::demo::{DEMO_KEY_ALICE, DEMO_KEY_BOB, DEMO_MODEL, demo_manifests};
use crate::merge::merge_gateways;
use crate::source::expand::Lookup;
use crate::source::folder::{Manifests, load};

/// The bundle that a text becomes; any complaint about it fails.
fn bundle(text: &str, environment: Lookup<'_>) -> tollgate_bundle::Bundle {
    let loaded = load(
        &Manifests::Text {
            name: "made",
            text: text.into(),
        },
        environment,
    );
    assert_eq!(loaded.problems, [], "{text}");
    let mode = Mode::Standalone(Standalone {
        default_port: 1975,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        provider_urls: BTreeMap::new(),
    });
    let options = Options {
        controller_name: CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode,
    };
    let translation = translate(&loaded.world, &options);
    for (object, status) in translation.statuses.iter() {
        let conditions = status
            .conditions
            .iter()
            .chain(status.parents.iter().flat_map(|parent| &parent.conditions));
        for condition in conditions {
            assert_eq!(
                condition.status,
                ConditionStatus::True,
                "{object:?}: {condition:?}"
            );
            assert_ne!(condition.kind, "Warning", "{object:?}: {condition:?}");
        }
    }
    let (gateway, conflicts) = merge_gateways(&translation.ir);
    assert_eq!((gateway.listeners.len(), conflicts), (1, Vec::new()));
    gateway.bundle()
}

fn backends(bundle: &tollgate_bundle::Bundle) -> Vec<&Backend> {
    bundle
        .scopes
        .values()
        .flat_map(|scope| &scope.rules)
        .flat_map(|rule| &rule.backends)
        .collect()
}

#[test]
fn the_demo_serves_one_model_from_two_providers_to_two_consumers() {
    let bundle = bundle(
        &demo_manifests(
            "127.0.0.1:9001".parse().unwrap(),
            "127.0.0.1:9002".parse().unwrap(),
        ),
        &|_| None,
    );
    let backends = backends(&bundle);
    let names: Vec<_> = backends
        .iter()
        .map(|backend| {
            (
                backend.name.as_str(),
                backend.priority,
                backend.invalid.clone(),
            )
        })
        .collect();
    assert_eq!(names, [("openai", 0, None), ("anthropic", 1, None)]);
    assert_eq!(
        backends[0].api,
        Api::OpenAi {
            prefix: "v1".to_string()
        }
    );
    assert_eq!(
        backends[1].api,
        Api::Anthropic {
            prefix: "v1".to_string()
        }
    );
    let rules: Vec<_> = bundle
        .scopes
        .values()
        .flat_map(|scope| &scope.rules)
        .collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].models[0].id, DEMO_MODEL);
    assert_eq!(bundle.budgets.len(), 1);
    let consumers: Vec<_> = bundle.consumers.values().flatten().collect();
    let text = demo_manifests(
        "127.0.0.1:1".parse().unwrap(),
        "127.0.0.1:2".parse().unwrap(),
    );
    assert_eq!(consumers.len(), 2);
    assert!(text.contains(DEMO_KEY_ALICE) && text.contains(DEMO_KEY_BOB));
}

#[test]
fn every_environment_makes_a_configuration_that_is_accepted() {
    let environment = |name: &str| {
        let value = match name {
            "OPENAI_API_KEY" | "ANTHROPIC_API_KEY" | "AZURE_OPENAI_API_KEY" => "sk-1",
            "OPENAI_BASE_URL" => "http://127.0.0.1:9/api/v1",
            "AZURE_OPENAI_ENDPOINT" => "https://r.openai.azure.com",
            "OPENAI_API_VERSION" => "2024-10-21",
            _ => return None,
        };
        Some(value.to_string())
    };
    let check = |hidden: &[&str], expect: &[(&str, Api)]| {
        let lookup = |name: &str| environment(name).filter(|_| !hidden.contains(&name));
        let made = autoconfig(&lookup).unwrap().unwrap();
        let bundle = bundle(&made.manifests, &lookup);
        let found: Vec<_> = backends(&bundle)
            .iter()
            .map(|backend| {
                assert_eq!(backend.invalid, None);
                assert!(backend.credential.is_some(), "{backend:?}");
                (backend.name.as_str(), backend.api.clone())
            })
            .collect();
        assert_eq!(found, expect, "without {hidden:?}");
    };
    let openai = (
        "openai",
        Api::OpenAi {
            prefix: "api/v1".to_string(),
        },
    );
    let anthropic = (
        "anthropic",
        Api::Anthropic {
            prefix: "v1".to_string(),
        },
    );
    let azure = (
        "azure-openai",
        Api::AzureOpenAi {
            version: "2024-10-21".to_string(),
        },
    );
    check(&[], &[anthropic.clone(), openai.clone()]);
    check(&["ANTHROPIC_API_KEY"], &[openai]);
    check(&["OPENAI_API_KEY"], &[anthropic.clone(), azure.clone()]);
    check(&["OPENAI_API_KEY", "ANTHROPIC_API_KEY"], &[azure]);
    check(&["OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"], &[anthropic]);
}
