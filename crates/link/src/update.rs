//! What leads from one version of a gateway to the next, in its form on the wire.

mod apply;
mod compare;
mod edit;
mod near;
mod patch;

use std::{borrow::Cow, fmt};

use prost::bytes::Bytes;

use crate::piece::{Key, Kind};

pub use apply::ApplyError;
pub(crate) use apply::changed;
pub(crate) use compare::{Changes, changes};
pub(crate) use near::near;
pub(crate) use patch::patched;

/// A change, or a whole gateway: `base` says which.
///
/// Applied in this order: `remove` takes pieces away, and out of the order of their scope; `set`
/// puts content in their place; `order` moves and inserts; what is new and that `order` does not
/// name goes to the end of its scope, in the order of `set`.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct Update {
    /// Version of the result ([`Version`] as text).
    #[prost(string, tag = "1")]
    pub version: String,
    /// Version that this changes; empty: nothing, this is a whole gateway.
    #[prost(string, tag = "2")]
    pub base: String,
    /// Pieces that are new or have changed.
    #[prost(message, repeated, tag = "3")]
    pub(crate) set: Vec<SetPiece>,
    /// Pieces that are gone.
    #[prost(message, repeated, tag = "4")]
    pub(crate) remove: Vec<RemovedPiece>,
    /// Changes of order.
    #[prost(message, repeated, tag = "5")]
    pub order: Vec<Splice>,
}

/// A piece with its content.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct SetPiece {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) scope: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    /// JSON with secrets.
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) json: Bytes,
}

/// The key of a piece.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RemovedPiece {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) scope: String,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
}

/// A change of the order of the pieces of one kind in one scope. Several of one list are applied
/// one after the other.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Splice {
    #[prost(enumeration = "Kind", tag = "1")]
    pub(crate) kind: i32,
    /// Name of what they stand in.
    #[prost(string, tag = "2")]
    pub scope: String,
    /// Where.
    #[prost(uint32, tag = "3")]
    pub at: u32,
    /// How many names are taken out there.
    #[prost(uint32, tag = "4")]
    pub delete: u32,
    /// Names that are put in there.
    #[prost(string, repeated, tag = "5")]
    pub insert: Vec<String>,
}

/// A key as it stands on the wire.
pub(crate) fn key<'a>(kind: i32, scope: &'a str, name: &'a str) -> Result<Key<'a>, ApplyError> {
    let known = Kind::try_from(kind).ok().filter(|it| *it != Kind::Unknown);
    Ok(Key {
        kind: known.ok_or(ApplyError::UnknownKind(kind))?,
        scope: Cow::Borrowed(scope),
        name: Cow::Borrowed(name),
    })
}

// === impl Update ===

/// Content may be secret: only how much there is.
impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("version", &self.version)
            .field("base", &self.base)
            .field("set", &self.set)
            .field("remove", &self.remove)
            .field("order", &self.order)
            .finish()
    }
}

/// Content may be secret: only its length.
impl fmt::Debug for SetPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            scope,
            name,
            json,
        } = self;
        write!(f, "{kind} {scope:?} {name:?}: {} bytes", json.len())
    }
}
