//! How far Envoy is with what it was sent. Read by the controller.

use crate::ResourceType;

/// What the server knows about the Envoy at its socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Streams that are open: 0 while Envoy is away.
    pub streams: usize,
    /// Version of the newest snapshot that Envoy has accepted whole.
    pub live: Option<String>,
    /// What Envoy refused of the newest snapshot; it keeps what it had. `None` once a newer
    /// snapshot is accepted.
    pub rejection: Option<Rejection>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Version of the snapshot.
    pub version: String,
    /// Kind of the resources.
    pub kind: ResourceType,
    /// Names of the resources that were sent together; one or more of them are at fault.
    pub names: Vec<String>,
    /// Envoy's words.
    pub error: String,
}
