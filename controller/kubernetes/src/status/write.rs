//! One status, written: a merge patch that holds only for the version of the object that it was
//! made for; after a conflict made anew for the object as it is now.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::Value;
use tollgate_crds::KINDS;
use tollgate_translate::ObjectRef;

use super::fields::fields;
use super::merge::{Desired, desired_patch};
use crate::watch::{Raw, Stored};

/// Name under which fields are ours.
const FIELD_MANAGER: &str = "tollgate";

/// How often a write is tried when somebody else writes at the same time.
const ATTEMPTS_MAX: usize = 5;

const CONFLICT: u16 = 409;
const NOT_FOUND: u16 = 404;

/// A status to write.
pub(crate) struct Write {
    pub(crate) object: ObjectRef,
    /// What was stored when it was found to differ.
    pub(crate) stored: Stored,
    /// See [`Desired::status`].
    pub(crate) status: Value,
    pub(crate) controllers: Arc<Vec<String>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The object has it now.
    Written,
    /// It was accepted, and part of it is not there: the installed CRD does not have the field.
    Pruned,
    /// After a conflict there was nothing to write.
    Unchanged,
    /// There is no such object any more.
    Gone,
    /// It took too long.
    TimedOut,
    /// The API server refused, or did not answer.
    Failed(kube::Error),
}

// === impl Write ===

impl Write {
    /// Writes it.
    pub(crate) async fn run(&self, client: Client) -> Outcome {
        let api = api(client, &self.object, &self.stored.version);
        let mut version = self.stored.resource_version.clone();
        let mut stored = self.stored.status.clone();
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let Some(mut patch) = self.patch(&stored) else {
                return Outcome::Unchanged;
            };
            patch["metadata"] = serde_json::json!({"resourceVersion": version});
            let params = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_string()),
                ..PatchParams::default()
            };
            let error = match api
                .patch_status(&self.object.name, &params, &Patch::Merge(&patch))
                .await
            {
                Ok(after) if self.patch(&after.body["status"]).is_some() => return Outcome::Pruned,
                Ok(_) => return Outcome::Written,
                Err(error) => error,
            };
            match code(&error) {
                Some(CONFLICT) => last = Some(error),
                Some(NOT_FOUND) => return Outcome::Gone,
                _ => return Outcome::Failed(error),
            }
            match api.get_opt(&self.object.name).await {
                Ok(Some(fresh)) => {
                    version = fresh.metadata.resource_version.unwrap_or_default();
                    stored = fresh.body["status"].clone();
                }
                Ok(None) => return Outcome::Gone,
                Err(error) => return Outcome::Failed(error),
            }
        }
        last.map_or(Outcome::Unchanged, Outcome::Failed)
    }

    fn patch(&self, stored: &Value) -> Option<Value> {
        let desired = Desired {
            fields: fields(&self.object),
            status: &self.status,
            controllers: &self.controllers,
        };
        desired_patch(stored, &desired, &now())
    }
}

// === impl Outcome ===

impl Outcome {
    /// Its name in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Pruned => "pruned",
            Self::Unchanged => "unchanged",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Failed(_) => "failed",
        }
    }
}

/// The time as conditions have it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn api(client: Client, object: &ObjectRef, version: &str) -> Api<Raw> {
    let kind = KINDS
        .iter()
        .find(|kind| kind.group == object.group && kind.kind == object.kind);
    let resource = ApiResource {
        group: object.group.clone(),
        version: version.to_string(),
        api_version: kind.map_or_else(|| version.to_string(), |kind| kind.api_version(version)),
        kind: object.kind.clone(),
        plural: kind.map_or("", |kind| kind.plural).to_string(),
    };
    match &object.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    }
}
