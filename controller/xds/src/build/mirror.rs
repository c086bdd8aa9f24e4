//! Copies of requests.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::RuntimeFractionalPercent;
use envoy::http_type::{FractionalPercent, fractional_percent::DenominatorType};
use envoy::route::route_action::RequestMirrorPolicy;

const MILLION: u64 = 1_000_000;

/// What a route's filters ask for.
pub(super) fn build_policies(filters: &[ir::Filter]) -> Vec<RequestMirrorPolicy> {
    filters
        .iter()
        .filter_map(ir::Filter::mirror)
        .map(|mirror| RequestMirrorPolicy {
            cluster: mirror.name.clone(),
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(build_fraction(mirror.fraction)),
                ..RuntimeFractionalPercent::default()
            }),
            // The copy says what the original says.
            disable_shadow_host_suffix_append: true,
            ..RequestMirrorPolicy::default()
        })
        .collect()
}

/// In millionths, rounded: Envoy has three denominators.
fn build_fraction(fraction: ir::Fraction) -> FractionalPercent {
    let ir::Fraction {
        numerator,
        denominator,
    } = fraction;
    let denominator = u64::from(denominator.max(1));
    let millionths = (u64::from(numerator) * MILLION + denominator / 2) / denominator;
    FractionalPercent {
        numerator: u32::try_from(millionths.min(MILLION)).unwrap_or(u32::MAX),
        denominator: DenominatorType::Million.into(),
    }
}
