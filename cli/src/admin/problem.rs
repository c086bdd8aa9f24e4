//! Why an operator's request was not done, as the one JSON form that all of them have.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tollgate_budget::StoreError;

/// A refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The request cannot be done as it is; says which field and rule.
    Invalid(String),
    /// It names something that is not there; says what is.
    Unknown(String),
    /// The store did not do it.
    Store(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, message),
            Self::Unknown(message) => (StatusCode::NOT_FOUND, message),
            Self::Store(message) => (StatusCode::SERVICE_UNAVAILABLE, message),
        };
        (status, Json(json!({"error": {"message": message}}))).into_response()
    }
}
