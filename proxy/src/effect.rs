//! The task that brings gateways into effect: pins, renders, publishes, and sets aside what Envoy
//! refuses. Fed by `Applier`; it tells what has come of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tollgate_ir as ir;
use tollgate_xds::{BuildOptions, Resources, build, rebuild};

use crate::isolate::{Aside, Question, Trials, forms, isolate};
use crate::piece::{Form, Level, changed, compose, has};
use crate::pin::Pinned;
use crate::publish::{Desired, Publisher, Verdict};
use crate::refused::{Instead, Refused};

/// Time until a listener that was refused is tried again: its port may be free then.
const RETRY: Duration = Duration::from_secs(30);

/// What came of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Equal for equal content of what Envoy is told.
    pub version: String,
    /// Whether Envoy has said that it has it. If not it is away or slow, and gets it when it is
    /// there; another outcome tells then.
    pub acknowledged: bool,
    /// What Envoy refuses; all else is in effect. Sorted.
    pub refused: Vec<Refused>,
}

/// A gateway to bring into effect.
pub(crate) struct Request {
    pub(crate) gateway: Arc<ir::Gateway>,
    /// Told when it is.
    pub(crate) done: oneshot::Sender<Applied>,
}

/// Makes a configuration of a gateway.
pub(crate) fn render(gateway: &ir::Gateway, options: &BuildOptions) -> Desired {
    Desired {
        resources: build(gateway, options),
        bundle: gateway.bundle(),
    }
}

/// The task's state.
pub(crate) struct Effect {
    stage: Stage,
    /// What was asked for, with pinned clusters.
    wanted: Pinned,
    /// What Envoy was started with.
    started_with: ir::Bootstrap,
    /// What Envoy has refused to start with.
    refused_at_start: Option<Refused>,
    /// What stands aside in it.
    aside: Aside,
    /// Version that Envoy refuses although everything was tried.
    given_up: Option<String>,
    requests: mpsc::Receiver<Request>,
    outcome: watch::Sender<Option<Applied>>,
    listening: watch::Sender<bool>,
    retry_at: Option<Instant>,
}

/// The ends that others hold.
pub(crate) struct EffectOutlets {
    pub(crate) requests: mpsc::Sender<Request>,
    /// What came of the newest gateway; `None` until Envoy has spoken for the first time.
    pub(crate) outcome: watch::Receiver<Option<Applied>>,
    /// Whether a listener is in effect, if any was asked for.
    pub(crate) listening: watch::Receiver<bool>,
}

/// Envoy, the engine, and what they have.
struct Stage {
    publisher: Publisher,
    options: Arc<BuildOptions>,
    effective: Arc<ir::Gateway>,
    /// What `effective` was rendered to: what does not change is not rendered again.
    rendered: Resources,
    /// The last one that Envoy accepted whole.
    accepted: Arc<ir::Gateway>,
}

// === impl Effect ===

impl Effect {
    /// The publisher was made with `first` as it was rendered; its clusters are pinned.
    pub(crate) fn new(
        publisher: Publisher,
        (first, rendered): (Pinned, Resources),
        options: BuildOptions,
    ) -> (Self, EffectOutlets) {
        let (requests_tx, requests) = mpsc::channel(1);
        let (outcome, outcome_rx) = watch::channel(None);
        let (listening, listening_rx) = watch::channel(true);
        let effect = Self {
            stage: Stage {
                publisher,
                options: Arc::new(options),
                effective: Arc::clone(&first.gateway),
                rendered,
                accepted: Arc::default(),
            },
            started_with: first.gateway.bootstrap.clone(),
            refused_at_start: None,
            wanted: first,
            aside: Aside::new(),
            given_up: None,
            requests,
            outcome,
            listening,
            retry_at: None,
        };
        let outlets = EffectOutlets {
            requests: requests_tx,
            outcome: outcome_rx,
            listening: listening_rx,
        };
        (effect, outlets)
    }

    /// Tells what Envoy has refused to start with along with what it refuses later.
    pub(crate) fn with_refused(self, refused_at_start: Option<Refused>) -> Self {
        Self {
            refused_at_start,
            ..self
        }
    }

    /// Serves requests until all who can make them are gone.
    pub(crate) async fn run(mut self) {
        let mut progress = self.stage.publisher.progress();
        loop {
            tokio::select! {
                request = self.requests.recv() => {
                    let Some(Request { gateway, done }) = request else { return };
                    self.apply(gateway).await;
                    // Whoever asked may not wait any more.
                    let _ = done.send(self.applied());
                }
                changed = progress.changed() => {
                    if changed.is_err() { return }
                    progress.borrow_and_update();
                    self.follow_envoy().await;
                }
                () = until(self.stage.publisher.retirement()) => {
                    self.stage.publisher.retire().await;
                }
                () = until(self.retry_at) => self.retry().await,
            }
        }
    }

    async fn apply(&mut self, gateway: Arc<ir::Gateway>) {
        let next = self.wanted.next(gateway);
        let (wanted, gateway) = (&self.wanted.gateway, &next.gateway);
        if wanted == gateway {
            return;
        }
        if gateway.bootstrap != wanted.bootstrap && gateway.bootstrap != self.started_with {
            tracing::warn!(
                "the bootstrap has changed; it takes effect when this proxy is started again"
            );
        }
        // What was refused and is the same is not tried again.
        let mut aside = std::mem::take(&mut self.aside);
        if !aside.is_empty() {
            for suspect in changed(wanted, gateway) {
                aside.remove(&suspect.piece);
            }
            let all = changed(&ir::Gateway::default(), gateway);
            aside.retain(|piece, _| all.iter().any(|suspect| suspect.piece == *piece));
        }
        self.wanted = next;
        self.bring(aside).await;
    }

