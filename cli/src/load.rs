//! Manifests, read and translated without running anything: what `check`, `explain` and
//! `translate` share, and how `run` learns where it will listen.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tollgate_controller::{
    merge::merge_gateways,
    problem::{Place, Problem, Severity},
    source::folder::{Manifests, load},
};
use tollgate_ir::Gateway;
use tollgate_translate::{
    BaseUrl, CONTROLLER_NAME, Mode, ObjectRef, Options, Standalone, Statuses, translate,
};

/// What manifests come to.
pub(crate) struct Translated {
    /// All gateways in one, as standalone mode runs them.
    pub(crate) gateway: Gateway,
    pub(crate) statuses: Statuses,
    pub(crate) problems: Vec<Problem>,
    /// Where each object stands.
    pub(crate) places: BTreeMap<ObjectRef, Place>,
}

/// Settings of a translation for standalone mode.
///
/// # Errors
///
/// A provider's URL cannot be used.
pub(crate) fn options(
    port: u16,
    bind: IpAddr,
    provider_urls: &[(String, String)],
) -> anyhow::Result<Options> {
    let provider_urls = provider_urls
        .iter()
        .map(|(name, url)| {
            let url: BaseUrl = url
                .parse()
                .with_context(|| format!("--provider-url {name}={url}"))?;
            Ok((name.clone(), url))
        })
        .collect::<anyhow::Result<BTreeMap<_, _>>>()?;
    Ok(Options {
        controller_name: CONTROLLER_NAME.to_string(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_string(),
        mode: Mode::Standalone(Standalone {
            default_port: port,
            bind,
            provider_urls,
        }),
    })
}

/// Reads and translates manifests.
pub(crate) fn translated(manifests: &Manifests, options: &Options) -> Translated {
    let loaded = load(manifests, &|name| std::env::var(name).ok());
    let translation = translate(&loaded.world, options);
    let (gateway, conflicts) = merge_gateways(&translation.ir);
    let mut problems = loaded.problems;
    problems.extend(conflicts);
    Translated {
        gateway,
        statuses: translation.statuses,
        problems,
        places: loaded.places,
    }
}

/// Fails for paths that do not exist: a mistyped name is no empty configuration.
///
/// # Errors
///
/// A path does not exist.
pub(crate) fn require(paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        anyhow::ensure!(
            Path::new(path).exists(),
            "{} does not exist",
            path.display()
        );
    }
    Ok(())
}

/// Whether something that was asked for is not in effect.
pub(crate) fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}
