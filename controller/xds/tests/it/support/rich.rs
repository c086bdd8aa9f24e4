//! Gateways that use everything the IR has; what goldens show and Envoy must accept.

use tollgate_ir as ir;

use crate::support::ir::{
    ai_rule, forward, gateway, host, listener, local, named, prefix, route, weighted, with_tls,
};

/// A self-signed authority (P-256, valid until 2036-11-18); its key was thrown away.
pub(crate) const CA_PEM: &str = include_str!("ca.pem");

/// Plain HTTP routing.
pub(crate) fn http() -> ir::Gateway {
    let routes = vec![
        matched(),
        weights(),
        redirected(),
        filtered(),
        rewritten("/old", "/new"),
        rewritten("/strip", "/"),
        rewritten("/", "/base"),
        rewritten_whole(),
        route(
            "r/all-invalid",
            prefix("/all-invalid"),
            ir::HttpAction::Forward(vec![weighted("b/none", 1, Err(invalid()))]),
        ),
        route("r/nobody-ready", prefix("/nobody-ready"), {
            let mut destination = local(1);
            destination.endpoints.clear();
            forward("b/nobody-ready", destination)
        }),
    ];
    gateway(vec![listener(
        10_080,
        vec![
            host("api.example.com", routes, Vec::new()),
            host("*.example.com", Vec::new(), Vec::new()),
            host("*", vec![failing()], Vec::new()),
        ],
    )])
}

/// LLM traffic: providers with and without TLS, by name and by address, one of them invalid.
pub(crate) fn ai() -> ir::Gateway {
    let pem = ir::TrustedCa::Pem(CA_PEM.to_string());
    let rule = ai_rule(
        "default/llm/0",
        vec![
            Some(with_tls(
                named("provider-a.invalid", 443),
                "provider-a.invalid",
                ir::TrustedCa::System,
            )),
            None,
            Some(with_tls(local(8443), "127.0.0.1", pem)),
            Some(local(8080)),
        ],
    );
    let addresses_only = ai_rule("default/llm/1", vec![Some(local(8081)), Some(local(8082))]);
    let nowhere = ai_rule("default/llm/2", vec![None]);
    let web = route("r/web", prefix("/"), forward("b/web", local(8083)));
    gateway(vec![listener(
        10_081,
        vec![
            host("llm.example.com", Vec::new(), vec![rule]),
            host("*", vec![web], vec![addresses_only, nowhere]),
        ],
    )])
}

fn matched() -> ir::HttpRoute {
    let mut route = route(
        "r/matched",
        ir::PathMatch::Exact("/exact".to_string()),
        forward("b/matched", local(8080)),
    );
    route.matches.method = Some("POST".to_string());
    route.matches.headers = vec![
        header("x-exact", ir::TextMatch::Exact("v".to_string())),
        header("x-regex", ir::TextMatch::Regex("v[0-9]+".to_string())),
    ];
    route.matches.query = vec![ir::QueryMatch {
        name: "q".to_string(),
        value: ir::TextMatch::Exact("1".to_string()),
    }];
    route.filters = vec![
        ir::Filter::RequestHeaders(modifier()),
        ir::Filter::ResponseHeaders(modifier()),
    ];
    route.timeouts = ir::Timeouts {
        request_ms: Some(1_500),
        attempt_ms: Some(500),
        idle_ms: Some(30_000),
    };
    route.retry = Some(ir::Retry {
        retries: 1,
        on: vec![ir::RetryTrigger::ServerError],
        backoff_base_ms: 0,
        backoff_max_ms: 0,
    });
    route
}

