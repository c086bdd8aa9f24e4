//! A client of the gateway, known by its API keys.

use serde::{Deserialize, Serialize};
use tollgate_secret::Secret;

/// A client with keys; what a budget's subject is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Name of the Consumer object; the user of `Subject::User`.
    pub name: String,
    /// Keys that identify this consumer: the name of the Secret that holds each (the subject of
    /// `Subject::Key`), and its value.
    pub keys: Vec<(String, Secret<String>)>,
    /// Team, for `Subject::Team`.
    pub team: Option<String>,
    /// Organisation, for `Subject::Org`.
    pub org: Option<String>,
}
