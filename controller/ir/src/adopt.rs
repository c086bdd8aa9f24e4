//! What is equal in two gateways becomes one: whoever compares them later, or works something out
//! of them piece by piece, sees at once what has not changed.

use std::collections::HashMap;

use crate::{AiRule, Gateway, HttpRoute, HttpTraffic, Shared, VirtualHost};

// === impl Gateway ===

impl Gateway {
    /// Shares with an earlier gateway every virtual host, route and rule that is equal there.
    pub fn adopt(&mut self, earlier: &Self) {
        let traffic = earlier.listeners.iter().flat_map(|it| it.http());
        let traffic: HashMap<&str, &HttpTraffic> =
            traffic.map(|it| (it.name.as_str(), it)).collect();
        for http in self.listeners.iter_mut().flat_map(|it| it.http_mut()) {
            let Some(earlier) = traffic.get(http.name.as_str()) else {
                continue;
            };
            adopt_all(
                &mut http.virtual_hosts,
                &earlier.virtual_hosts,
                |host: &VirtualHost| &host.name,
                |host, earlier| host.adopt_contents(earlier),
            );
        }
    }
}

// === impl VirtualHost ===

impl VirtualHost {
    fn adopt_contents(&mut self, earlier: &Self) {
        adopt_all(
            &mut self.routes,
            &earlier.routes,
            |route: &HttpRoute| &route.name,
            |_, _| {},
        );
        if let (Some(ai), Some(earlier)) = (&mut self.ai, &earlier.ai) {
            adopt_all(
                &mut ai.rules,
                &earlier.rules,
                |rule: &AiRule| &rule.rule.id,
                |rule, earlier| {
                    if rule.rule == earlier.rule {
                        rule.rule = earlier.rule.clone();
                    }
                },
            );
        }
    }
}

/// Shares each item with the earlier one of its name; where those are not equal, `within` shares
/// parts of them.
fn adopt_all<T: Clone + PartialEq>(
    items: &mut [Shared<T>],
    earlier: &[Shared<T>],
    name: impl Fn(&T) -> &String,
    within: impl Fn(&mut Shared<T>, &T),
) {
    let mut by_name: Option<HashMap<&str, &Shared<T>>> = None;
    for (at, item) in items.iter_mut().enumerate() {
        let same_place = earlier.get(at);
        if same_place.is_some_and(|it| it.is_same(item)) {
            continue;
        }
        let named = |it: &&Shared<T>| name(it) == name(item);
        let before = same_place.filter(named).or_else(|| {
            let by_name = by_name.get_or_insert_with(|| {
                let named = earlier.iter().map(|it| (name(it).as_str(), it));
                named.collect()
            });
            by_name.get(name(item).as_str()).copied()
        });
        let Some(before) = before else { continue };
        if !item.adopt(before) {
            within(item, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        Gateway, Hostname, HttpAction, HttpMatch, HttpRoute, HttpTraffic, Listener, PathMatch,
        Shared, Timeouts, Traffic, VirtualHost,
    };

    fn route(name: &str, status: u16) -> Shared<HttpRoute> {
        Shared::new(HttpRoute {
            name: name.to_string(),
            matches: HttpMatch {
                path: PathMatch::Prefix("/".to_string()),
                method: None,
                headers: Vec::new(),
                query: Vec::new(),
            },
            filters: Vec::new(),
            action: HttpAction::Fail {
                status,
                reason: String::new(),
            },
            websocket: false,
            timeouts: Timeouts::default(),
            retry: None,
            session: None,
            rate_limits: None,
        })
    }

    /// Hosts with the routes of these names and statuses.
    fn gateway(hosts: &[(&str, &[(&str, u16)])]) -> Gateway {
        let hosts = hosts.iter().map(|(name, routes)| {
            let routes = routes.iter().map(|(name, status)| route(name, *status));
            Shared::new(VirtualHost {
                name: name.to_string(),
                hostname: Hostname::Any,
                routes: routes.collect(),
                ai: None,
            })
        });
        let http = HttpTraffic {
            name: "http".to_string(),
            virtual_hosts: hosts.collect(),
            misdirected: Vec::new(),
        };
        Gateway {
            listeners: vec![Listener {
                name: "http".to_string(),
                address: [0, 0, 0, 0].into(),
                port: 80,
                bind_port: 80,
                traffic: Traffic::Http(http),
            }],
            ..Gateway::default()
        }
    }

    fn hosts(gateway: &Gateway) -> Vec<&Shared<VirtualHost>> {
        gateway.listeners[0].virtual_hosts().collect()
    }

    #[test]
    fn what_is_equal_is_shared_wherever_it_stands_and_the_rest_is_as_it_was() {
        let earlier = gateway(&[("a", &[("1", 500), ("2", 500)]), ("b", &[("3", 500)])]);
        let content: &[(&str, &[(&str, u16)])] = &[
            ("new", &[("4", 500)]),
            ("b", &[("3", 500)]),
            ("a", &[("2", 500), ("1", 404)]),
        ];
        let mut later = gateway(content);
        later.adopt(&earlier);
        assert_eq!(later, gateway(content));
        let (before, after) = (hosts(&earlier), hosts(&later));
        assert!(after[1].is_same(before[1]));
        assert!(!after[2].is_same(before[0]));
        assert!(after[2].routes[0].is_same(&before[0].routes[1]));
        assert!(!after[2].routes[1].is_same(&before[0].routes[0]));
    }
}