fn weights() -> ir::HttpRoute {
    let mut filtered = weighted("b/heavy", 90, Ok(local(8080)));
    filtered.filters = vec![
        ir::Filter::RequestHeaders(modifier()),
        ir::Filter::UrlRewrite(ir::UrlRewrite {
            hostname: Some("heavy.internal".to_string()),
            path: None,
        }),
    ];
    let secure = with_tls(
        named("secure.invalid", 443),
        "secure.invalid",
        ir::TrustedCa::Insecure,
    );
    let draining = ir::Destination {
        name: String::new(),
        endpoints: vec![ir::Endpoint {
            host: ir::Host::Ip(crate::support::ir::LOOPBACK),
            port: 8081,
            draining: true,
        }],
        tls: None,
        protocol: ir::UpstreamProtocol::Http2,
    };
    let mut route = route(
        "r/weights",
        ir::PathMatch::Regex("/w[0-9]/.*".to_string()),
        ir::HttpAction::Forward(vec![
            filtered,
            weighted("b/secure", 5, Ok(secure)),
            weighted("b/draining", 3, Ok(draining)),
            weighted("b/missing", 2, Err(invalid())),
            weighted("b/unused", 0, Ok(local(8082))),
        ]),
    );
    route.timeouts.attempt_ms = Some(700);
    route
}

fn filtered() -> ir::HttpRoute {
    let mut route = route(
        "r/filtered",
        prefix("/filtered"),
        forward("b/filtered", local(8080)),
    );
    route.matches.method = Some("PUT".to_string());
    route.websocket = true;
    route.filters = vec![
        ir::Filter::Mirror(ir::Mirror {
            name: "b/mirror".to_string(),
            destination: local(8081),
            fraction: ir::Fraction {
                numerator: 1,
                denominator: 8,
            },
        }),
        ir::Filter::Cors(ir::Cors {
            allow_origins: vec!["https://*.example.com".to_string()],
            allow_methods: vec!["PUT".to_string(), "*".to_string()],
            allow_headers: vec!["x-a".to_string(), "x-b".to_string()],
            expose_headers: vec!["x-c".to_string()],
            allow_credentials: true,
            max_age_s: Some(600),
        }),
        ir::Filter::ExternalAuth(Box::new(ir::ExternalAuth {
            name: "b/auth".to_string(),
            destination: local(8082),
            protocol: ir::AuthProtocol::Http {
                path_prefix: "/check".to_string(),
                headers: vec!["x-a".to_string()],
                answer_headers: vec!["x-b".to_string()],
            },
            body_bytes_max: 1024,
        })),
    ];
    route.session = Some(ir::Session::Cookie {
        name: "stay".to_string(),
        lifetime_ms: Some(60_000),
    });
    route
}

fn redirected() -> ir::HttpRoute {
    let redirect = ir::Redirect {
        scheme: Some("https".to_string()),
        hostname: Some("new.example.com".to_string()),
        path: Some(ir::PathRewrite::Prefix("/there".to_string())),
        port: None,
        status: 301,
    };
    route(
        "r/redirected",
        prefix("/here"),
        ir::HttpAction::Redirect(redirect),
    )
}

fn rewritten(from: &str, to: &str) -> ir::HttpRoute {
    let mut route = route(
        &format!("r/rewritten{from}"),
        prefix(from),
        forward("b/rewritten", local(8080)),
    );
    route.filters = vec![ir::Filter::UrlRewrite(ir::UrlRewrite {
        hostname: Some("rewritten.internal".to_string()),
        path: Some(ir::PathRewrite::Prefix(to.to_string())),
    })];
    route
}

fn rewritten_whole() -> ir::HttpRoute {
    let mut route = rewritten("/whole", "/");
    route.filters = vec![ir::Filter::UrlRewrite(ir::UrlRewrite {
        hostname: None,
        path: Some(ir::PathRewrite::Full(r"/one\1".to_string())),
    })];
    route
}

pub(crate) fn failing() -> ir::HttpRoute {
    let action = ir::HttpAction::Fail {
        status: 500,
        reason: "filter: no such object".to_string(),
    };
    route("r/failing", prefix("/"), action)
}

fn header(name: &str, value: ir::TextMatch) -> ir::HeaderMatch {
    ir::HeaderMatch {
        name: name.to_string(),
        value,
    }
}

fn modifier() -> ir::HeaderModifier {
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    ir::HeaderModifier {
        add: vec![pair("x-added", "100%")],
        remove: vec!["x-removed".to_string()],
        set: vec![pair("x-set", "")],
    }
}

fn invalid() -> ir::InvalidBackend {
    ir::InvalidBackend {
        status: 500,
        reason: "service default/none does not exist".to_string(),
    }
}
