//! `tollgate translate`: what would be done with manifests, printed.

use std::{net::Ipv4Addr, path::PathBuf, process::ExitCode};

use anyhow::Context;
use serde_json::Value;
use tollgate_controller::source::folder::Manifests;
use tollgate_proxy::pin_clusters;
use tollgate_xds::{BuildOptions, build, resources_json};

use crate::{
    args::{TranslateArgs, TranslateTo},
    load, output,
};

/// Exit code 0 even where objects are refused: the output says so. Broken documents go to stderr.
pub(crate) fn translate(args: &TranslateArgs) -> anyhow::Result<ExitCode> {
    let source = &args.source;
    load::require(&source.files)?;
    let bind = Ipv4Addr::LOCALHOST.into();
    let options = load::options(source.port, bind, &source.provider_url)?;
    let translated = load::translated(&Manifests::Paths(source.files.clone()), &options);
    for problem in &translated.problems {
        output::error(&problem.to_string());
    }
    let value: Value = match args.to {
        TranslateTo::Ir => serde_json::to_value(&translated.gateway)?,
        TranslateTo::Status => serde_json::to_value(&translated.statuses)?,
        TranslateTo::Xds => {
            let options = BuildOptions::new(PathBuf::from("extproc.sock"));
            let mut gateway = translated.gateway;
            pin_clusters(&mut gateway);
            resources_json(&build(&gateway, &options)).context("render xDS as JSON")?
        }
    };
    output::result(&serde_json::to_string_pretty(&value)?);
    Ok(if load::has_errors(&translated.problems) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
