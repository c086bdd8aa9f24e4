//! Patches that an EnvoyProxy has for the objects that are made of it.

use serde_json::Value;
use tollgate_crds::envoy_gateway::envoy_proxy::{KubernetesPatch, PatchType};
use tollgate_translate::{json_merge, strategic_merge};

use crate::metadata;

/// The object with the patch in it, and still known by what it was known by.
pub(crate) fn apply(made: Value, patch: Option<&KubernetesPatch>) -> Value {
    let Some(KubernetesPatch { type_, value }) = patch else {
        return made;
    };
    if !value.is_object() {
        return made;
    }
    let mut patched = made.clone();
    match type_ {
        Some(PatchType::JSONMerge) => json_merge(&mut patched, value),
        Some(PatchType::StrategicMerge) | None => strategic_merge(&mut patched, value),
    }
    metadata::restore(&mut patched, &made);
    patched
}
