//! The gRPC service `tollgate.link.v1.Link`: its messages, its method, and updates in parts.

mod method;
mod parts;

use prost::bytes::Bytes;

pub(crate) use method::{Follow, LinkService, follow};
pub(crate) use parts::{Joiner, PartsError, encode, split};

/// What controller and proxy must agree on before anything else. It changes where an update of one
/// release would be misread by another.
///
/// 2: a gateway has telemetry and a bootstrap (`piece::Kind`).
pub const PROTOCOL: u32 = 2;

/// Longest report, and so longest hello.
pub(crate) const REPORT_BYTES_MAX: usize = 256 * 1024;

/// What a proxy says.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Report {
    #[prost(oneof = "report::What", tags = "1, 2, 3")]
    pub(crate) what: Option<report::What>,
}

pub(crate) mod report {
    /// One of these.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub(crate) enum What {
        /// First, and once.
        #[prost(message, tag = "1")]
        Hello(super::Hello),
        /// A version is in effect.
        #[prost(message, tag = "2")]
        Applied(super::Applied),
        /// Envoy does not take some of a version.
        #[prost(message, tag = "3")]
        Refused(super::Refused),
    }
}

/// Who follows, and what it has.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    /// URI of the gateway; must be that of the certificate.
    #[prost(string, tag = "1")]
    pub(crate) gateway: String,
    #[prost(string, tag = "2")]
    pub(crate) pod: String,
    #[prost(uint32, tag = "3")]
    pub(crate) protocol: u32,
    /// Version that it has; empty: none.
    #[prost(string, tag = "4")]
    pub(crate) have: String,
}

/// A version is in effect.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Applied {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
}

/// Envoy does not take some of a version.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Refused {
    #[prost(string, tag = "1")]
    pub(crate) version: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) items: Vec<RefusedItem>,
}

/// What Envoy does not take, and why.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct RefusedItem {
    /// Name of the resource.
    #[prost(string, tag = "1")]
    pub resource: String,
    /// In Envoy's words.
    #[prost(string, tag = "2")]
    pub error: String,
}

/// A part of an update; an update is complete when one says `last`.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct Part {
    /// Bytes of an encoded [`crate::Update`].
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) data: Bytes,
    #[prost(bool, tag = "2")]
    pub(crate) last: bool,
}

/// Data may be secret.
impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { data, last } = self;
        write!(f, "Part {{ {} bytes, last: {last} }}", data.len())
    }
}

// === impl Report ===

impl From<report::What> for Report {
    fn from(what: report::What) -> Self {
        Self { what: Some(what) }
    }
}
