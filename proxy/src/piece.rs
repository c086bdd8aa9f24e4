//! The pieces of a gateway that Envoy can refuse one by one, and gateways in which some of them
//! stand aside. Pure. Fed by `isolate`.

mod changed;
mod compose;
#[cfg(test)]
pub(crate) mod samples;

pub(crate) use changed::{Suspect, changed, has};
pub(crate) use compose::{Form, compose};

/// Names a piece; names come from the IR.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piece {
    /// A port: its address and protocol, and all of TCP and UDP.
    Listener { name: String },
    /// What is done for a server name, but for the virtual hosts inside.
    Chain { name: String },
    /// A host name.
    Host { name: String },
    /// A route of a virtual host.
    Route { host: String, name: String },
    /// An AI rule of a virtual host.
    Rule { host: String, id: String },
    /// An access log, of every port.
    AccessLog { name: String },
    /// Tracing, of every port with HTTP.
    Tracing { name: String },
}

/// How deep a piece lies: what is at fault is looked for from the outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Listener,
    Chain,
    Host,
    Route,
    /// Last, since it is seen in ports alone: those that are good must be there to try it in.
    Telemetry,
}

// === impl Piece ===

impl Piece {
    pub(crate) fn level(&self) -> Level {
        match self {
            Self::Listener { .. } => Level::Listener,
            Self::Chain { .. } => Level::Chain,
            Self::Host { .. } => Level::Host,
            Self::Route { .. } | Self::Rule { .. } => Level::Route,
            Self::AccessLog { .. } | Self::Tracing { .. } => Level::Telemetry,
        }
    }

    /// The virtual host that it stands in.
    pub(crate) fn host(&self) -> Option<&str> {
        match self {
            Self::Route { host, .. } | Self::Rule { host, .. } => Some(host),
            Self::Listener { .. }
            | Self::Chain { .. }
            | Self::Host { .. }
            | Self::AccessLog { .. }
            | Self::Tracing { .. } => None,
        }
    }

    /// Its name in the IR.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Listener { name }
            | Self::Chain { name }
            | Self::Host { name }
            | Self::AccessLog { name }
            | Self::Tracing { name }
            | Self::Route { name, .. } => name,
            Self::Rule { id, .. } => id,
        }
    }
}

// === impl Level ===

impl Level {
    pub(crate) const ALL: [Self; 5] = [
        Self::Listener,
        Self::Chain,
        Self::Host,
        Self::Route,
        Self::Telemetry,
    ];
}

#[cfg(test)]
mod tests;
