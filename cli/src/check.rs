//! `tollgate check`: everything that is wrong with manifests.

use std::process::ExitCode;

use tollgate_controller::source::folder::Manifests;
use tollgate_translate::status::{Condition, ConditionStatus};

use crate::{args::CheckArgs, load, output};

/// Exit code 0: all is in effect; 1: something is not.
pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let source = &args.source;
    anyhow::ensure!(!source.paths.is_empty(), "name the files or folders to check");
    load::require(&source.paths)?;
    let options = load::options(source.port, source.bind, &source.provider_url)?;
    let translated = load::translated(&Manifests::Paths(source.paths.clone()), &options);
    for problem in &translated.problems {
        output::result(&problem.to_string());
    }
    let mut bad = load::has_errors(&translated.problems);
    let mut objects = 0;
    for (object, status) in translated.statuses.iter() {
        objects += 1;
        let all = status
            .conditions
            .iter()
            .chain(status.listeners.iter().flat_map(|listener| &listener.conditions))
            .chain(status.parents.iter().flat_map(|parent| &parent.conditions))
            .chain(status.ancestors.iter().flat_map(|ancestor| &ancestor.conditions));
        for condition in all.filter(|condition| is_bad(condition)) {
            bad = true;
            output::result(&format!(
                "{} {}: {} is {:?} ({}): {}",
                object.kind,
                object.namespace.iter().chain([&object.name]).cloned().collect::<Vec<_>>().join("/"),
                condition.kind,
                condition.status,
                condition.reason,
                condition.message,
            ));
        }
    }
    if bad {
        return Ok(ExitCode::FAILURE);
    }
    output::result(&format!("all {objects} objects are in effect"));
    Ok(ExitCode::SUCCESS)
}

/// Conditions that say that something was accepted are bad when false; those that warn, when true.
fn is_bad(condition: &Condition) -> bool {
    const WARNINGS: [&str; 4] = ["Conflicted", "OverlappingTLSConfig", "PartiallyInvalid", "Warning"];
    let warns = WARNINGS.contains(&condition.kind);
    match condition.status {
        ConditionStatus::False => !warns,
        ConditionStatus::True => warns,
        ConditionStatus::Unknown => false,
    }
}
