//! What an EnvoyProxy says about the file that Envoy starts with: `spec.bootstrap`, and of
//! `spec.telemetry.metrics` what Envoy must know before any configuration comes. Fed by `fleet`.
//!
//! Whatever is wrong leaves that part out, and is told to the EnvoyProxy: no proxy starts with what
//! it cannot be reached by.

use serde_json::Value;
use tollgate_crds::envoy_gateway::EnvoyProxySpec;
use tollgate_crds::envoy_gateway::envoy_proxy::{
    BootstrapType, JsonPatchOperation, JsonPatchVerb, ProxyBootstrap,
};
use tollgate_ir as ir;

use crate::names;
use crate::status::{Problem, reason};
use crate::telemetry::{self, Site};

const FIELD: &str = "spec.bootstrap";
/// Longest text of a bootstrap.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What proxies start with, and what is wrong with the settings.
pub(crate) fn translate(site: Site<'_>, spec: &EnvoyProxySpec) -> (ir::Bootstrap, Vec<Problem>) {
    let mut problems = Vec::new();
    let telemetry = spec.telemetry.as_ref();
    let metrics = telemetry.and_then(|it| it.metrics.as_ref());
    let (kept, sinks) = metrics
        .map(|it| telemetry::figures(site, it, &mut problems))
        .unwrap_or_default();
    let mut bootstrap = ir::Bootstrap {
        name: names::telemetry(site.gateway, "bootstrap"),
        kept,
        sinks,
        change: None,
    };
    if let Some(settings) = &spec.bootstrap {
        match translate_change(settings) {
            Ok(change) => bootstrap.change = Some(change),
            Err(problem) => problems.push(problem),
        }
        if let Err(error) = tollgate_bootstrap::check(&bootstrap) {
            bootstrap.change = None;
            problems.push(invalid(format!("{FIELD}: {error}; it has no effect")));
        }
    }
    match bootstrap.is_default() {
        true => (ir::Bootstrap::default(), problems),
        false => (bootstrap, problems),
    }
}

fn translate_change(settings: &ProxyBootstrap) -> Result<ir::BootstrapChange, Problem> {
    let ProxyBootstrap {
        type_,
        value,
        json_patches,
    } = settings;
    Ok(match type_ {
        BootstrapType::Merge => ir::BootstrapChange::Merge(parse(value.as_deref())?),
        BootstrapType::Replace => ir::BootstrapChange::Replace(parse(value.as_deref())?),
        BootstrapType::JSONPatch => {
            let operations = json_patches.iter().enumerate();
            let operations = operations
                .map(|(position, operation)| translate_operation(position, operation))
                .collect::<Result<_, _>>()?;
            ir::BootstrapChange::Patch(operations)
        }
    })
}

fn parse(text: Option<&str>) -> Result<Value, Problem> {
    let text = text.unwrap_or_default();
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        return Err(invalid(format!(
            "{FIELD}.value: is {length} bytes long; {TEXT_BYTES_MAX} are the most"
        )));
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.to_string();
        let first = error.lines().next().unwrap_or_default();
        invalid(format!("{FIELD}.value: is not YAML: {first}"))
    })
}

fn translate_operation(
    position: usize,
    operation: &JsonPatchOperation,
) -> Result<ir::PatchOperation, Problem> {
    let JsonPatchOperation {
        op,
        path,
        json_path,
        from,
        value,
    } = operation;
    let field = format!("{FIELD}.jsonPatches[{position}]");
    if json_path.is_some() {
        return Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}.jsonPath: is not supported in this release; path is"),
        ));
    }
    let needed = |name: &str, text: &Option<String>| {
        text.clone()
            .ok_or_else(|| invalid(format!("{field}.{name}: must be given")))
    };
    let path = needed("path", path)?;
    // `null` is a value too, and the API server leaves it out.
    let value = value.clone().unwrap_or_default();
    Ok(match op {
        JsonPatchVerb::Add => ir::PatchOperation::Add { path, value },
        JsonPatchVerb::Replace => ir::PatchOperation::Replace { path, value },
        JsonPatchVerb::Test => ir::PatchOperation::Test { path, value },
        JsonPatchVerb::Remove => ir::PatchOperation::Remove { path },
        JsonPatchVerb::Move => {
            let from = needed("from", from)?;
            ir::PatchOperation::Move { from, path }
        }
        JsonPatchVerb::Copy => {
            let from = needed("from", from)?;
            ir::PatchOperation::Copy { from, path }
        }
    })
}

fn invalid(message: String) -> Problem {
    Problem::new(reason::INVALID_PARAMETERS, message)
}
