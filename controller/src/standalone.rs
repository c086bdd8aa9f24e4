//! Standalone mode: one machine, manifests from files. Follows the manifests and keeps the report;
//! the caller brings the gateways into effect in between.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use crate::problem::Problem;
pub use crate::reconcile::{Inputs, Outcome, Report};
use crate::reconcile::{evaluate, publish_report};
use crate::source::folder::Manifests;
use crate::source::watch::{FileChanges, WatchTiming, watch_paths};

/// Manifests that are followed.
pub struct Standalone {
    inputs: Inputs,
    /// `None` when the manifests cannot change.
    changes: Option<FileChanges>,
    reports: watch::Sender<Arc<Report>>,
    /// Whether the manifests have changed since they were evaluated.
    stale: bool,
    /// The newest report, without what the data plane refused.
    own: Report,
}

// === impl Standalone ===

impl Standalone {
    /// Reads the manifests, and follows them from then on. What is said about them is told at
    /// once, by [`Standalone::report`].
    ///
    /// # Errors
    /// When they cannot be evaluated. A mistake in the manifests is no error: it is in the report.
    pub async fn start(inputs: Inputs) -> anyhow::Result<(Self, Outcome)> {
        // Watched before they are read, so that no change falls between.
        let changes = watch_manifests(&inputs.manifests);
        let first = evaluated(&inputs).await?;
        let standalone = Self {
            inputs,
            changes,
            reports: watch::Sender::new(Arc::new(Report::default())),
            stale: false,
            own: Report::default(),
        };
        Ok((standalone, first))
    }

    /// What became of the manifests.
    pub fn report(&self) -> watch::Receiver<Arc<Report>> {
        self.reports.subscribe()
    }

    /// Waits until the manifests change, and evaluates them. Nothing is lost when it is dropped
    /// while it waits.
    pub async fn next(&mut self) -> Outcome {
        loop {
            if !self.stale {
                match &mut self.changes {
                    Some(changes) => changes.changed().await,
                    None => std::future::pending().await,
                }
                self.stale = true;
            }
            let outcome = evaluated(&self.inputs).await;
            self.stale = false;
            match outcome {
                Ok(outcome) => return outcome,
                Err(error) => {
                    tracing::error!(%error, "the manifests could not be evaluated; what was in effect stays");
                }
            }
        }
    }

    /// Tells the report on a gateway that is in effect now, but for what was refused of it.
    pub fn tell(&mut self, report: Report, refused: Vec<Problem>) {
        self.own = report;
        self.tell_refused(refused);
    }

    /// Tells what is refused now of the gateway in effect.
    pub fn tell_refused(&self, refused: Vec<Problem>) {
        let mut report = self.own.clone();
        report.problems.extend(refused);
        if *self.reports.borrow().as_ref() != report {
            publish_report(&self.reports, report);
        }
    }
}

async fn evaluated(inputs: &Inputs) -> anyhow::Result<Outcome> {
    let inputs = inputs.clone();
    tokio::task::spawn_blocking(move || evaluate(&inputs))
        .await
        .context("evaluate the manifests")
}

fn watch_manifests(manifests: &Manifests) -> Option<FileChanges> {
    match manifests {
        Manifests::Paths(paths) => Some(watch_paths(paths.clone(), WatchTiming::default())),
        Manifests::Text { .. } => None,
    }
}

#[cfg(test)]
mod tests;
