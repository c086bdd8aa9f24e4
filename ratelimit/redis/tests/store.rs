//! The store on real Redis servers, which each test starts for itself and ends.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests; clippy only knows the test functions themselves"
)]

#[path = "store/access.rs"]
mod access;
#[path = "store/cluster.rs"]
mod cluster;
#[path = "store/conformance.rs"]
mod conformance;
#[path = "store/expiry.rs"]
mod expiry;
#[path = "store/faults.rs"]
mod faults;
#[path = "store/footprint.rs"]
mod footprint;
#[path = "store/model.rs"]
mod model;
#[path = "store/sentinel.rs"]
mod sentinel;
#[path = "store/server.rs"]
mod server;
#[path = "store/time.rs"]
mod time;
#[path = "store/tls.rs"]
mod tls;
#[path = "store/values.rs"]
mod values;
