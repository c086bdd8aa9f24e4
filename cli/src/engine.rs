//! Where the engine runs: inside Envoy, where the library is there and fits, else in this process.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tollgate_proxy::infra::envoy_binary::{ENVOY_VERSION, EnvoyBinary};

use crate::{
    args::{EngineArgs, EngineKind},
    misuse::Misuse,
};

/// The engine's library.
const LIBRARY: &str = "libtollgate_module.so";
/// Releases of Envoy whose interface for modules the library is written for.
const FITTING: &str = "1.40.";

/// Where the engine runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EngineChoice {
    /// In this process, behind ext_proc.
    ExtProc,
    /// Inside Envoy; the folder of the library.
    InEnvoy(PathBuf),
}

/// Decides, and says so in the log.
///
/// # Errors
///
/// It was asked to run inside Envoy and cannot ([`Misuse`]).
pub(crate) fn choose(args: &EngineArgs, envoy: &EnvoyBinary) -> anyhow::Result<EngineChoice> {
    let EngineArgs {
        engine,
        engine_module,
    } = args;
    if *engine == EngineKind::ExtProc {
        tracing::info!(
            engine = "ext-proc",
            why = "--engine",
            "LLM calls are handled in this process"
        );
        return Ok(EngineChoice::ExtProc);
    }
    match find(engine_module.as_deref(), envoy) {
        Ok(folder) => {
            tracing::info!(engine = "in-envoy", library = %folder.join(LIBRARY).display(), "LLM calls are handled inside Envoy");
            Ok(EngineChoice::InEnvoy(folder))
        }
        Err(why) if *engine == EngineKind::InEnvoy || engine_module.is_some() => {
            Err(Misuse(format!("--engine in-envoy: {why}")).into())
        }
        Err(why) => {
            tracing::info!(engine = "ext-proc", %why, "LLM calls are handled in this process");
            Ok(EngineChoice::ExtProc)
        }
    }
}

/// The folder of the library, if this Envoy can load it.
fn find(named: Option<&Path>, envoy: &EnvoyBinary) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => std::env::current_exe()
            .context("the path of this program is not known")?
            .with_file_name(LIBRARY),
    };
    anyhow::ensure!(
        path.file_name().is_some_and(|name| name == LIBRARY),
        "the engine's library must be a file named {LIBRARY}; {} is not",
        path.display()
    );
    anyhow::ensure!(
        path.is_file(),
        "there is no engine's library at {}",
        path.display()
    );
    let version = envoy.other_version.as_deref().unwrap_or(ENVOY_VERSION);
    anyhow::ensure!(
        version.starts_with(FITTING),
        "the engine's library needs Envoy {FITTING}x; {} is {version}",
        envoy.path.display()
    );
    let path = std::path::absolute(&path)
        .with_context(|| format!("the folder of {} cannot be told", path.display()))?;
    let folder = path
        .parent()
        .context("the engine's library has no folder")?;
    Ok(folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tollgate_proxy::infra::envoy_binary::{EnvoyBinary, EnvoyOrigin};

    use super::{EngineChoice, LIBRARY, choose};
    use crate::args::{EngineArgs, EngineKind};

    fn envoy(other_version: Option<&str>) -> EnvoyBinary {
        EnvoyBinary {
            path: "/opt/envoy".into(),
            origin: EnvoyOrigin::Flag,
            other_version: other_version.map(str::to_string),
        }
    }

    fn args(engine: EngineKind, module: Option<&Path>) -> EngineArgs {
        EngineArgs {
            engine,
            engine_module: module.map(Path::to_path_buf),
        }
    }

    #[test]
    fn the_library_is_used_where_it_is_and_envoy_fits() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join(LIBRARY);
        std::fs::write(&library, "").unwrap();
        let auto = args(EngineKind::Auto, Some(&library));
        let chosen = choose(&auto, &envoy(None)).unwrap();
        assert_eq!(chosen, EngineChoice::InEnvoy(folder.path().to_path_buf()));
        let patched = choose(&auto, &envoy(Some("1.40.7"))).unwrap();
        assert_eq!(patched, chosen);
        let refused = choose(&auto, &envoy(Some("1.39.3"))).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "--engine in-envoy: the engine's library needs Envoy 1.40.x; /opt/envoy is 1.39.3"
        );
        let asked = args(EngineKind::ExtProc, Some(&library));
        assert_eq!(choose(&asked, &envoy(None)).unwrap(), EngineChoice::ExtProc);
    }

    #[test]
    fn what_was_asked_for_by_name_and_is_not_there_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join(LIBRARY);
        for (path, rule) in [
            (absent.as_path(), "there is no engine's library at "),
            (Path::new("/bin/sh"), "must be a file named "),
        ] {
            let error = choose(&args(EngineKind::InEnvoy, Some(path)), &envoy(None)).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains(rule) && text.contains(path.to_str().unwrap()),
                "{text}"
            );
        }
    }
}
