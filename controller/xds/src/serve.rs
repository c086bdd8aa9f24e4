//! The xDS server: snapshots in, delta ADS out, progress back. One private Unix socket for each
//! Envoy. `stream` decides what is said (pure), `server` says it.

mod kind;
mod progress;
mod server;
mod socket;
mod stream;
mod todo;

#[cfg(test)]
mod tests;

pub use progress::{Progress, Rejection};
pub use server::{ServeError, serve};
