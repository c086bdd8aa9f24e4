//! One attempt: the request made ready for the backend that it goes to.

use std::borrow::Cow;

use tollgate_bundle::{Api, Backend, CLUSTER_HEADER, EXCHANGE_HEADER, Rule};
use tollgate_llm::{Target, tokens::Encoding, translate};

use super::{Chat, Exchange, InputBound, RequestHead};
use crate::{
    Reply, client_certificate,
    step::{Forward, Step},
};

/// Headers that never reach a provider: the client's own credentials, names by which other gateways
/// know a caller or a model, an `accept-encoding` that
/// would make the answer unreadable here, and what an earlier attempt was given for another
/// provider (all attempts share one header map).
const UNWANTED: &[&str] = &[
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "proxy-authorization",
    "accept-encoding",
    "anthropic-version",
    "openai-organization",
    "openai-project",
    client_certificate::HEADER,
    MODEL_HEADER,
    USER_HEADER,
];
/// The model that the client asks for, as Envoy AI Gateway's policies name it.
const MODEL_HEADER: &str = "x-ai-eg-model";
/// A name for the caller that says nothing of who it is.
const USER_HEADER: &str = "x-user-id";

/// How much of the request the proxy is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Send {
    /// What differs from the client's request: the first attempt.
    Changes,
    /// All of it, because the proxy holds what an earlier attempt was sent.
    Everything,
}

impl Exchange {
    /// Makes the request ready for the first attempt.
    pub(super) fn forward(&mut self) -> Step {
        let exchange = format!("{:032x}", self.input.id);
        match self.prepare(Send::Changes) {
            Ok((mut forward, cluster)) => {
                forward.set_headers.push((CLUSTER_HEADER, cluster.into()));
                forward.set_headers.push((EXCHANGE_HEADER, exchange.into()));
                Step::Forward(forward)
            }
            Err(reply) => self.refuse(reply),
        }
    }

    /// The proxy is about to try the backend with this cluster (a retry, or a first attempt that it
    /// sent elsewhere than planned): makes the original request ready for it.
    pub fn on_attempt(&mut self, cluster: &str, now_ms: u64) -> Step {
        let health = std::sync::Arc::clone(&self.input.health);
        let Some(chat) = &mut self.chat else {
            return self.refuse(Reply::internal("an attempt without a request"));
        };
        let rule = std::sync::Arc::clone(&chat.rule);
        let Some(index) = rule.backends.iter().position(|b| b.cluster == cluster) else {
            return self.refuse(Reply::internal("an attempt at a backend of another rule"));
        };
        if let Some(failed) = rule.backends.get(chat.backend) {
            health.failed(&failed.id, now_ms, None);
        }
        let dues_change = chat.budgets.vary && index != chat.backend;
        let bound_rises = chat.move_to(index);
        if dues_change {
            match chat.dues_here(&mut self.would_deny) {
                Ok(dues) => chat.next_dues = Some(dues),
                Err(missing) => return self.refuse(Reply::no_subject(&missing)),
            }
            return self.ask_for_hold();
        }
        if chat.receipt.is_some() && bound_rises {
            return self.ask_for_hold();
        }
        self.retry()
    }

    /// Makes the request ready for a further attempt, after any raise.
    pub(super) fn retry(&mut self) -> Step {
        match self.prepare(Send::Everything) {
            Ok((forward, _)) => Step::Forward(forward),
            Err(reply) => self.refuse(reply),
        }
    }

    fn prepare(&mut self, send: Send) -> Result<(Forward, String), Reply> {
        let created = self.input.created;
        let id = self.input.id;
        let chat = self
            .chat
            .as_mut()
            .ok_or_else(|| Reply::internal("no request to forward"))?;
        let backend = chat
            .rule
            .backends
            .get(chat.backend)
            .ok_or_else(|| Reply::internal("no backend to forward to"))?;
        let target = Target {
            api: &backend.api,
            model: backend.model.as_deref(),
            output_tokens_max: output_limit(
                chat.request.output_tokens_max,
                chat.output_granted,
                chat.request.choices,
                backend,
                chat.rule.output_tokens_default,
            ),
        };
        let mut ready = translate::chat_request(target, &chat.request, &chat.body)
            .map_err(Reply::invalid_request)?;
        if send == Send::Everything && ready.body.is_none() {
            ready.body = Some(chat.body.clone());
        }
        chat.attempts = chat.attempts.saturating_add(1);
        let mut answer = tollgate_llm::Answer::new(
            &backend.api,
            &chat.request,
            created,
            &format!("chatcmpl-{id:032x}"),
        );
        if chat.top_ups.is_some() {
            answer.may_be_cut();
        }
        chat.answer = Some(answer);
        let (present_path, unwanted) = match send {
            Send::Changes => (chat.path.as_str(), chat.unwanted.clone()),
            Send::Everything => ("", may_not_pass(&chat.rule).collect()),
        };
        let mut forward = headers(backend, ready, present_path, &unwanted);
        let kept = &chat.rule.kept_headers;
        let subjects = chat.subject_headers.iter().map(|(name, _)| name);
        let told_to_nobody =
            subjects.filter(|name| !kept.contains(name) && !UNWANTED.contains(&name.as_str()));
        forward
            .remove_headers
            .extend(told_to_nobody.map(|name| name.clone().into()));
        if chat
            .rule
            .kept_headers
            .iter()
            .any(|name| name == MODEL_HEADER)
        {
            let model = chat.request.model.clone();
            forward.set_headers.push((MODEL_HEADER, model.into()));
            forward.remove_headers.retain(|name| *name != MODEL_HEADER);
        }
        Ok((forward, backend.cluster.clone()))
    }
}

