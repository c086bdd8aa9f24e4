//! Telemetry of which some parts are not as they should be.

use tollgate_ir as ir;

use super::{Form, Forms, Piece};

/// One that is held or refused is as it was in the base, or not there.
pub(super) fn compose(
    (base, next): (&ir::Telemetry, &ir::Telemetry),
    forms: &Forms,
) -> ir::Telemetry {
    let ir::Telemetry {
        access_logs,
        tracing,
        request_id,
        detail,
    } = next;
    let log = |next: &ir::AccessLog| {
        let name = next.name.clone();
        match forms.get(&Piece::AccessLog { name }) {
            None => Some(next.clone()),
            Some(Form::Absent) => None,
            Some(Form::Held | Form::Failing) => {
                let mut old = base.access_logs.iter();
                old.find(|old| old.name == next.name).cloned()
            }
        }
    };
    let trace = |next: &ir::Tracing| {
        let name = next.name.clone();
        match forms.get(&Piece::Tracing { name }) {
            None => Some(next.clone()),
            Some(Form::Absent) => None,
            Some(Form::Held | Form::Failing) => base.tracing.clone(),
        }
    };
    ir::Telemetry {
        access_logs: access_logs.iter().filter_map(log).collect(),
        tracing: tracing.as_ref().and_then(trace),
        request_id: *request_id,
        detail: detail.clone(),
    }
}
