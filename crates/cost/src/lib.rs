//! What a call costs by a CEL expression over its token counts, and whether a text is CEL at all:
//! pure, shared by both sides.
//!
//! The controller compiles an expression to say what is wrong with it; the engine compiles it
//! once for each bundle and evaluates it for each call.

#![forbid(unsafe_code)]

mod check;
mod counts;
mod expression;
mod syntax;

pub use counts::{Counts, Names};
pub use expression::{CostError, Expression};
pub use syntax::{TEXT_BYTES_MAX, check_syntax};
