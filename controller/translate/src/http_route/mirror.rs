//! RequestMirror: where copies go, and of how many requests.

use tollgate_ir::{Filter, Fraction, Mirror};

use super::RuleSite;
use crate::backend_ref::{self, BackendRef};
use crate::k8s::http;
use crate::status::{Problem, reason};

/// Denominator where a fraction gives none (Gateway API, Fraction).
const DENOMINATOR_DEFAULT: i32 = 100;

/// What comes of a mirror.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Copies are sent.
    Mirror(Filter),
    /// The share is 0: none are sent.
    Nothing,
    /// The reference leads nowhere. Gateway API: the mirror is left out, the rule is served.
    Unresolved(Problem),
}

/// The mirror of filter `position`, which is written at `field`.
pub(super) fn translate(
    site: RuleSite<'_>,
    position: usize,
    (mirror, field): (&http::HttpRouteRulesFiltersRequestMirror, &str),
) -> Result<Outcome, Problem> {
    let http::HttpRouteRulesFiltersRequestMirror {
        backend_ref,
        fraction,
        percent,
    } = mirror;
    let fraction = match (fraction, percent) {
        (None, None) => share((1, 1), field)?,
        (None, Some(percent)) => share((*percent, 100), &format!("{field}.percent"))?,
        (Some(fraction), None) => {
            let denominator = fraction.denominator.unwrap_or(DENOMINATOR_DEFAULT);
            share(
                (fraction.numerator, denominator),
                &format!("{field}.fraction"),
            )?
        }
        (Some(_), Some(_)) => {
            return Err(Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!("{field}: percent and fraction exclude each other"),
            ));
        }
    };
    let field = format!("{field}.backendRef");
    let reference = BackendRef {
        group: backend_ref.group.as_deref(),
        kind: backend_ref.kind.as_deref(),
        namespace: backend_ref.namespace.as_deref(),
        name: &backend_ref.name,
        port: backend_ref.port,
        field: &field,
    };
    let context = (site.world, site.options);
    let destination = backend_ref::resolve(context, site.referrer(), &reference, site.usage());
    Ok(match destination {
        Err(problem) => Outcome::Unresolved(problem),
        Ok(_) if fraction.numerator == 0 => Outcome::Nothing,
        Ok(destination) => Outcome::Mirror(Filter::Mirror(Mirror {
            name: site.mirror_name(position),
            destination,
            fraction,
        })),
    })
}

fn share((numerator, denominator): (i32, i32), field: &str) -> Result<Fraction, Problem> {
    let positive = |number: i32| u32::try_from(number).ok();
    match (positive(numerator), positive(denominator)) {
        (Some(numerator), Some(denominator)) if numerator <= denominator && denominator > 0 => {
            Ok(Fraction {
                numerator,
                denominator,
            })
        }
        _ => Err(Problem::new(
            reason::UNSUPPORTED_VALUE,
            format!("{field}: {numerator} of {denominator} is no share from 0 to 1"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_from_nothing_to_all() {
        for (numerator, denominator, valid) in [
            (0, 100, true),
            (100, 100, true),
            (25, 50, true),
            (101, 100, false),
            (-1, 100, false),
            (1, 0, false),
            (0, 0, false),
        ] {
            let actual = share((numerator, denominator), "percent").is_ok();
            assert_eq!(actual, valid, "{numerator}/{denominator}");
        }
    }
}