    /// Tries refused listeners again: their ports may have come free.
    async fn retry(&mut self) {
        self.retry_at = None;
        let mut aside = std::mem::take(&mut self.aside);
        aside.retain(|piece, _| piece.level() != Level::Listener);
        self.bring(aside).await;
    }

    /// Brings what is wanted into effect, but for what stands aside.
    async fn bring(&mut self, aside: Aside) {
        let next = match aside.is_empty() {
            true => Arc::clone(&self.wanted.gateway),
            false => {
                let wanted = &self.wanted.gateway;
                Arc::new(compose(&self.stage.accepted, wanted, &forms(&aside)))
            }
        };
        self.aside = aside;
        let verdict = self.stage.publish(next).await;
        self.settle(verdict).await;
    }

    /// Envoy may speak late, and one that was started anew speaks again.
    async fn follow_envoy(&mut self) {
        let verdict = self.stage.publisher.verdict();
        match &verdict {
            Verdict::Accepted => self.stage.accepted = Arc::clone(&self.stage.effective),
            Verdict::Refused(rejection) if self.given_up.as_ref() == Some(&rejection.version) => {
                return;
            }
            Verdict::Refused(_) => {}
            Verdict::Unanswered => return,
        }
        self.settle(verdict).await;
    }

    /// Sets aside what Envoy refuses, and tells what came of it.
    async fn settle(&mut self, verdict: Verdict) {
        let mut verdict = verdict;
        if let Verdict::Refused(rejection) = verdict {
            let base = Arc::clone(&self.stage.accepted);
            let wanted = Arc::clone(&self.wanted.gateway);
            let known = std::mem::take(&mut self.aside);
            let question = Question {
                base: &base,
                next: &wanted,
                known: &known,
                rejection,
            };
            (self.aside, verdict) = isolate(&mut self.stage, question).await;
        }
        self.given_up = match &verdict {
            Verdict::Refused(rejection) => Some(rejection.version.clone()),
            Verdict::Accepted | Verdict::Unanswered => None,
        };
        let has_refused_listener = |aside: &Aside| {
            let mut pieces = aside.keys();
            pieces.any(|piece| piece.level() == Level::Listener)
        };
        self.retry_at = match has_refused_listener(&self.aside) {
            true => self.retry_at.or(Some(Instant::now() + RETRY)),
            false => None,
        };
        self.tell(&verdict);
    }

    fn tell(&self, verdict: &Verdict) {
        let listening =
            !self.stage.effective.listeners.is_empty() || self.wanted.gateway.listeners.is_empty();
        self.listening.send_replace(listening);
        // Nobody knows what an Envoy that is away will say of the first configuration.
        if *verdict == Verdict::Unanswered && self.outcome.borrow().is_none() {
            return;
        }
        let applied = self.applied();
        self.outcome.send_if_modified(|outcome| {
            let is_new = outcome.as_ref() != Some(&applied);
            *outcome = Some(applied);
            is_new
        });
    }

    fn applied(&self) -> Applied {
        let mut refused: Vec<Refused> = self
            .aside
            .iter()
            .map(|(piece, (form, error))| Refused {
                name: piece.name().to_string(),
                instead: instead(*form, piece.level(), has(&self.stage.effective, piece)),
                error: error.clone(),
            })
            .chain(self.refused_at_start.clone())
            .collect();
        refused.sort();
        // A route of several host names is told once.
        refused.dedup();
        Applied {
            version: self.stage.publisher.version(),
            acknowledged: self.stage.publisher.verdict() == Verdict::Accepted,
            refused,
        }
    }
}

fn instead(form: Form, level: Level, in_effect: bool) -> Instead {
    match (form, level) {
        (Form::Absent, _) => Instead::Nothing,
        (Form::Failing, Level::Route) => Instead::Failure,
        (Form::Failing | Form::Held, _) if in_effect => Instead::LastGood,
        (Form::Failing | Form::Held, _) => Instead::Nothing,
    }
}

// === impl Stage ===

impl Stage {
    async fn publish(&mut self, gateway: Arc<ir::Gateway>) -> Verdict {
        let (next, options) = (Arc::clone(&gateway), Arc::clone(&self.options));
        let (last, rendered) = (Arc::clone(&self.effective), self.rendered.clone());
        let rendering = tokio::task::spawn_blocking(move || Desired {
            resources: rebuild((&last, &rendered), &next, &options),
            bundle: next.bundle(),
        });
        let desired = match rendering.await {
            Ok(desired) => desired,
            Err(error) => {
                tracing::error!(%error, "a configuration cannot be rendered; what was in effect stays");
                return Verdict::Unanswered;
            }
        };
        self.rendered = desired.resources.clone();
        self.effective = gateway;
        let verdict = self.publisher.publish(desired).await;
        if verdict == Verdict::Accepted {
            self.accepted = Arc::clone(&self.effective);
        }
        verdict
    }
}

impl Trials for Stage {
    async fn attempt(&mut self, gateway: &ir::Gateway) -> Verdict {
        self.publish(Arc::new(gateway.clone())).await
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
