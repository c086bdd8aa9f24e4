//! What Envoy refused of a gateway, for those who have to mend it.

use std::fmt;

/// A piece of a gateway that Envoy refuses; the rest of the gateway is in effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Name of the piece in the IR: of a listener, a TLS chain, a virtual host, a route or an AI
    /// rule.
    pub name: String,
    /// What is in effect in its place.
    pub instead: Instead,
    /// Envoy's words.
    pub error: String,
}

/// What is in effect in the place of a refused piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instead {
    /// The piece as Envoy accepted it last.
    LastGood,
    /// An answer with status 500; connections are closed where there is no HTTP.
    Failure,
    /// Nothing: Envoy has never accepted it, and refuses a failure in its place too.
    Nothing,
}

// === impl Refused ===

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name: _,
            instead,
            error,
        } = self;
        write!(f, "envoy refuses it and {instead}: {error}")
    }
}

impl fmt::Display for Instead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastGood => "keeps what it had",
            Self::Failure => "answers 500 in its place",
            Self::Nothing => "serves nothing in its place",
        })
    }
}
