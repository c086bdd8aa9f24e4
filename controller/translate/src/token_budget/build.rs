//! From a written budget to one the data plane can enforce.

use jiff::tz::TimeZoneDatabase;
use tollgate_bundle as bundle;
use tollgate_crds::envoy_gateway::compact_ai_gateway_route::CompactTokenBudget;
use tollgate_crds::tollgate as crd;

use super::TokenBudget;
use crate::NamespacedName;
use crate::status::{Problem, reason};

/// The budget of a TokenBudget object.
pub(super) fn object(
    name: &NamespacedName,
    object: &TokenBudget,
) -> Result<bundle::Budget, Problem> {
    let crd::TokenBudgetSpec {
        target_refs: _,
        subject,
        limits,
        meter,
        mode,
        on_store_failure,
    } = &object.spec;
    Ok(bundle::Budget {
        id: name.to_string(),
        subject: build_subject(*subject),
        limits: build_limits(limits, "spec.limits")?,
        meter: build_meter(*meter),
        mode: match mode {
            crd::Mode::Strict => bundle::Mode::Strict,
        },
        on_store_failure: match on_store_failure {
            crd::OnStoreFailure::Closed => bundle::OnStoreFailure::Closed,
            crd::OnStoreFailure::Open => bundle::OnStoreFailure::Open,
        },
        warn_percent: None,
    })
}

/// The budget written in a compact AIGatewayRoute.
pub(crate) fn compact(id: String, budget: &CompactTokenBudget) -> Result<bundle::Budget, Problem> {
    Ok(bundle::Budget {
        id,
        subject: build_subject(budget.subject),
        limits: build_limits(&budget.limits(), "spec.rateLimit.tokenBudget")?,
        meter: build_meter(budget.meter),
        mode: bundle::Mode::Strict,
        on_store_failure: bundle::OnStoreFailure::Closed,
        warn_percent: None,
    })
}

fn build_limits(limits: &[crd::TokenLimit], field: &str) -> Result<Vec<bundle::Limit>, Problem> {
    if limits.is_empty() {
        return Err(Problem::new(
            reason::INVALID,
            format!("{field}: there is no limit"),
        ));
    }
    limits
        .iter()
        .map(|limit| {
            let crd::TokenLimit {
                tokens,
                window,
                time_zone,
            } = limit;
            Ok(bundle::Limit {
                amount: *tokens,
                window: build_window(*window),
                time_zone: build_time_zone(time_zone, field)?,
            })
        })
        .collect()
}

/// The zone by its proper name. The database is the one we carry, so that a machine without one,
/// or with an old one, judges alike.
fn build_time_zone(text: &str, field: &str) -> Result<String, Problem> {
    match TimeZoneDatabase::bundled().get(text) {
        Ok(zone) => Ok(zone.iana_name().unwrap_or(text).to_string()),
        Err(_) => Err(Problem::new(
            reason::INVALID,
            format!(
                "{field}: timeZone {text:?} is not a name of the IANA time zone database, such as Europe/Madrid"
            ),
        )),
    }
}

fn build_subject(subject: crd::SubjectKind) -> bundle::Subject {
    match subject {
        crd::SubjectKind::User => bundle::Subject::User,
        crd::SubjectKind::Team => bundle::Subject::Team,
        crd::SubjectKind::Org => bundle::Subject::Org,
        crd::SubjectKind::Key => bundle::Subject::Key,
        crd::SubjectKind::Shared => bundle::Subject::Shared,
    }
}

fn build_meter(meter: crd::Meter) -> bundle::Meter {
    match meter {
        crd::Meter::Total => bundle::Meter::Total,
        crd::Meter::Input => bundle::Meter::Input,
        crd::Meter::Output => bundle::Meter::Output,
    }
}

fn build_window(window: crd::Window) -> bundle::WindowKind {
    match window {
        crd::Window::Second => bundle::WindowKind::Second,
        crd::Window::Minute => bundle::WindowKind::Minute,
        crd::Window::Hour => bundle::WindowKind::Hour,
        crd::Window::Day => bundle::WindowKind::Day,
        crd::Window::Week => bundle::WindowKind::Week,
        crd::Window::Month => bundle::WindowKind::Month,
    }
}
