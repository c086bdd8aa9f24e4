//! The service over real sockets: with a gRPC client, and with Envoy's own rate limit filter.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod envoy_filter;
mod round_trip;
mod support;
