//! A client of the gateway, known by its API keys.

use serde::Serialize;
use tollgate_secret::Secret;

/// A client with keys; what a budget's subject is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// Name of the Consumer object; the user of `SubjectKind::User`.
    pub name: String,
    /// Keys that identify this consumer: the name of the Secret that holds each (the subject of
    /// `SubjectKind::Key`), and its value.
    pub keys: Vec<(String, Secret<String>)>,
    /// Team, for `SubjectKind::Team`.
    pub team: Option<String>,
    /// Organisation, for `SubjectKind::Org`.
    pub org: Option<String>,
}
