//! What the tests share.

pub(crate) mod engine;
pub(crate) mod envoy;
pub(crate) mod ir;
pub(crate) mod limited;
pub(crate) mod rich;
pub(crate) mod upstream;
