//! Who may see and change budgets: those who have the admin token.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::admin_token::AdminToken;

/// Lets a request through that has the token, else answers 401.
pub(super) async fn require_token(
    State(token): State<Arc<AdminToken>>,
    request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if given.is_some_and(|given| token.is(given)) {
        return next.run(request).await;
    }
    let why = match given {
        Some(_) => "the admin token is wrong",
        None => "the admin token is missing: authorization: Bearer TOKEN",
    };
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, "Bearer")],
        Json(json!({"error": {"message": why}})),
    )
        .into_response()
}
