//! `spec.telemetry.accessLog`: one access log for each sink of each setting.

use tollgate_crds::envoy_gateway::envoy_proxy::{
    AccessLog, AccessLogFormat, AccessLogFormatType, AccessLogSetting, AccessLogSink,
    AccessLogType, AlsHttp, AlsSink, AlsType, OpenTelemetryLogSink,
};
use tollgate_ir as ir;

use super::Site;
use super::sink::{self, Receiving};
use crate::backend_ref::Usage;
use crate::status::{Problem, reason};
use crate::{NamespacedName, names};

const FIELD: &str = "spec.telemetry.accessLog";
const STDOUT: &str = "/dev/stdout";

/// JSON lines of all requests but LLM calls: the engine has a line for each of those, which says
/// more, and two lines for one call would be noise.
pub(super) fn by_default(gateway: &NamespacedName) -> ir::AccessLog {
    ir::AccessLog {
        name: names::telemetry(gateway, "accesslog_default"),
        scope: ir::LogScope::Traffic,
        ai_calls: ir::AiCalls::LeftOut,
        format: ir::LogFormat::Default,
        matches: Vec::new(),
        sink: ir::LogSink::File {
            path: STDOUT.to_string(),
        },
    }
}

/// The access logs; what cannot be had is left out and told.
pub(super) fn translate(
    site: Site<'_>,
    settings: &AccessLog,
    problems: &mut Vec<Problem>,
) -> Vec<ir::AccessLog> {
    let AccessLog { disable, settings } = settings;
    if *disable == Some(true) {
        return Vec::new();
    }
    if settings.is_empty() {
        return super::by_default(site.options, site.gateway).access_logs;
    }
    let mut logs = Vec::new();
    for (place, setting) in settings.iter().enumerate() {
        translate_setting(site, (place, setting), (&mut logs, problems));
    }
    logs
}

fn translate_setting(
    site: Site<'_>,
    (place, setting): (usize, &AccessLogSetting),
    (logs, problems): (&mut Vec<ir::AccessLog>, &mut Vec<Problem>),
) {
    let AccessLogSetting {
        format,
        matches,
        sinks,
        type_,
    } = setting;
    let field = format!("{FIELD}.settings[{place}]");
    let scope = match type_ {
        None => ir::LogScope::Traffic,
        Some(AccessLogType::Route) => ir::LogScope::Requests,
        Some(AccessLogType::Listener) => ir::LogScope::Connections,
        Some(AccessLogType::Upstream) => ir::LogScope::Tries,
    };
    let Some(matches) = checked(matches, &field, problems) else {
        return;
    };
    for (position, sink) in sinks.iter().enumerate() {
        let field = format!("{field}.sinks[{position}]");
        match translate_sink(site, sink, (&field, (place, position)), problems) {
            Ok((name, sink)) => logs.push(ir::AccessLog {
                name: names::telemetry(site.gateway, &name),
                scope,
                ai_calls: ir::AiCalls::Included,
                format: translate_format(format.as_ref()),
                matches: matches.clone(),
                sink,
            }),
            Err(problem) => problems.push(problem),
        }
    }
}

/// The expressions that are CEL; `None` where there are some and none of them is.
fn checked(
    expressions: &[String],
    field: &str,
    problems: &mut Vec<Problem>,
) -> Option<Vec<String>> {
    let mut good = Vec::new();
    for (position, expression) in expressions.iter().enumerate() {
        match tollgate_cost::check_syntax(expression) {
            Ok(()) => good.push(expression.clone()),
            Err(error) => problems.push(Problem::new(
                reason::INVALID,
                format!("{field}.matches[{position}]: {expression:?} {error}"),
            )),
        }
    }
    (expressions.is_empty() || !good.is_empty()).then_some(good)
}

