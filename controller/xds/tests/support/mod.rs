//! What the tests of this crate share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part"
)]

pub mod engine;
pub mod envoy;
pub mod ir;
pub mod rich;
pub mod upstream;
