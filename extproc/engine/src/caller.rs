//! Who calls: what a client key says, and nothing else a client sends.

use std::sync::Arc;

use tollgate_bundle::Subject;

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

// === impl Identity ===

/// The subject that pays: `user:default/alice`. `Err` names what the caller lacks.
pub(crate) fn subject(
    identity: Option<&Identity>,
    kind: &Subject,
    namespace: &str,
) -> Result<String, &'static str> {
    let in_namespace = |what: &str, name: &str| format!("{what}:{namespace}/{name}");
    match (kind, identity) {
        (Subject::Shared, _) => Ok("shared".to_string()),
        (Subject::User, None) => Ok(in_namespace("user", ANONYMOUS)),
        (Subject::User, Some(identity)) => Ok(in_namespace("user", &identity.consumer)),
        (Subject::Key, None) => Ok(in_namespace("key", ANONYMOUS)),
        (Subject::Key, Some(identity)) => Ok(format!(
            "key:{namespace}/{}/{}",
            identity.consumer, identity.key
        )),
        (
            Subject::Team,
            Some(Identity {
                team: Some(team), ..
            }),
        ) => Ok(in_namespace("team", team)),
        (Subject::Team, _) => Err("team"),
        (Subject::Org, Some(Identity { org: Some(org), .. })) => Ok(in_namespace("org", org)),
        (Subject::Org, _) => Err("org"),
        (
            Subject::Route
            | Subject::Model
            | Subject::Backend
            | Subject::Header(_)
            | Subject::Unknown(_),
            _,
        ) => Err("subject"),
    }
}
