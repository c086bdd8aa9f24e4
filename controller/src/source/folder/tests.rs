//! Files and folders read into a world.

use std::fs;

use super::{Loaded, Manifests, load};
use crate::problem::Severity;

fn load_text(text: &str) -> Loaded {
    load(
        &Manifests::Text {
            name: "t.yaml",
            text: text.into(),
        },
        &|_| None,
    )
}

fn problems(loaded: &Loaded) -> Vec<String> {
    loaded.problems.iter().map(ToString::to_string).collect()
}

/// A namespace with an AI route.
const TEAM: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: tollgate}
spec: {controllerName: gateway.tollgate.dev/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g, namespace: team}
spec: {gatewayClassName: tollgate, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: llm, namespace: team}
spec: {backends: [{name: openai, provider: openai, model: gpt-4, auth: {type: APIKey, apiKeyRef: {name: k}}}]}
";

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {apiKey: sk-hidden}\n";

#[test]
fn good_objects_are_loaded_beside_broken_ones() {
    let text = format!(
        "{SECRET}---\nx: [\n---\nkind: Secret\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n"
    );
    let loaded = load_text(&text);
    assert_eq!(loaded.objects, 2);
    let problems = problems(&loaded);
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].starts_with("t.yaml:6: not valid YAML: ")
            || problems[0].starts_with("t.yaml:7: not valid YAML: "),
        "{problems:?}"
    );
    assert_eq!(
        problems[1],
        "t.yaml:8: apiVersion must be a string that is not empty"
    );
}

#[test]
fn a_broken_rule_is_told_with_file_line_object_and_field() {
    let text = "# head\napiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {name: b, namespace: team}\nspec: {limits: [{tokens: 1, window: Fortnight}]}\n";
    let loaded = load_text(text);
    assert_eq!(loaded.objects, 0);
    let problems = problems(&loaded);
    assert!(
        problems[0]
            .starts_with("t.yaml:2: TokenBudget team/b: spec.limits[0].window: \"Fortnight\" "),
        "{problems:?}"
    );
}

#[test]
fn an_unknown_kind_is_named_and_skipped() {
    let loaded = load_text(&format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\n---\n{SECRET}"
    ));
    assert_eq!(loaded.objects, 1);
    assert_eq!(loaded.problems[0].severity, Severity::Note);
    assert!(
        problems(&loaded)[0].starts_with("t.yaml:1: apps/v1 Deployment is not a kind"),
        "{:?}",
        problems(&loaded)
    );
}

#[test]
fn of_two_objects_of_one_name_the_first_stays_and_both_places_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    fs::write(&a, SECRET).unwrap();
    fs::write(
        &b,
        format!(
            "\n{}",
            SECRET.replace("{name: a}", "{name: a, namespace: default}")
        ),
    )
    .unwrap();
    let loaded = load(&Manifests::Paths(vec![dir.path().to_path_buf()]), &|_| None);
    assert_eq!(loaded.objects, 1);
    let expect = format!(
        "{}:2: Secret default/a: is already at {}:1, which is used; this one is not",
        b.display(),
        a.display()
    );
    assert_eq!(problems(&loaded), [expect]);
}

#[test]
fn no_problem_repeats_a_secret() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {apiKey: sk-hidden!}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData: {apiKey: [sk-hidden]}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: c}\nstringData: {apiKey: \"sk-hidden}\n";
    let loaded = load_text(text);
    assert_eq!(loaded.objects, 0);
    assert!(loaded.problems.len() >= 3);
    assert!(
        problems(&loaded)
            .iter()
            .all(|problem| !problem.contains("sk-hidden")),
        "{:?}",
        problems(&loaded)
    );
}

#[test]
fn a_path_that_leads_nowhere_is_a_problem_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    fs::write(&file, SECRET).unwrap();
    let loaded = load(
        &Manifests::Paths(vec![dir.path().join("none"), file]),
        &|_| None,
    );
    assert_eq!((loaded.objects, loaded.problems.len()), (1, 1));
}

fn translated(loaded: &Loaded) -> tollgate_translate::Translation {
    let options = tollgate_translate::Options {
        controller_name: tollgate_translate::CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: tollgate_translate::Mode::Cluster(tollgate_translate::Cluster::default()),
    };
    tollgate_translate::translate(&loaded.world, &options)
}

/// What a status says of TokenBudget `default/b`, each condition in a line.
fn budget_conditions(loaded: &Loaded) -> Vec<String> {
    let translation = translated(loaded);
    let statuses: Vec<_> = translation.statuses.iter().collect();
    let of_budget = statuses
        .iter()
        .filter(|(object, _)| object.kind == "TokenBudget" && object.name == "b");
    of_budget
        .flat_map(|(_, status)| &status.conditions)
        .map(|it| format!("{} {:?} {}", it.kind, it.status, it.message))
        .collect()
}

#[test]
fn a_budget_that_cannot_be_read_still_has_conditions() {
    let text = "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {name: b}\nspec: {limits: [{tokens: -5, window: Day}]}\n";
    let conditions = budget_conditions(&load_text(text));
    assert_eq!(
        conditions[0],
        "Accepted False spec.limits[0].tokens: -5 must be at least 0; rules and backends that the budget applies to refuse requests: 0"
    );
    assert!(
        conditions[1].starts_with("Enforced False"),
        "{conditions:?}"
    );
}

#[test]
fn a_second_budget_of_one_name_is_told_on_the_first() {
    let budget = |tokens: u32| {
        format!(
            "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {{name: b}}\nspec: {{limits: [{{tokens: {tokens}, window: Day}}]}}\n---\n"
        )
    };
    let conditions = budget_conditions(&load_text(&format!("{}{}", budget(1), budget(2))));
    let conflicted: Vec<_> = conditions
        .iter()
        .filter(|it| it.starts_with("Conflicted True metadata.name: the one at t.yaml:6"))
        .collect();
    assert_eq!(conflicted.len(), 1, "{conditions:?}");
    let same = budget_conditions(&load_text(&format!("{}{}", budget(1), budget(1))));
    assert!(
        !same.iter().any(|it| it.starts_with("Conflicted")),
        "{same:?}"
    );
}

#[test]
fn a_consumer_that_cannot_be_read_does_not_open_its_namespace() {
    let head =
        "apiVersion: tollgate.dev/v1alpha1\nkind: Consumer\nmetadata: {name: a, namespace: team}\n";
    for spec in ["spec: {apiKeys: 5}\n", "spec: {apiKeys: [\n", ""] {
        let loaded = load_text(&format!("{TEAM}---\n{head}{spec}"));
        assert_eq!(loaded.problems.len(), 1, "{spec}");
        let gateways = translated(&loaded).ir.gateways;
        assert_eq!(gateways.len(), 1);
        for gateway in gateways.values() {
            // A namespace that is listed requires a key.
            assert_eq!(
                gateway.consumers.get("team").map(Vec::len),
                Some(0),
                "{spec}"
            );
        }
    }
}

#[test]
fn a_budget_in_broken_yaml_is_a_broken_budget() {
    let text = "apiVersion: tollgate.dev/v1alpha1\nkind: TokenBudget\nmetadata: {name: b}\nspec: {limits: [\n";
    let conditions = budget_conditions(&load_text(text));
    assert!(
        conditions[0].starts_with("Accepted False not valid YAML"),
        "{conditions:?}"
    );
}
