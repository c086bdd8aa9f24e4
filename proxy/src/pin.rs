//! The clusters of AI rules get names that change with what they lead to.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_ir as ir;

/// Names the clusters of AI rules by their content as well.
///
/// The engine translates and signs a request for the provider that it believes a cluster leads
/// to. A cluster that changed under its name would, until the engine knows, lead to another
/// provider: with the wrong translation and with somebody else's key.
///
/// To be called once on a gateway: a second call adds a second suffix.
pub fn pin_clusters(gateway: &mut ir::Gateway) {
    let scopes = gateway
        .listeners
        .iter_mut()
        .flat_map(ir::Listener::http_mut)
        .flat_map(|http| &mut http.virtual_hosts)
        .filter_map(|host| host.ai.as_mut());
    for rule in scopes.flat_map(|scope| &mut scope.rules) {
        let suffix = content_digest(rule);
        for backend in &mut rule.rule.backends {
            backend.cluster = format!("{}@{suffix}", backend.cluster);
        }
    }
}

/// The gateway with pinned clusters; the same where it has none.
pub(crate) fn pinned(gateway: Arc<ir::Gateway>) -> Arc<ir::Gateway> {
    let has_ai = gateway
        .listeners
        .iter()
        .flat_map(ir::Listener::virtual_hosts)
        .any(|host| host.ai.is_some());
    if !has_ai {
        return gateway;
    }
    let mut gateway = Arc::unwrap_or_clone(gateway);
    pin_clusters(&mut gateway);
    Arc::new(gateway)
}

fn content_digest(rule: &ir::AiRule) -> String {
    let apis: Vec<_> = rule
        .rule
        .backends
        .iter()
        .map(|backend| (&backend.id, &backend.api))
        .collect();
    // `Debug` of plain data: equal for equal content within one version of this program.
    let content = format!("{apis:?} {:?}", rule.destinations);
    let digest = Sha256::digest(content.as_bytes());
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use tollgate_bundle::{Api, Credential, Rule};

    use super::pin_clusters;
    use crate::piece::samples;

    #[test]
    fn cluster_of_an_ai_rule_is_another_one_when_its_endpoints_change() {
        let cluster = |port| {
            let mut gateway = samples::ai_gateway(port);
            pin_clusters(&mut gateway);
            let host = gateway.listeners[0].virtual_hosts().next().unwrap();
            let rule = &host.ai.as_ref().unwrap().rules[0];
            rule.rule.backends[0].cluster.clone()
        };
        assert_eq!(cluster(1), cluster(1));
        assert_ne!(cluster(1), cluster(2));
        assert!(cluster(1).starts_with("default/llm/0/0@"), "{}", cluster(1));
    }

    #[test]
    fn cluster_is_another_one_when_its_api_changes_and_the_same_under_another_key_or_budget() {
        let cluster = |change: fn(&mut Rule)| {
            let mut gateway = samples::ai_gateway(1);
            let http = gateway.listeners[0].http_mut().next().unwrap();
            let rules = &mut http.virtual_hosts[0].ai.as_mut().unwrap().rules;
            change(&mut rules[0].rule);
            pin_clusters(&mut gateway);
            let host = gateway.listeners[0].virtual_hosts().next().unwrap();
            host.ai.as_ref().unwrap().rules[0].rule.backends[0]
                .cluster
                .clone()
        };
        let before = cluster(|_| ());
        let other_api = |rule: &mut Rule| {
            rule.backends[0].api = Api::Anthropic {
                prefix: "other".to_string(),
            };
        };
        assert_ne!(before, cluster(other_api));
        let other_key = |rule: &mut Rule| {
            rule.backends[0].credential = Some(Credential {
                header: "x-api-key".to_string(),
                value: "another".to_string().into(),
            });
        };
        assert_eq!(before, cluster(other_key));
        assert_eq!(
            before,
            cluster(|rule| rule.budgets.push("default/b".to_string()))
        );
    }
}
