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
