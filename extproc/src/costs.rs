//! What a call has cost, as Envoy's dynamic metadata: policies and access logs read it there.

use tollgate_bundle::COST_METADATA_NAMESPACE;
use tollgate_engine::Exchange;
use tollgate_envoy::well_known::{Struct, Value, value::Kind};

/// `{io.envoy.ai_gateway: {key: cost}}`; `None` where the call's rule tells no costs.
#[expect(
    clippy::cast_precision_loss,
    reason = "a cost is at most 10^9, which a double holds exactly"
)]
pub(crate) fn metadata(exchange: &Exchange) -> Option<Struct> {
    let costs = exchange.costs();
    if costs.is_empty() {
        return None;
    }
    let fields = costs.into_iter().map(|(key, cost)| {
        let kind = Some(Kind::NumberValue(cost as f64));
        (key.to_string(), Value { kind })
    });
    let costs = Struct {
        fields: fields.collect(),
    };
    let value = Value {
        kind: Some(Kind::StructValue(costs)),
    };
    Some(Struct {
        fields: [(COST_METADATA_NAMESPACE.to_string(), value)].into(),
    })
}
