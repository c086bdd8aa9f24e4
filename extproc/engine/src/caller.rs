//! Who calls: what a client key says, and nothing else a client sends.

use std::sync::Arc;

/// What the key of a request says about its sender.
#[derive(Clone, Debug)]
pub enum Caller {
    /// No key, or one that nobody has.
    Anonymous,
    /// The holders of the key, at most one in each namespace.
    Known(Vec<Arc<Identity>>),
}

/// A consumer, known by one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Namespace of the Consumer object.
    pub namespace: String,
    /// Its name.
    pub consumer: String,
    /// Name of the Secret that holds the key.
    pub key: String,
    /// Team, if any.
    pub team: Option<String>,
    /// Organisation, if any.
    pub org: Option<String>,
}

/// The one user that all anonymous callers are together.
pub(crate) const ANONYMOUS: &str = "anonymous";

// === impl Caller ===

impl Caller {
    /// Who the caller is in a namespace.
    pub(crate) fn identity_in(&self, namespace: &str) -> Option<Arc<Identity>> {
        match self {
            Self::Anonymous => None,
            Self::Known(identities) => identities
                .iter()
                .find(|identity| identity.namespace == namespace)
                .cloned(),
        }
    }
}
