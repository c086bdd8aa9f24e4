//! The documents: every link between them, and into the sources, leads somewhere.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Folders with documents; those below are looked at too.
const FOLDERS: [&str; 3] = ["docs", "examples", "tests"];

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let documents = documents();
    assert!(documents.len() > 10, "the documents were found");
    let mut broken = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            if let Some(problem) = problem(&document, &text, link) {
                let shown = document.strip_prefix(root()).unwrap().display();
                broken.push(format!("{shown}: {link}: {problem}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Why a link leads nowhere.
fn problem(document: &Path, text: &str, link: &str) -> Option<&'static str> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = document.parent().unwrap().join(path);
    if !path.is_empty() && !target.exists() {
        return Some("there is no such file");
    }
    if anchor.is_empty() {
        return None;
    }
    let headings = match path {
        "" => anchors(text),
        _ => anchors(&std::fs::read_to_string(target).unwrap()),
    };
    (!headings.contains(anchor)).then_some("there is no such heading")
}

/// Targets of inline links that are no URLs.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace))
}

/// Headings, as GitHub makes anchors of them: lower case, hyphens for spaces, no punctuation.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter_map(|char| match char {
                ' ' => Some('-'),
                '-' | '_' => Some(char),
                _ if char.is_alphanumeric() => Some(char.to_ascii_lowercase()),
                _ => None,
            });
            kept.collect()
        })
        .collect()
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&root().join(folder), true, &mut found);
    }
    collect(&root(), false, &mut found);
    found
}

fn collect(folder: &Path, is_deep: bool, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if is_deep {
                collect(&path, is_deep, found);
            }
        } else if path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

#[test]
fn headings_become_anchors_as_readers_of_the_documents_write_them() {
    let anchors = anchors("# Where does … go?\n## Other addresses: `--provider-url NAME=URL`\n");
    let expect = ["other-addresses---provider-url-nameurl", "where-does--go"];
    assert_eq!(anchors, expect.map(str::to_string).into());
}
