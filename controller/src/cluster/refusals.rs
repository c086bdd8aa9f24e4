//! What proxies refuse, told to the objects that it comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_kubernetes::status::Wanted;
use tollgate_link::Progress;

use crate::problem::Problem;
use crate::reconcile::Report;

/// Puts refusals into statuses and the report: of each piece the first words, whichever proxy said
/// them.
pub(super) fn tell(progress: &Progress, wanted: &mut Wanted, report: &mut Report) {
    let mut refused: BTreeMap<&str, &str> = BTreeMap::new();
    for proxies in progress.gateways.values() {
        let connected = proxies.connected();
        for item in connected.flat_map(|(_, proxy)| proxy.refused.iter().flat_map(|it| &it.items)) {
            refused.entry(&item.resource).or_insert(&item.error);
        }
    }
    if refused.is_empty() {
        return;
    }
    let statuses = Arc::make_mut(&mut wanted.statuses);
    for (piece, error) in refused {
        if !statuses.refuse(piece, error) {
            let problem = Problem::of_object(piece.to_string(), error.to_string());
            report.problems.push(problem);
        }
    }
    report.statuses = Arc::clone(&wanted.statuses);
}
