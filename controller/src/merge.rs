//! Standalone mode has one Envoy: all Gateways become one, each on its own ports.

use std::collections::BTreeMap;

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
            telemetry,
            bootstrap,
        } = gateway;
        for listener in listeners {
            match owners.get(&listener.port) {
                Some(owner) => problems.push(port_taken(name, listener.port, owner)),
                None => {
                    owners.insert(listener.port, name);
                    merged.listeners.push(listener.clone());
                }
            }
        }
        // Gateways of one world agree on these: they are keyed by namespace and by id.
        merged.consumers.extend(consumers.clone());
        merged.budgets.extend(budgets.clone());
        if merged.bootstrap.is_default() {
            merged.bootstrap = bootstrap.clone();
        } else if !bootstrap.is_default() {
            problems.push(taken(name, "a bootstrap"));
        }
        if merged.telemetry.is_empty() {
            merged.telemetry = telemetry.clone();
        } else if !telemetry.is_empty() {
            problems.push(taken(name, "telemetry"));
        }
    }
    (merged, problems)
}

fn taken(gateway: &str, what: &str) -> Problem {
    let message = format!(
        "another Gateway has {what} of its own already, and Gateways on one machine share a proxy: \
         what this one's EnvoyProxy says of it has no effect"
    );
    Problem {
        field: Some("spec.infrastructure.parametersRef".to_string()),
        ..Problem::of_object(format!("Gateway {gateway}"), message)
    }
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
    fn of_gateways_with_telemetry_the_first_is_heard_and_the_other_told() {
        let told = |(name, mut gateway): (String, ir::Gateway)| {
            gateway.telemetry.detail = vec![ir::Detail::Sizes];
            gateway.bootstrap.kept = vec![ir::NameTest::Exact(name.clone())];
            (name, gateway)
        };
        let ir = ir::Ir {
            gateways: [
                gateway("default/a", &[80]),
                told(gateway("default/b", &[81])),
                told(gateway("default/c", &[82])),
            ]
            .into(),
        };
        let (merged, problems) = merge_gateways(&ir);
        assert_eq!(merged.telemetry.detail, [ir::Detail::Sizes]);
        let kept = [ir::NameTest::Exact("default/b".to_string())];
        assert_eq!(merged.bootstrap.kept, kept);
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        for text in texts {
            assert!(
                text.starts_with("Gateway default/c: spec.infrastructure.parametersRef: another"),
                "{text}"
            );
        }
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
