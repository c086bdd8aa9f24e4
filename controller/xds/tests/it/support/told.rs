//! Telemetry written by hand.

use tollgate_ir as ir;

use super::ir::local;
use super::{rich, secure};

/// A log of everything in this form, in this file.
pub(crate) fn file_log(path: &str, format: ir::LogFormat) -> ir::AccessLog {
    to(ir::LogSink::File {
        path: path.to_string(),
    })
    .with(format)
}

/// A log to a collector of OpenTelemetry.
pub(crate) fn otel_log(port: u16, format: ir::LogFormat) -> ir::AccessLog {
    let mut receiver = receiver("accesslog_otel_0_0", port);
    receiver.headers = vec![("x-tenant".to_string(), "shop".to_string().into())];
    to(ir::LogSink::OpenTelemetry(ir::OpenTelemetryLogSink {
        receiver,
        resource_attributes: [("team".to_string(), "gateway".to_string())].into(),
    }))
    .with(format)
}

/// Entries for a service that speaks ALS.
pub(crate) fn als_log(name: &str, port: u16, content: ir::AlsContent) -> ir::AccessLog {
    to(ir::LogSink::Als(ir::AlsSink {
        receiver: receiver(name, port),
        log_name: "default/gw".to_string(),
        content,
    }))
    .with(ir::LogFormat::Default)
}

/// All requests, to a collector of OpenTelemetry.
pub(crate) fn tracing(port: u16) -> ir::Tracing {
    let all = ir::Fraction {
        numerator: 1,
        denominator: 1,
    };
    ir::Tracing {
        name: "default/gw/tracing".to_string(),
        random: all,
        client: all,
        overall: all,
        span_names: ir::SpanNames::default(),
        tags: [("shop".to_string(), ir::Tag::Literal("one".to_string()))].into(),
        receiver: receiver("tracing", port),
        tracer: ir::Tracer::OpenTelemetry {
            service_name: "gw.default".to_string(),
            resource_attributes: std::collections::BTreeMap::new(),
            sampler: None,
        },
    }
}

/// All requests, to Zipkin.
pub(crate) fn zipkin(port: u16) -> ir::Tracing {
    let mut tracing = tracing(port);
    tracing.receiver.destination = local(port);
    tracing.tracer = ir::Tracer::Zipkin {
        trace_id_bits: 128,
        shared_spans: false,
    };
    tracing
}

/// All that there is to say, of ports of every kind.
pub(crate) fn rich(certificate: &ir::Certificate, (path, port): (&str, u16)) -> ir::Gateway {
    let mut gateway = secure::rich_streams(certificate);
    gateway.listeners.extend(rich::http().listeners);
    gateway.listeners.extend(rich::ai().listeners);
    for (listener, port) in gateway.listeners.iter_mut().zip(8000..) {
        listener.name = format!("default/gw/{port}");
        listener.set_port(port);
    }
    let fields = ["a", "b", "c"].map(|name| (name.to_string(), "%PROTOCOL%".to_string()));
    let text = "%REQ_WITHOUT_QUERY(X?:PATH)% %METADATA(ROUTE:a)% %CEL(request.path)%";
    let mut listener = file_log(path, ir::LogFormat::Json(fields.clone().into()));
    listener.scope = ir::LogScope::Connections;
    let mut tries = file_log(path, ir::LogFormat::Text("%UPSTREAM_HOST%".to_string()));
    tries.scope = ir::LogScope::Tries;
    let mut left_out = file_log(path, ir::LogFormat::Default);
    left_out.ai_calls = ir::AiCalls::LeftOut;
    left_out.matches = vec!["response.code >= 400".to_string(), "true".to_string()];
    let mut requests = file_log(path, ir::LogFormat::Text(text.to_string()));
    requests.scope = ir::LogScope::Requests;
    let both = ir::LogFormat::TextAndFields("%PROTOCOL%".to_string(), fields.clone().into());
    let http = ir::AlsContent::Http {
        request_headers: vec!["x-a".to_string()],
        response_headers: vec!["x-b".to_string()],
        response_trailers: vec!["x-c".to_string()],
    };
    let mut traced = tracing(port);
    let tag = |name: &str, tag| (name.to_string(), tag);
    let (name, default) = ("NAME".to_string(), "none".to_string());
    traced.tags.extend([
        tag("e", ir::Tag::Format("%PROTOCOL%".to_string())),
        tag(
            "h",
            ir::Tag::RequestHeader {
                name: "x-h".to_string(),
                default: default.clone(),
            },
        ),
        tag("n", ir::Tag::Environment { name, default }),
    ]);
    traced.span_names = ir::SpanNames {
        server: Some("%REQ(:METHOD)%".to_string()),
        client: Some("%UPSTREAM_CLUSTER%".to_string()),
    };
    let share = ir::Fraction {
        numerator: 1,
        denominator: 3,
    };
    traced.tracer = ir::Tracer::OpenTelemetry {
        service_name: "gw.default".to_string(),
        resource_attributes: fields.into(),
        sampler: Some(ir::Sampler::Parent(Box::new(ir::Sampler::Share(share)))),
    };
    gateway.telemetry = ir::Telemetry {
        access_logs: vec![
            listener,
            tries,
            left_out,
            requests,
            otel_log(port, both),
            als_log("accesslog_als_0_0", port, http),
            als_log("accesslog_als_0_1", port, ir::AlsContent::Tcp),
        ],
        tracing: Some(traced),
        request_id: Some(ir::RequestId::Carries),
        detail: vec![
            ir::Detail::VirtualHosts,
            ir::Detail::Endpoints,
            ir::Detail::Sizes,
        ],
    };
    gateway
}

fn receiver(cluster: &str, port: u16) -> ir::Receiver {
    ir::Receiver {
        cluster: cluster.to_string(),
        destination: ir::Destination {
            protocol: ir::UpstreamProtocol::Http2,
            ..local(port)
        },
        headers: Vec::new(),
    }
}

fn to(sink: ir::LogSink) -> ir::AccessLog {
    ir::AccessLog {
        name: "default/gw/accesslog_file_0_0".to_string(),
        scope: ir::LogScope::Traffic,
        ai_calls: ir::AiCalls::Included,
        format: ir::LogFormat::Default,
        matches: Vec::new(),
        sink,
    }
}

trait With {
    fn with(self, format: ir::LogFormat) -> Self;
}

impl With for ir::AccessLog {
    fn with(self, format: ir::LogFormat) -> Self {
        Self { format, ..self }
    }
}
