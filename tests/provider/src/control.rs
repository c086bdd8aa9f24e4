//! The control endpoint, `/_control/…`: faults, tally and requests over HTTP, for tests and demos
//! whose simulator runs in another process.

use bytes::Bytes;
use http::{Method, Response, StatusCode, request::Parts};
use serde_json::{Value, json};

use crate::{fault::FaultRule, play::Body, server::State, service::json_response};

/// Answers a control request.
pub(crate) fn serve(state: &State, head: &Parts, body: &Bytes) -> Response<Body> {
    let path = head.uri.path().trim_start_matches("/_control/");
    let (status, json) = match (&head.method, path) {
        (&Method::GET, "tally") => (StatusCode::OK, tally(state)),
        (&Method::DELETE, "tally") => {
            state.tally.reset();
            (StatusCode::OK, tally(state))
        }
        (&Method::GET, "faults") => (StatusCode::OK, json!(state.faults.rules())),
        (&Method::PUT, "faults") => set_faults(state, body),
        (&Method::DELETE, "faults") => {
            state.faults.clear();
            (StatusCode::OK, json!([]))
        }
        (&Method::GET, "requests") => {
            let requests = state.recorder.requests();
            (
                StatusCode::OK,
                requests
                    .iter()
                    .map(crate::RecordedRequest::to_json)
                    .collect(),
            )
        }
        (&Method::DELETE, "requests") => {
            state.recorder.clear();
            (StatusCode::OK, json!([]))
        }
        (method, _) => {
            let error = format!(
                "{method} /_control/{path}: the control endpoint has tally, faults (also PUT) and requests, by GET and DELETE"
            );
            (StatusCode::NOT_FOUND, json!({"error": error}))
        }
    };
    json_response(status, Bytes::from(json.to_string()))
}

fn tally(state: &State) -> Value {
    json!({
        "total": state.tally.total(),
        "rows": state.tally.rows(),
        "in_flight": state.tally.in_flight(),
        "in_flight_max": state.tally.in_flight_max(),
    })
}

fn set_faults(state: &State, body: &Bytes) -> (StatusCode, Value) {
    match serde_json::from_slice::<Vec<FaultRule>>(body) {
        Ok(rules) => {
            state.faults.set(rules);
            (StatusCode::OK, json!(state.faults.rules()))
        }
        Err(error) => (
            StatusCode::BAD_REQUEST,
            json!({"error": format!("fault rules: {error}")}),
        ),
    }
}
