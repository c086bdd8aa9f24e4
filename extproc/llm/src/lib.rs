//! What providers and clients say to each other, and the translation between them: pure.
//!
//! Bytes in, bytes out: no socket, no clock, no Envoy. Fed by `engine`; the whole matrix of
//! client API × provider API is the `match` in [`translate`].

#![forbid(unsafe_code)]

pub mod answer;
pub mod chat;
pub mod error;
mod json;
mod media_url;
pub mod tokens;
pub mod translate;
pub mod usage;

pub use answer::{Answer, AnswerOutcome, BodyChange, BodyReading, HeadChange};
pub use chat::{ChatRequest, InputShape};
pub use error::{ErrorBody, InvalidRequest};
pub use translate::{ProviderRequest, Target};
pub use usage::Usage;
