//! The second host of the engine: a module inside Envoy's process, which calls the engine on
//! Envoy's own threads. Fed by Envoy's HTTP filters through a C interface (`abi`), and by the
//! process that started Envoy through the uplink; feeds the engine.
//!
//! Built as `libtollgate_module.so`; docs/adr/0008 says why and what it costs.

mod abi;
mod config;
mod engine;
mod filter;
mod log;
mod turn;
mod work;
