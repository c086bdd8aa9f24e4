//! What the chart lets the controller do is what it needs: every kind that it reads, the status of
//! those that have one, and the objects of fleets.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

use std::collections::{BTreeMap, BTreeSet};

use tollgate_crds::KINDS;
use tollgate_harness::command::repository;

/// Kinds of ours or the Gateway API without a status that is written.
const WITHOUT_STATUS: &[&str] = &["referencegrants"];

/// `group/resource` → verbs, of one named set of rules in the template.
fn rules(section: &str) -> BTreeMap<String, String> {
    let path = repository().join("charts/tollgate/templates/rbac.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let begin = format!("{{{{- define \"tollgate.rules.{section}\" -}}}}");
    let body = text.split_once(&begin).unwrap().1;
    let body = body.split_once("{{- end }}").unwrap().0;
    let list = |line: &str| -> Vec<String> {
        let inner = line.split_once('[').unwrap().1.trim_end_matches(']');
        let items = inner.split(',').map(|item| item.trim().trim_matches('"'));
        items.map(str::to_string).collect()
    };
    let (mut groups, mut resources) = (Vec::new(), Vec::new());
    let mut found = BTreeMap::new();
    for line in body.lines().map(str::trim) {
        if line.starts_with("- apiGroups:") {
            groups = list(line);
        } else if line.starts_with("resources:") {
            resources = list(line);
        } else if line.starts_with("verbs:") {
            for group in &groups {
                for resource in &resources {
                    found.insert(format!("{group}/{resource}"), list(line).join(" "));
                }
            }
        }
    }
    found
}

/// What `cluster` and `read` allow together.
fn allowed() -> BTreeMap<String, String> {
    let mut all = rules("cluster");
    all.extend(rules("read"));
    all
}

#[test]
fn every_kind_that_is_read_may_be_watched_and_nothing_else() {
    let wanted: BTreeSet<String> = KINDS
        .iter()
        .map(|kind| format!("{}/{}", kind.group, kind.plural))
        .chain(["apiextensions.k8s.io/customresourcedefinitions".to_string()])
        .collect();
    let given: BTreeSet<String> = allowed()
        .into_iter()
        .filter(|(_, verbs)| verbs == "get list watch")
        .map(|(resource, _)| resource)
        .collect();
    assert_eq!(given, wanted);
}

#[test]
fn status_may_be_patched_of_every_kind_that_has_one_and_nothing_else() {
    let wanted: BTreeSet<String> = KINDS
        .iter()
        .filter(|kind| !["", "discovery.k8s.io"].contains(&kind.group))
        .filter(|kind| !WITHOUT_STATUS.contains(&kind.plural))
        .map(|kind| format!("{}/{}/status", kind.group, kind.plural))
        .collect();
    let given: BTreeSet<String> = allowed()
        .into_iter()
        .filter(|(_, verbs)| verbs == "patch")
        .map(|(resource, _)| resource)
        .collect();
    assert_eq!(given, wanted);
}

#[test]
fn nothing_that_is_read_may_be_changed_but_by_fleets_and_events() {
    let others: Vec<String> = allowed()
        .into_iter()
        .filter(|(_, verbs)| verbs != "patch" && verbs != "get list watch")
        .map(|(resource, verbs)| format!("{resource}: {verbs}"))
        .collect();
    assert_eq!(others, ["events.k8s.io/events: create"]);
    let fleets = rules("fleets");
    let kinds: Vec<&str> = fleets.keys().map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "/configmaps",
            "/secrets",
            "/serviceaccounts",
            "/services",
            "apps/daemonsets",
            "apps/deployments",
            "autoscaling/horizontalpodautoscalers",
            "policy/poddisruptionbudgets",
        ]
    );
    let all = "get list watch create patch delete";
    assert!(fleets.values().all(|verbs| verbs == all), "{fleets:?}");
}
