//! Why a listener serves nothing.

use crate::status::Problem;

/// Why a listener serves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It collides with another listener of its Gateway.
    Conflict(Problem),
    /// What is written cannot be served.
    Invalid(Problem),
    /// It has no certificate to show. It is valid as it is written, and the certificate may come.
    NoCertificate(Problem),
    /// It shall check clients, and has nothing to check them with.
    NoAuthority(Problem),
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn problem(&self) -> &Problem {
        match self {
            Self::Conflict(problem)
            | Self::Invalid(problem)
            | Self::NoCertificate(problem)
            | Self::NoAuthority(problem) => problem,
        }
    }

    /// Whether routes attach all the same: what is missing is not a matter of the listener
    /// itself (Gateway API, ListenerStatus.attachedRoutes).
    pub(crate) fn takes_routes(&self) -> bool {
        match self {
            Self::NoCertificate(_) | Self::NoAuthority(_) => true,
            Self::Conflict(_) | Self::Invalid(_) => false,
        }
    }

    /// Whether the listener is accepted.
    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::NoCertificate(_))
    }
}
