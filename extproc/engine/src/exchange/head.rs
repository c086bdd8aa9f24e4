//! The request's headers: who calls, and what for. Decided before any body is read.

use bytes::Bytes;
use serde_json::json;

use super::Exchange;
use crate::{Caller, Reply, step::Step, table::Scope};

/// The request's headers, as the host holds them.
pub trait RequestHead {
    /// Value of a header (lower-case name; pseudo-headers as `:path`). Of several, the first.
    fn header(&self, name: &str) -> Option<&[u8]>;

    /// Value of a header that must be text.
    fn text(&self, name: &str) -> Option<&str> {
        self.header(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// What a path is for.
enum Endpoint {
    ChatCompletions,
    Models,
    Usage,
}

const CHAT_COMPLETIONS: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";
const USAGE: &str = "/v1/usage";

// === impl Endpoint ===

impl Endpoint {
    /// As it is written in metrics and logs.
    const fn name(&self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat",
            Self::Models => "models",
            Self::Usage => "usage",
        }
    }
}

impl Exchange {
    /// Takes the request's headers; `end` is set when no body follows.
    pub fn on_request_head(&mut self, head: &impl RequestHead, end: bool) -> Step {
        match self.request_head(head, end) {
            Ok(step) => step,
            Err(reply) => self.refuse(reply),
        }
    }

    fn request_head(&mut self, head: &impl RequestHead, end: bool) -> Result<Step, Reply> {
        let table = std::sync::Arc::clone(&self.input.table);
        let scope = table
            .scope(&self.input.scope)
            .ok_or_else(|| Reply::no_such_scope(&self.input.scope))?;
        let endpoint = endpoint(head);
        self.operation = endpoint.as_ref().map_or("unknown", Endpoint::name);
        self.caller = identify(head, scope, |key| table.identify(key))?;
        match endpoint? {
            Endpoint::Models => {
                let reply = Reply::json(self.models(scope), "models");
                Ok(self.answer_here(reply))
            }
            Endpoint::Usage => Ok(self.ask_for_usage(scope, head)),
            Endpoint::ChatCompletions => {
                self.check_body(head, end)?;
                Ok(Step::ReadBody)
            }
        }
    }

    /// Ends the exchange with what was asked for.
    pub(super) fn answer_here(&mut self, reply: Reply) -> Step {
        self.status = reply.status;
        self.ending = crate::Ending::Complete;
        self.closed = true;
        Step::Reply(reply)
    }

    fn check_body(&self, head: &impl RequestHead, end: bool) -> Result<(), Reply> {
        let length = head
            .text("content-length")
            .and_then(|text| text.parse::<u64>().ok());
        if end || length == Some(0) {
            return Err(Reply::missing_body());
        }
        if length.is_some_and(|length| length > self.input.body_bytes_max) {
            return Err(Reply::body_too_large(self.input.body_bytes_max));
        }
        match head.text("content-encoding") {
            None | Some("" | "identity") => Ok(()),
            Some(encoding) => Err(Reply::encoded_body(encoding)),
        }
    }

    /// `GET /v1/models`: what the caller may use, without repetition, in order of precedence.
    fn models(&self, scope: &Scope) -> Bytes {
        let mut data: Vec<serde_json::Value> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for rule in &scope.rules {
            if rule.admit(&self.caller).is_err() {
                continue;
            }
            for model in &rule.rule.models {
                if seen.insert(model.id.as_str()) {
                    data.push(json!({
                        "id": model.id,
                        "object": "model",
                        "created": model.created,
                        "owned_by": model.owned_by,
                    }));
                }
            }
        }
        Bytes::from(json!({ "object": "list", "data": data }).to_string())
    }
}

fn endpoint(head: &impl RequestHead) -> Result<Endpoint, Reply> {
    let method = head.text(":method").unwrap_or("");
    let target = head.text(":path").unwrap_or("");
    let path = target.split(['?', '#']).next().unwrap_or("");
    match (method, path) {
        ("POST", CHAT_COMPLETIONS) => Ok(Endpoint::ChatCompletions),
        ("GET" | "HEAD", MODELS) => Ok(Endpoint::Models),
        ("GET" | "HEAD", USAGE) => Ok(Endpoint::Usage),
        (_, CHAT_COMPLETIONS) => Err(Reply::wrong_method(method, path, "POST")),
        (_, MODELS | USAGE) => Err(Reply::wrong_method(method, path, "GET")),
        _ => Err(Reply::unknown_path(method, path)),
    }
}

/// Reads the client's key. Where every rule needs one, a missing or unknown key ends here.
fn identify(
    head: &impl RequestHead,
    scope: &Scope,
    lookup: impl Fn(&[u8]) -> Caller,
) -> Result<Caller, Reply> {
    match (client_key(head), scope.open) {
        (None, true) => Ok(Caller::Anonymous),
        (None, false) => Err(Reply::missing_key()),
        (Some(key), open) => match (lookup(key), open) {
            (Caller::Anonymous, false) => Err(Reply::unknown_key()),
            (caller, _) => Ok(caller),
        },
    }
}

/// `Authorization: Bearer KEY`, else `x-api-key: KEY`.
fn client_key(head: &impl RequestHead) -> Option<&[u8]> {
    let bearer = head.header("authorization").and_then(|value| {
        let (scheme, key) = value.split_at_checked("bearer ".len())?;
        scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| key.trim_ascii())
    });
    bearer
        .or_else(|| head.header("x-api-key").map(<[u8]>::trim_ascii))
        .filter(|key| !key.is_empty())
}
