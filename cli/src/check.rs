//! `tollgate check`: everything that is wrong with manifests.

use std::{collections::BTreeSet, process::ExitCode};

use tollgate_controller::{problem::Place, source::folder::Manifests};
use tollgate_translate::{
    ObjectRef,
    status::{Condition, ConditionStatus},
};

use crate::{args::CheckArgs, load, output};

/// Exit code 0: all is in effect; 1: something is not.
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let source = &args.source;
    anyhow::ensure!(
        !source.paths.is_empty(),
        "name the files or folders to check"
    );
    load::require(&source.paths)?;
    let options = load::options(source.port, source.bind, &source.provider_url)?;
    let translated = load::translated(&Manifests::Paths(source.paths.clone()), &options);
    for problem in &translated.problems {
        output::result(&problem.to_string());
    }
    let mut bad = load::has_errors(&translated.problems);
    for (object, status) in translated.statuses.iter() {
        let all = status
            .conditions
            .iter()
            .chain(
                status
                    .listeners
                    .iter()
                    .flat_map(|listener| &listener.conditions),
            )
            .chain(status.parents.iter().flat_map(|parent| &parent.conditions))
            .chain(
                status
                    .ancestors
                    .iter()
                    .flat_map(|ancestor| &ancestor.conditions),
            );
        // A route with one parent is told the same twice: of itself, and of its parent.
        let mut told = BTreeSet::new();
        for condition in all.filter(|condition| is_bad(condition)) {
            bad = true;
            let line = line(object, condition, translated.places.get(object));
            if told.insert(line.clone()) {
                output::result(&line);
            }
        }
    }
    if bad {
        return Ok(ExitCode::FAILURE);
    }
    output::result(&match translated.places.len() {
        0 => "there is no object that tollgate reads".to_string(),
        objects => format!("all {objects} objects are in effect"),
    });
    Ok(ExitCode::SUCCESS)
}

/// `routes.yaml:12: AIGatewayRoute default/llm: ResolvedRefs is False (SecretNotFound): …`
fn line(object: &ObjectRef, condition: &Condition, place: Option<&Place>) -> String {
    let place = place.map_or(String::new(), |place| format!("{place}: "));
    let namespace = object
        .namespace
        .as_ref()
        .map_or(String::new(), |namespace| format!("{namespace}/"));
    format!(
        "{place}{} {namespace}{}: {} is {:?} ({}): {}",
        object.kind,
        object.name,
        condition.kind,
        condition.status,
        condition.reason,
        condition.message,
    )
}

/// Conditions that say that something was accepted are bad when false; those that warn, when true.
fn is_bad(condition: &Condition) -> bool {
    const WARNINGS: [&str; 4] = [
        "Conflicted",
        "OverlappingTLSConfig",
        "PartiallyInvalid",
        "Warning",
    ];
    let warns = WARNINGS.contains(&condition.kind);
    match condition.status {
        ConditionStatus::False => !warns,
        ConditionStatus::True => warns,
        ConditionStatus::Unknown => false,
    }
}
