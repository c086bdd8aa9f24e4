//! The link as its users see it: random gateways through updates, sizes, and two ends over TLS.

mod changes;
mod following;
mod near;
mod sample;
mod size;
mod slow;
mod stage;
mod trust;
