//! What a proxy's Envoy refuses, as a condition of the object that it was made from.

use super::{Condition, ObjectRef, PROGRAMMED, Problem, Statuses, reason};
use crate::{NamespacedName, groups};

/// How the names of routes in the IR begin, and the kind that each comes from.
const ROUTES: [(&str, &str); 5] = [
    ("httproute", "HTTPRoute"),
    ("grpcroute", "GRPCRoute"),
    ("tlsroute", "TLSRoute"),
    ("tcproute", "TCPRoute"),
    ("udproute", "UDPRoute"),
];

/// `Programmed: False` on the object, for every parent of a route. False where there is none.
pub(super) fn tell(statuses: &mut Statuses, piece: &str, error: &str) -> bool {
    let Some(object) = objects(piece)
        .into_iter()
        .find(|object| statuses.of(object).is_some())
    else {
        return false;
    };
    let problem = Problem::new(
        reason::INVALID,
        format!("a proxy refuses {piece} and serves the rest: {error}"),
    );
    let Some(status) = statuses.get_mut(&object) else {
        return false;
    };
    let lists = std::iter::once(&mut status.conditions)
        .filter(|list| !list.is_empty())
        .chain(status.parents.iter_mut().map(|it| &mut it.conditions));
    for conditions in lists {
        let generation = conditions.first().and_then(|it| it.observed_generation);
        let refused = Condition::fails(PROGRAMMED, &problem, generation);
        match conditions.iter_mut().find(|it| it.kind == PROGRAMMED) {
            Some(condition) => *condition = refused,
            None => conditions.push(refused),
        }
    }
    true
}

/// The objects that a piece may come from: `httproute/namespace/name/…`, `namespace/gateway/port`,
/// or `namespace/route/rule` of an AI route.
fn objects(piece: &str) -> Vec<ObjectRef> {
    let mut words = piece.split('/');
    let mut word = || words.next().unwrap_or_default();
    let first = word();
    if let Some((_, kind)) = ROUTES.iter().find(|(prefix, _)| *prefix == first) {
        let name = NamespacedName::new(word(), word());
        return vec![ObjectRef::namespaced(groups::GATEWAY_API, kind, &name)];
    }
    let name = NamespacedName::new(first, word());
    [
        (groups::GATEWAY_API, "Gateway"),
        (groups::ENVOY_GATEWAY, "AIGatewayRoute"),
        (groups::ENVOY_AI_GATEWAY, "AIGatewayRoute"),
    ]
    .map(|(group, kind)| ObjectRef::namespaced(group, kind, &name))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::super::{ACCEPTED, ConditionStatus};
    use super::*;

    fn gateway() -> ObjectRef {
        let name = NamespacedName::new("infra", "public");
        ObjectRef::namespaced(groups::GATEWAY_API, "Gateway", &name)
    }

    fn statuses() -> Statuses {
        let mut statuses = Statuses::default();
        for kind in [ACCEPTED, PROGRAMMED] {
            let condition = Condition::holds(kind, kind, "", Some(3));
            statuses.entry(gateway()).conditions.push(condition);
        }
        statuses
    }

    #[test]
    fn gateway_is_told_of_its_port_and_is_no_longer_programmed() {
        let mut statuses = statuses();
        assert!(statuses.refuse("infra/public/80", "address in use"));
        let conditions = &statuses.of(&gateway()).unwrap().conditions;
        assert_eq!(conditions.len(), 2);
        let programmed = conditions.iter().find(|it| it.kind == PROGRAMMED).unwrap();
        assert_eq!(programmed.status, ConditionStatus::False);
        assert_eq!(programmed.observed_generation, Some(3));
        assert!(programmed.message.contains("address in use"));
    }

    #[test]
    fn route_is_found_by_the_name_of_its_match() {
        let found = objects("httproute/shop/cart/rule/0/match/1");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind.as_str(), found[0].name.as_str()),
            ("HTTPRoute", "cart")
        );
    }

    #[test]
    fn piece_of_nobody_is_told_to_nobody() {
        assert!(!statuses().refuse("shop/other/80", "no"));
    }
}
