//! Header changes. Envoy removes first, then adds in order: the order of the IR.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction as Action,
};

/// Header changes of a route or of one of its backends.
#[derive(Default)]
pub(super) struct HeaderChanges {
    pub(super) request_add: Vec<HeaderValueOption>,
    pub(super) request_remove: Vec<String>,
    pub(super) response_add: Vec<HeaderValueOption>,
    pub(super) response_remove: Vec<String>,
}

pub(super) fn build_changes(filters: &[ir::Filter]) -> HeaderChanges {
    let mut changes = HeaderChanges::default();
    for filter in filters {
        match filter {
            ir::Filter::RequestHeaders(modifier) => extend(
                &mut changes.request_add,
                &mut changes.request_remove,
                modifier,
            ),
            ir::Filter::ResponseHeaders(modifier) => extend(
                &mut changes.response_add,
                &mut changes.response_remove,
                modifier,
            ),
            // See `rewrite`, `mirror` and `cors`.
            ir::Filter::UrlRewrite(_)
            | ir::Filter::Mirror(_)
            | ir::Filter::Cors(_)
            | ir::Filter::ExternalAuth(_) => {}
        }
    }
    changes
}

fn extend(
    added: &mut Vec<HeaderValueOption>,
    removed: &mut Vec<String>,
    modifier: &ir::HeaderModifier,
) {
    let ir::HeaderModifier { add, remove, set } = modifier;
    removed.extend(remove.iter().cloned());
    added.extend(
        set.iter()
            .map(|pair| option(pair, Action::OverwriteIfExistsOrAdd)),
    );
    added.extend(
        add.iter()
            .map(|pair| option(pair, Action::AppendIfExistsOrAdd)),
    );
}

fn option((name, value): &(String, String), action: Action) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.clone(),
            // Values are format strings to Envoy.
            value: value.replace('%', "%%"),
            ..HeaderValue::default()
        }),
        append_action: action.into(),
        keep_empty_value: true,
        ..HeaderValueOption::default()
    }
}
