//! Routing below HTTP: connections and datagrams (Gateway API TLSRoute, TCPRoute, UDPRoute).

use serde::{Deserialize, Serialize};

use crate::{Destination, InvalidBackend};

/// Where connections or datagrams go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamRoute {
    /// `tcproute/namespace/name/rule/i` (or `tlsroute`, `udproute`), with the listener in front
    /// where nothing is attached: unique in its port.
    pub name: String,
    /// By weight. Empty, or weights all 0: connections are closed, datagrams are dropped.
    pub backends: Vec<StreamBackend>,
}

/// A backend and its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamBackend {
    /// `tcproute/namespace/name/rule/i/backend/k`; in a proxy the name of its cluster.
    pub name: String,
    /// Share; 0 gets nothing.
    pub weight: u32,
    /// Where it is, or why it cannot be reached. An invalid one keeps its weight: its share of
    /// the connections is closed.
    pub destination: Result<Destination, InvalidBackend>,
}

// === impl StreamRoute ===

impl StreamRoute {
    /// Where it leads, by the names of clusters.
    pub fn destinations(&self) -> impl Iterator<Item = (&str, &Destination)> {
        self.backends.iter().filter_map(|backend| {
            let destination = backend.destination.as_ref().ok()?;
            Some((backend.name.as_str(), destination))
        })
    }

    /// The same, to change it.
    pub fn destinations_mut(&mut self) -> impl Iterator<Item = (&mut String, &mut Destination)> {
        self.backends.iter_mut().filter_map(|backend| {
            let destination = backend.destination.as_mut().ok()?;
            Some((&mut backend.name, destination))
        })
    }
}
