//! What the tests share.

pub(crate) mod certs;
pub(crate) mod client;
pub(crate) mod engine;
pub(crate) mod envoy;
pub(crate) mod ir;
pub(crate) mod limited;
pub(crate) mod rich;
pub(crate) mod secure;
pub(crate) mod stream_upstream;
pub(crate) mod upstream;
