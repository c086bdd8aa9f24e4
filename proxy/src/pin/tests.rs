//! Which clusters are one, and which are not.

use tollgate_bundle::{Api, Credential};
use tollgate_ir as ir;

use super::pin_clusters;
use crate::piece::samples::{ai_gateway, gateway, listener, route, tls, to_service};

/// The names of the clusters of plain routes, in order.
fn plain(routes: Vec<ir::HttpRoute>) -> Vec<String> {
    let mut gateway = gateway(vec![listener("80", 80, routes)]);
    pin_clusters(&mut gateway);
    let hosts = gateway.listeners[0].virtual_hosts();
    let routes = hosts.flat_map(|host| &host.routes);
    let names = routes.flat_map(|route| route.destinations());
    names.map(|(name, _)| name.to_string()).collect()
}

/// The cluster of the one AI rule.
fn ai(change: impl Fn(&mut ir::AiRule)) -> String {
    let mut gateway = ai_gateway(1);
    let http = gateway.listeners[0].http_mut().next().unwrap();
    let rules = &mut http.virtual_hosts[0].ai.as_mut().unwrap().rules;
    change(&mut rules[0]);
    pin_clusters(&mut gateway);
    let host = gateway.listeners[0].virtual_hosts().next().unwrap();
    let rule = &host.ai.as_ref().unwrap().rules[0];
    let cluster = rule.rule.backends[0].cluster.clone();
    assert!(cluster.starts_with(&*rule.cluster_prefix()), "{cluster}");
    cluster
}

#[test]
fn routes_to_one_port_of_a_service_share_a_cluster_that_is_named_after_it() {
    let web = |path| to_service(route(path, 1), "web/8080");
    let names = plain(vec![
        web("/a"),
        web("/b"),
        to_service(route("/c", 1), "web/9090"),
        to_service(route("/d", 1), "api/8080"),
    ]);
    assert_eq!(
        names,
        [
            "service/default/web/8080",
            "service/default/web/8080",
            "service/default/web/9090",
            "service/default/api/8080",
        ]
    );
}

#[test]
fn each_way_to_speak_to_a_service_has_a_cluster_of_its_own() {
    let change = |path, change: fn(&mut ir::Destination)| {
        let mut route = to_service(route(path, 1), "web/8080");
        let (_, destination) = route.destinations_mut().next().unwrap();
        change(destination);
        route
    };
    let names = plain(vec![
        change("/plain", |_| ()),
        change("/h2", |it| it.protocol = ir::UpstreamProtocol::Http2),
        change("/tls", |it| it.tls = Some(tls("a"))),
        change("/other-tls", |it| it.tls = Some(tls("b"))),
        change("/same-tls", |it| it.tls = Some(tls("a"))),
    ]);
    assert_eq!(names[0], "service/default/web/8080");
    assert_eq!(names[1], "service/default/web/8080/h2");
    assert!(
        names[2].starts_with("service/default/web/8080/tls@"),
        "{names:?}"
    );
    assert_ne!(names[2], names[3]);
    assert_eq!(names[2], names[4]);
}

#[test]
fn endpoints_change_under_the_name_of_their_cluster() {
    let cluster = |port| plain(vec![to_service(route("/a", port), "web/8080")]);
    assert_eq!(cluster(1), cluster(2));
}

#[test]
fn destination_without_a_name_keeps_a_cluster_of_its_own() {
    let names = plain(vec![route("/a", 1), route("/b", 1)]);
    assert_eq!(
        names,
        [
            "httproute/default/a/rule/0/backend/0",
            "httproute/default/b/rule/0/backend/0",
        ]
    );
}

#[test]
fn ai_rules_of_equal_content_share_a_cluster_under_other_names_keys_budgets_and_models() {
    let before = ai(|_| ());
    let same = ai(|rule| {
        rule.rule.id = "default/other/3".to_string();
        let backend = &mut rule.rule.backends[0];
        backend.id = "default/other/3/0".to_string();
        backend.model = Some("large".to_string());
        backend.credential = Some(Credential {
            header: "x-api-key".to_string(),
            value: "another".to_string().into(),
        });
        rule.rule.budgets.push("default/b".to_string());
    });
    assert_eq!(before, same);
}

#[test]
fn cluster_of_an_ai_rule_is_another_one_when_what_it_leads_to_or_how_changes() {
    let others = [
        ai(|_| ()),
        ai(|rule| {
            let destination = rule.destinations[0].as_mut().unwrap();
            destination.endpoints[0].port = 2;
        }),
        ai(|rule| rule.destinations[0].as_mut().unwrap().tls = Some(tls("a"))),
        ai(|rule| {
            rule.rule.backends[0].api = Api::Anthropic {
                prefix: "other".to_string(),
            };
        }),
        ai(|rule| {
            let second = rule.rule.backends[0].clone();
            rule.rule.backends.push(second);
            rule.destinations.push(rule.destinations[0].clone());
        }),
        ai(|rule| rule.timeouts.request_ms = Some(1)),
        ai(|rule| rule.retry.retries = 3),
    ];
    let mut distinct = others.to_vec();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), others.len(), "{others:?}");
}
