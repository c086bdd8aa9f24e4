//! Against a real API server: the one that `TOLLGATE_TEST_KUBECONFIG` names. Without it nothing
//! is tested here, and each test says so. `make test-cluster` sets it.
//!
//! Every test has a namespace, a class and a controller name of its own, and removes them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod control;
mod crds;
mod fleets;
mod leadership;
mod sandbox;
mod scale;
mod statuses;
