//! A gateway with rate limits of every sort, on plain routes and on an AI rule.

use tollgate_ir as ir;

use crate::support::ir::{
    LOOPBACK, ai_rule, forward, gateway, host, listener, local, prefix, route,
};
use crate::support::rich::failing;

/// Rate limits of every sort, on plain routes and on an AI rule.
pub(crate) fn limited() -> ir::Gateway {
    let web = ir::HttpRoute {
        rate_limits: Some(ir::RateLimits {
            global: global_limits(),
            local: Some(local_limits()),
        }),
        ..route("r/limited", prefix("/"), forward("b/limited", local(8080)))
    };
    let free = route("r/free", prefix("/free"), forward("b/free", local(8080)));
    let mut rule = ai_rule("default/llm/0", vec![Some(local(8081))]);
    rule.rule.costs = vec![tollgate_bundle::RequestCost {
        metadata_key: "total".to_string(),
        meter: tollgate_bundle::Meter::Total,
    }];
    rule.rate_limits = Some(ir::RateLimits {
        global: vec![tokens()],
        local: None,
    });
    gateway(vec![
        listener(10_081, vec![host("*", vec![free, web], vec![rule])]),
        listener(10_082, vec![host("*", vec![failing()], Vec::new())]),
    ])
}

/// One limit that every request counts for.
pub(crate) fn one_limit() -> ir::RateLimits {
    ir::RateLimits {
        global: vec![limit("default/one/0", Vec::new())],
        local: None,
    }
}

fn global_limits() -> Vec<ir::GlobalLimit> {
    let criteria = vec![
        header("x-user-id", ir::FieldTest::Each),
        header("x-plan", ir::FieldTest::Present(ir::Polarity::Not)),
        header(
            "x-org",
            ir::FieldTest::Value(ir::Polarity::Is, ir::TextMatch::Exact("one".to_string())),
        ),
        header(
            "x-app",
            ir::FieldTest::Value(ir::Polarity::Not, ir::TextMatch::Regex("a|b".to_string())),
        ),
        ir::Criterion::Query {
            name: "key".to_string(),
            test: ir::FieldTest::Each,
        },
        ir::Criterion::Query {
            name: "v".to_string(),
            test: ir::FieldTest::Value(ir::Polarity::Is, ir::TextMatch::Exact("1".to_string())),
        },
        ir::Criterion::Method(
            ir::Polarity::Is,
            vec!["GET".to_string(), "HEAD".to_string()],
        ),
        ir::Criterion::Path(ir::Polarity::Not, prefix("/a.b")),
        ir::Criterion::Source(
            ir::Polarity::Is,
            ir::Cidr {
                address: LOOPBACK,
                prefix_bits: 8,
            },
        ),
        ir::Criterion::EachSource,
    ];
    vec![
        limit("default/web/0/HTTPRoute/default/web", criteria),
        ir::GlobalLimit {
            headers: ir::HeaderVisibility::Hidden,
            request_cost: Some(ir::Cost::Number(3)),
            override_from: Some(metadata("limits", "of-user")),
            shadow: true,
            ..limit("default/web/1", Vec::new())
        },
    ]
}

fn tokens() -> ir::GlobalLimit {
    ir::GlobalLimit {
        request_cost: Some(ir::Cost::Number(0)),
        response_cost: Some(ir::Cost::Metadata(metadata("io.envoy.ai_gateway", "total"))),
        ..limit(
            "default/tokens/0/AIGatewayRoute/default/llm",
            vec![header("x-user-id", ir::FieldTest::Each)],
        )
    }
}

fn local_limits() -> ir::LocalLimits {
    let rule = |index: u32, criteria| ir::LocalLimit {
        id: format!("default/web/local/{index}"),
        criteria,
        bucket: ir::Bucket {
            requests: 10,
            fill_s: 3600,
        },
        shadow: index == 1,
        headers: ir::HeaderVisibility::Shown,
        request_cost: (index == 1).then_some(ir::Cost::Number(2)),
    };
    ir::LocalLimits {
        otherwise: Some(ir::Bucket {
            requests: 100,
            fill_s: 60,
        }),
        rules: vec![
            rule(0, vec![header("x-user-id", ir::FieldTest::Each)]),
            rule(1, Vec::new()),
        ],
        headers: ir::HeaderVisibility::Shown,
    }
}

fn limit(id: &str, criteria: Vec<ir::Criterion>) -> ir::GlobalLimit {
    ir::GlobalLimit {
        id: id.to_string(),
        criteria,
        amount: 100,
        window: tollgate_bundle::WindowKind::Minute,
        shadow: false,
        headers: ir::HeaderVisibility::Shown,
        request_cost: None,
        response_cost: None,
        override_from: None,
    }
}

fn header(name: &str, test: ir::FieldTest) -> ir::Criterion {
    ir::Criterion::Header {
        name: name.to_string(),
        test,
    }
}

fn metadata(namespace: &str, key: &str) -> ir::MetadataKey {
    ir::MetadataKey {
        namespace: namespace.to_string(),
        key: key.to_string(),
    }
}
