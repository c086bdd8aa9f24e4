//! Backends of a route below HTTP: where they are, and what share each has.

use tollgate_ir as ir;

use super::source::StreamSource;
use crate::backend_ref::{self, Referrer, Usage};
use crate::status::Problem;
use crate::{Options, World, names};

/// Status of a backend that cannot be used. Below HTTP nobody sees it: the connection is closed.
const INVALID_STATUS: u16 = 500;

/// A route with its backends.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) route: ir::StreamRoute,
    /// References that lead nowhere; their share is refused, and the others keep theirs.
    pub(super) problems: Vec<Problem>,
}

/// The first rule of a route, for a listener that sends this.
pub(super) fn build(context: (&World, &Options), source: &StreamSource<'_>, usage: Usage) -> Built {
    let rule = names::stream_route(source.prefix, &source.route.name, 0);
    let object = &source.route.object;
    let referrer = Referrer {
        kind: (&object.group, &object.kind),
        namespace: &source.route.name.namespace,
    };
    let mut backends = Vec::new();
    let mut problems = Vec::new();
    for (position, backend) in source.backends.iter().enumerate() {
        let field = format!("spec.rules[0].backendRefs[{position}]");
        let reference = backend.reference(&field);
        let destination = backend_ref::resolve(context, referrer, &reference, usage);
        if let Err(problem) = &destination {
            problems.push(problem.clone());
        }
        let encrypted = destination
            .as_ref()
            .is_ok_and(|destination| destination.tls.is_some());
        backends.push(ir::StreamBackend {
            name: names::stream_backend(&rule, position, encrypted),
            weight: u32::try_from(backend.weight.unwrap_or(1)).unwrap_or_default(),
            destination: destination.map_err(|problem| ir::InvalidBackend {
                status: INVALID_STATUS,
                reason: problem.message,
            }),
        });
    }
    Built {
        route: ir::StreamRoute {
            name: rule,
            backends,
        },
        problems,
    }
}