// === impl Chat ===

impl Chat {
    /// Makes this the backend of the attempt; whether more input may have to be held for. Another
    /// model may make more tokens of the same text, and images cost it another price.
    pub(super) fn move_to(&mut self, backend: usize) -> bool {
        let before = Encoding::of_model(self.asked_model());
        self.backend = backend;
        (self.output_cap, self.refits) = (None, 0);
        let is_counted = matches!(self.bound, InputBound::Counted(_));
        let same_count = before.is_some() && before == Encoding::of_model(self.asked_model());
        if is_counted && same_count && self.request.input.images == 0 {
            return false;
        }
        let bound = self.cheap_bound();
        if bound <= self.bound.tokens() {
            return false;
        }
        self.bound = InputBound::Cheap(bound);
        true
    }
}

/// Which of the unwanted headers a client sent: naming the others to the proxy would cost, too.
pub(super) fn unwanted(head: &impl RequestHead, rule: &Rule) -> Vec<&'static str> {
    may_not_pass(rule)
        .filter(|name| head.header(name).is_some())
        .collect()
}

/// The unwanted headers, but for a name of the caller that the rule's rate limits read.
fn may_not_pass(rule: &Rule) -> impl Iterator<Item = &'static str> {
    let is_read = rule.kept_headers.iter().any(|name| name == USER_HEADER);
    let unwanted = UNWANTED.iter().copied();
    unwanted.filter(move |name| !is_read || *name != USER_HEADER)
}

/// The output limit to put into the provider's request, over all choices; `None` leaves what the
/// client wrote. Under a budget the provider is always told, so that an answer cannot cost more
/// than its hold.
fn output_limit(
    client: Option<u64>,
    granted: Option<u64>,
    choices: u64,
    backend: &Backend,
    default: u64,
) -> Option<u64> {
    let must_be_told = matches!(backend.api, Api::Anthropic { .. });
    match (granted, client) {
        (Some(granted), Some(each)) if granted >= each.saturating_mul(choices) => {
            must_be_told.then_some(granted)
        }
        (Some(granted), _) => Some(granted),
        (None, Some(each)) => must_be_told.then(|| each.saturating_mul(choices)),
        (None, None) => must_be_told.then(|| default.saturating_mul(choices)),
    }
}

fn headers(
    backend: &Backend,
    ready: translate::ProviderRequest,
    present_path: &str,
    unwanted: &[&'static str],
) -> Forward {
    let mut set_headers: Vec<(&'static str, Cow<'static, str>)> = Vec::with_capacity(8);
    if ready.path != present_path {
        set_headers.push((":path", ready.path.into()));
    }
    for (name, value) in ready.headers {
        set_headers.push((name, value.into()));
    }
    if let Some(credential) = &backend.credential
        && let Some(name) = credential_header(&credential.header)
    {
        set_headers.push((name, credential.value.expose().clone().into()));
    }
    if let Some(body) = &ready.body {
        set_headers.push(("content-length", body.len().to_string().into()));
        set_headers.push(("content-type", "application/json".into()));
    }
    let is_set = |name: &str| set_headers.iter().any(|(set, _)| *set == name);
    Forward {
        remove_headers: unwanted
            .iter()
            .filter(|name| !is_set(name))
            .map(|name| Cow::Borrowed(*name))
            .collect(),
        set_headers,
        body: ready.body,
    }
}

/// The header names that a credential may have.
fn credential_header(name: &str) -> Option<&'static str> {
    ["authorization", "x-api-key", "api-key"]
        .into_iter()
        .find(|known| *known == name)
}