fn translate_format(format: Option<&AccessLogFormat>) -> ir::LogFormat {
    let Some(AccessLogFormat { type_, text, json }) = format else {
        return ir::LogFormat::Default;
    };
    let (text, json) = match type_ {
        Some(AccessLogFormatType::Text) => (text.clone(), None),
        Some(AccessLogFormatType::JSON) => (None, json.clone()),
        None => (text.clone(), json.clone()),
    };
    match (text, json) {
        (Some(text), Some(fields)) => ir::LogFormat::TextAndFields(text, fields),
        (Some(text), None) => ir::LogFormat::Text(text),
        (None, Some(fields)) => ir::LogFormat::Json(fields),
        (None, None) => ir::LogFormat::Default,
    }
}

/// A sink, and the name of the log that goes there.
fn translate_sink(
    site: Site<'_>,
    sink: &AccessLogSink,
    (field, place): (&str, (usize, usize)),
    problems: &mut Vec<Problem>,
) -> Result<(String, ir::LogSink), Problem> {
    // The schema has seen to it that what stands there is of the type that is named.
    let AccessLogSink {
        type_: _,
        als,
        file,
        open_telemetry,
    } = sink;
    if let Some(file) = file {
        let path = file.path.clone();
        return Ok((named("file", place), ir::LogSink::File { path }));
    }
    if let Some(otel) = open_telemetry {
        let cluster = named("otel", place);
        let field = format!("{field}.openTelemetry");
        let sink = translate_otel(site, otel, (&field, &cluster), problems)?;
        return Ok((cluster, ir::LogSink::OpenTelemetry(sink)));
    }
    if let Some(als) = als {
        let cluster = named("als", place);
        let field = format!("{field}.als");
        let sink = translate_als(site, als, (&field, &cluster), problems)?;
        return Ok((cluster, ir::LogSink::Als(sink)));
    }
    Err(Problem::new(
        reason::INVALID,
        format!("{field}: one of file, openTelemetry and als must be given"),
    ))
}

/// As Envoy Gateway calls the clusters of sinks: `accesslog_otel_0_1`.
fn named(kind: &str, (setting, sink): (usize, usize)) -> String {
    format!("accesslog_{kind}_{setting}_{sink}")
}

fn translate_otel(
    site: Site<'_>,
    sink: &OpenTelemetryLogSink,
    (field, name): (&str, &str),
    problems: &mut Vec<Problem>,
) -> Result<ir::OpenTelemetryLogSink, Problem> {
    let OpenTelemetryLogSink {
        cluster,
        host,
        port,
        resources,
        resource_attributes,
        headers,
    } = sink;
    let receiving = Receiving {
        field,
        cluster,
        host: host.as_deref(),
        port: *port,
        headers,
        usage: Usage::Grpc,
    };
    let mut attributes = resources.clone();
    attributes.extend(resource_attributes.clone());
    Ok(ir::OpenTelemetryLogSink {
        receiver: sink::receiver(site, name, &receiving, problems)?,
        resource_attributes: attributes,
    })
}

fn translate_als(
    site: Site<'_>,
    sink: &AlsSink,
    (field, name): (&str, &str),
    problems: &mut Vec<Problem>,
) -> Result<ir::AlsSink, Problem> {
    let AlsSink {
        cluster,
        log_name,
        type_,
        http,
    } = sink;
    let receiving = Receiving {
        field,
        cluster,
        host: None,
        port: None,
        headers: &[],
        usage: Usage::Grpc,
    };
    let content = match type_ {
        AlsType::TCP => ir::AlsContent::Tcp,
        AlsType::HTTP => {
            let AlsHttp {
                request_headers,
                response_headers,
                response_trailers,
            } = http.clone().unwrap_or_default();
            ir::AlsContent::Http {
                request_headers,
                response_headers,
                response_trailers,
            }
        }
    };
    let log_name = log_name.clone();
    Ok(ir::AlsSink {
        receiver: sink::receiver(site, name, &receiving, problems)?,
        log_name: log_name.unwrap_or_else(|| site.gateway.to_string()),
        content,
    })
}
