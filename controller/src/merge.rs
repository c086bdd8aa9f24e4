//! Standalone mode has one Envoy: all Gateways become one, each on its own ports. The clusters
//! of AI rules get names that change with what they lead to.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use tollgate_ir as ir;

use crate::problem::Problem;

/// Puts all gateways into one. Where two want the same port, the first by name has it, and the
/// other's listener is a problem.
pub fn merge_gateways(ir: &ir::Ir) -> (ir::Gateway, Vec<Problem>) {
    let mut merged = ir::Gateway::default();
    let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, gateway) in &ir.gateways {
        let ir::Gateway {
            listeners,
            consumers,
            budgets,
        } = gateway;
        for listener in listeners {
            match owners.get(&listener.port) {
                Some(owner) => problems.push(port_taken(name, listener.port, owner)),
                None => {
                    owners.insert(listener.port, name);
                    merged.listeners.push(pin_clusters(listener.clone()));
                }
            }
        }
        // Gateways of one world agree on these: they are keyed by namespace and by id.
        merged.consumers.extend(consumers.clone());
        merged.budgets.extend(budgets.clone());
    }
    (merged, problems)
}

/// Names the clusters of AI rules by their content as well.
///
/// The engine translates and signs a request for the provider that it believes a cluster leads
/// to. A cluster that changed under its name would, until the engine knows, lead to another
/// provider: with the wrong translation and with somebody else's key.
fn pin_clusters(mut listener: ir::Listener) -> ir::Listener {
    let scopes = listener
        .http_mut()
        .flat_map(|http| &mut http.virtual_hosts)
        .filter_map(|host| host.ai.as_mut());
    for rule in scopes.flat_map(|scope| &mut scope.rules) {
        let backends = &rule.rule.backends;
        let apis: Vec<_> = backends
            .iter()
            .map(|backend| (&backend.id, &backend.api))
            .collect();
        // `Debug` of plain data: equal for equal content within one version of this program.
        let content = format!("{apis:?} {:?}", rule.destinations);
        let digest = Sha256::digest(content.as_bytes());
        let suffix: String = digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        for backend in &mut rule.rule.backends {
            backend.cluster = format!("{}@{suffix}", backend.cluster);
        }
    }
    listener
}

fn port_taken(gateway: &str, port: u16, owner: &str) -> Problem {
    let message = format!(
        "port {port} belongs to Gateway {owner} already and is not served for this one; \
         Gateways on one machine need ports of their own"
    );
    Problem {
        field: Some("spec.listeners".to_string()),
        ..Problem::of_object(format!("Gateway {gateway}"), message)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tollgate_ir as ir;

    use super::merge_gateways;

    fn gateway(name: &str, ports: &[u16]) -> (String, ir::Gateway) {
        let listeners = ports
            .iter()
            .map(|port| ir::Listener {
                name: format!("{name}/{port}"),
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                port: *port,
                bind_port: *port,
                traffic: ir::Traffic::Http(ir::HttpTraffic::default()),
            })
            .collect();
        let consumers = [(name.to_string(), Vec::new())].into();
        (
            name.to_string(),
            ir::Gateway {
                listeners,
                consumers,
                ..ir::Gateway::default()
            },
        )
    }

    #[test]
    fn gateways_on_ports_of_their_own_are_all_served() {
        let ir = ir::Ir {
            gateways: [gateway("default/b", &[82]), gateway("default/a", &[80, 81])].into(),
        };
        let (merged, problems) = merge_gateways(&ir);
        let ports: Vec<_> = merged
            .listeners
            .iter()
            .map(|listener| listener.port)
            .collect();
        assert_eq!(ports, [80, 81, 82]);
        assert_eq!(merged.consumers.len(), 2);
        assert_eq!(problems, []);
    }

    #[test]
    fn a_port_that_two_gateways_want_goes_to_the_first_and_the_other_is_told() {
        let ir = ir::Ir {
            gateways: [gateway("default/a", &[80]), gateway("default/b", &[80, 81])].into(),
        };
        let (merged, problems) = merge_gateways(&ir);
        let names: Vec<_> = merged
            .listeners
            .iter()
            .map(|listener| listener.name.as_str())
            .collect();
        assert_eq!(names, ["default/a/80", "default/b/81"]);
        let text = problems[0].to_string();
        assert!(
            text.starts_with(
                "Gateway default/b: spec.listeners: port 80 belongs to Gateway default/a"
            ),
            "{text}"
        );
    }
}
