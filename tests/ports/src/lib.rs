//! Ports for servers that tests start and that cannot be told to take any that is free.
//!
//! A port that the kernel gives (`bind` to 0) and that is closed again may be gone a moment later:
//! it is one of those from which connections go out. These are below them, and claimed across all
//! test processes of the machine until the process ends.

#![forbid(unsafe_code)]

mod claim;

pub use claim::free_port;
