//! Tests of this crate's interface: goldens, and real Envoy. One binary, so that it links once.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod accepted_by_envoy;
mod ai_on_envoy;
mod external_auth_on_envoy;
mod filters_on_envoy;
mod golden;
mod http_on_envoy;
mod sessions_on_envoy;
mod streams_on_envoy;
mod support;
mod telemetry_on_envoy;
mod tls_on_envoy;
mod upstream_tls_on_envoy;
