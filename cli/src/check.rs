//! `tollgate check`: everything that is wrong with manifests.

use std::process::ExitCode;

use tollgate_controller::source::folder::Manifests;

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
        let place = translated
            .places
            .get(object)
            .map_or(String::new(), |place| format!("{place}: "));
        for trouble in status.troubles(object) {
            bad = true;
            output::result(&format!("{place}{trouble}"));
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
