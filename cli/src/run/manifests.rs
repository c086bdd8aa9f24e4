//! The loop of `tollgate run`: a change of the manifests comes into effect, and then its report is
//! told.

use std::{sync::Arc, time::Instant};

use serde_json::json;
use tokio::sync::watch;
use tollgate_controller::{
    problem::Problem,
    standalone::{Outcome, Report, Standalone},
};
use tollgate_proxy::{Applied, Applier, Ended, Refused};

use crate::serving::shown::OwnStatus;

/// Follows the manifests for as long as the data plane lives.
pub(super) async fn follow(
    mut standalone: Standalone,
    plane: Applier,
    mut outcome: watch::Receiver<Option<Applied>>,
) -> Ended {
    let mut version = String::new();
    loop {
        tokio::select! {
            Outcome { gateway, report } = standalone.next() => {
                let begun = Instant::now();
                let applied = match plane.apply(gateway).await {
                    Ok(applied) => applied,
                    Err(ended) => return ended,
                };
                let different = applied.version != version;
                version.clone_from(&applied.version);
                let elapsed_ms = begun.elapsed().as_millis();
                tracing::info!(
                    objects = report.objects,
                    different,
                    elapsed_ms,
                    "configuration is in effect"
                );
                standalone.tell(report, problems(&applied.refused));
            }
            // Envoy may speak late, and one that was started anew may say something else.
            changed = outcome.changed() => {
                if changed.is_err() {
                    return Ended;
                }
                let refused = match outcome.borrow_and_update().as_ref() {
                    Some(applied) => {
                        version.clone_from(&applied.version);
                        problems(&applied.refused)
                    }
                    None => Vec::new(),
                };
                standalone.tell_refused(refused);
            }
        }
    }
}

/// What `/status` says of the manifests.
pub(super) fn status(report: watch::Receiver<Arc<Report>>) -> OwnStatus {
    Arc::new(move || {
        let report = report.borrow();
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        [
            ("objects".to_string(), json!(*report.statuses)),
            ("problems".to_string(), json!(problems)),
        ]
        .into_iter()
        .collect()
    })
}

/// What Envoy does not accept, such as a port that another process has.
fn problems(refused: &[Refused]) -> Vec<Problem> {
    let problem = |it: &Refused| Problem::of_object(it.name.clone(), it.to_string());
    refused.iter().map(problem).collect()
}
