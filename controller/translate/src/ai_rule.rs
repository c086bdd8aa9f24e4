//! AI rules: their order within a scope, and what holds for every one of them.

use tollgate_bundle::{Api, Backend, Credential, Match, ValueMatch};
use tollgate_ir::{self as ir, Shared};

use crate::names;
use crate::status::Problem;

/// Output tokens assumed where the client names no limit.
pub(crate) const OUTPUT_TOKENS_DEFAULT: u64 = 4096;
/// Below this many affordable output tokens a request is refused: an answer of a few words is
/// worth less than a clear refusal.
pub(crate) const OUTPUT_TOKENS_MIN: u64 = 16;
/// Silence of a provider within an answer, in milliseconds: reasoning models think for minutes.
pub(crate) const IDLE_MS_DEFAULT: u64 = 300_000;

/// First and longest pause between attempts, in milliseconds.
const BACKOFF_MS: (u64, u64) = (25, 250);
/// Answers of a provider after which another may do better. 529 is Anthropic's "overloaded".
const RETRY_STATUSES: [u16; 6] = [429, 500, 502, 503, 504, 529];

/// Precedence of a match of an AI rule; the greater goes first. Gateway API's order for header
/// matches, the model being the first header: exact before expression before any model, then the
/// number of other headers, then of exact ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AiPrecedence {
    model: u8,
    headers: usize,
    exact_headers: usize,
}

// === impl AiPrecedence ===

impl AiPrecedence {
    pub(crate) fn of(matches: &Match) -> Self {
        let Match { model, headers } = matches;
        Self {
            model: match model {
                Some(ValueMatch::Exact(_)) => 2,
                Some(ValueMatch::Regex(_)) => 1,
                None => 0,
            },
            headers: headers.len(),
            exact_headers: headers
                .iter()
                .filter(|header| matches!(header.value, ValueMatch::Exact(_)))
                .count(),
        }
    }
}

/// A rule once for each precedence that its matches have, so that whole rules can be sorted.
/// Nearly always that is once; further parts have ids of their own (`ns/name/0~1`) and list no
/// models again.
pub(crate) fn by_precedence(rule: &Shared<ir::AiRule>) -> Vec<(AiPrecedence, Shared<ir::AiRule>)> {
    let mut all = rule.rule.matches.iter().map(AiPrecedence::of);
    let first = all.next().unwrap_or(AiPrecedence::of(&Match::default()));
    if all.all(|it| it == first) {
        return vec![(first, rule.clone())];
    }
    let mut groups: Vec<(AiPrecedence, Vec<Match>)> = Vec::new();
    for matches in &rule.rule.matches {
        let precedence = AiPrecedence::of(matches);
        match groups.iter_mut().find(|(it, _)| *it == precedence) {
            Some((_, group)) => group.push(matches.clone()),
            None => groups.push((precedence, vec![matches.clone()])),
        }
    }
    groups
        .into_iter()
        .enumerate()
        .map(|(part, (precedence, matches))| {
            let mut rule = rule.clone();
            rule.rule.matches = matches;
            if part > 0 {
                rule.rule.models.clear();
                let id = format!("{}~{part}", rule.rule.id);
                for (position, backend) in rule.rule.backends.iter_mut().enumerate() {
                    backend.id = names::ai_backend(&id, position);
                    backend.cluster = names::ai_cluster(&id, position);
                }
                rule.rule.id = id;
            }
            (precedence, rule)
        })
        .collect()
}

/// When the next backend is tried, where the user does not say: each other usable backend once; a
/// single one again only where nothing can have been spent.
pub(crate) fn retry_default(backends: usize) -> ir::Retry {
    let mut on = vec![ir::RetryTrigger::ConnectFailure];
    if backends > 1 {
        on.push(ir::RetryTrigger::Reset);
        on.extend(RETRY_STATUSES.into_iter().map(ir::RetryTrigger::Status));
    }
    ir::Retry {
        retries: u32::try_from(backends.saturating_sub(1))
            .unwrap_or(u32::MAX)
            .max(1),
        on,
        backoff_base_ms: BACKOFF_MS.0,
        backoff_max_ms: BACKOFF_MS.1,
    }
}

/// A backend of an AI rule, of whichever kind of route.
#[derive(Debug)]
pub(crate) struct BackendDraft {
    pub(crate) name: String,
    pub(crate) priority: u32,
    pub(crate) weight: u32,
    /// Model asked of the provider; `None` keeps the client's.
    pub(crate) model: Option<String>,
    pub(crate) target: Result<AiTarget, Problem>,
}

/// A provider that can be reached.
#[derive(Debug)]
pub(crate) struct AiTarget {
    pub(crate) api: Api,
    pub(crate) credential: Option<Credential>,
    pub(crate) destination: ir::Destination,
}

/// The backends of a rule, and where each is. A rule without any gets one that answers with the
/// reason, because a rule that matches must answer.
pub(crate) fn build_backends(
    rule_id: &str,
    mut drafts: Vec<BackendDraft>,
    none: Problem,
) -> (Vec<Backend>, Vec<Option<ir::Destination>>) {
    if drafts.is_empty() {
        drafts.push(BackendDraft {
            name: "none".to_string(),
            priority: 0,
            weight: 1,
            model: None,
            target: Err(none),
        });
    }
    drafts
        .into_iter()
        .enumerate()
        .map(|(position, draft)| build_backend(rule_id, position, draft))
        .unzip()
}

/// Makes one backend of a rule answer with an error, for whoever may not use it.
pub(crate) fn refuse_backend(rule: &mut ir::AiRule, position: usize, why: &str) {
    if let Some(backend) = rule.rule.backends.get_mut(position) {
        backend.invalid.get_or_insert_with(|| why.to_string());
        backend.credential = None;
    }
    if let Some(destination) = rule.destinations.get_mut(position) {
        *destination = None;
    }
}

/// How many backends can be tried.
pub(crate) fn usable(destinations: &[Option<ir::Destination>]) -> usize {
    destinations.iter().flatten().count()
}

fn build_backend(
    rule_id: &str,
    position: usize,
    draft: BackendDraft,
) -> (Backend, Option<ir::Destination>) {
    let (api, credential, destination, invalid) = match draft.target {
        Ok(AiTarget {
            api,
            credential,
            destination,
        }) => (api, credential, Some(destination), None),
        // Nobody asks an invalid backend for its API.
        Err(problem) => (
            Api::OpenAi {
                prefix: String::new(),
            },
            None,
            None,
            Some(problem.message),
        ),
    };
    let backend = Backend {
        id: names::ai_backend(rule_id, position),
        name: draft.name,
        cluster: names::ai_cluster(rule_id, position),
        priority: draft.priority,
        weight: draft.weight,
        model: draft.model,
        api,
        credential,
        budgets: Vec::new(),
        invalid,
    };
    (backend, destination)
}
