//! Envoy as a process of ours: its binary, its life, its admin interface.

pub mod admin;
pub mod backoff;
pub mod envoy_binary;
pub mod envoy_process;
mod fetch;
mod guard;
mod log_lines;
pub mod runtime_dir;
pub(crate) mod start_file;
