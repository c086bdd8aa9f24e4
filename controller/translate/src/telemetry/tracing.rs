//! `spec.telemetry.tracing`: which requests are traced, and where spans go.

use std::collections::BTreeMap;

use tollgate_crds::envoy_gateway::envoy_proxy::{
    CustomTag, CustomTagType, DefaultedName, OpenTelemetrySampler, OpenTelemetryTracer,
    ProxyTracing, SamplerType, SamplingFraction, SpanName, TracingProvider, TracingProviderType,
    ZipkinTracer,
};
use tollgate_ir as ir;

use super::Site;
use super::sink::{self, Receiving};
use crate::backend_ref::Usage;
use crate::names;
use crate::status::{Problem, reason};

const FIELD: &str = "spec.telemetry.tracing";
/// As Envoy Gateway calls the cluster.
const CLUSTER: &str = "tracing";

const ALL: ir::Fraction = ir::Fraction {
    numerator: 1,
    denominator: 1,
};
const NOTHING: ir::Fraction = ir::Fraction {
    numerator: 0,
    denominator: 1,
};

/// The tracing; `None` where it cannot be had, which is told.
pub(super) fn translate(
    site: Site<'_>,
    settings: &ProxyTracing,
    problems: &mut Vec<Problem>,
) -> Option<ir::Tracing> {
    let ProxyTracing {
        sampling_rate,
        sampling_fraction,
        client_sampling_fraction,
        overall_sampling_fraction,
        custom_tags,
        tags,
        span_name,
        provider,
    } = settings;
    let (receiver, tracer) = translate_provider(site, provider, problems)
        .map_err(|problem| problems.push(problem))
        .ok()?;
    let random = match (sampling_fraction, sampling_rate) {
        (Some(share), _) => fraction(share),
        (None, Some(rate)) => ir::Fraction {
            numerator: (*rate).min(100),
            denominator: 100,
        },
        (None, None) => ALL,
    };
    let SpanName { server, client } = span_name.clone().unwrap_or_default();
    Some(ir::Tracing {
        name: names::telemetry(site.gateway, CLUSTER),
        random,
        client: client_sampling_fraction.as_ref().map_or(NOTHING, fraction),
        overall: overall_sampling_fraction.as_ref().map_or(ALL, fraction),
        span_names: ir::SpanNames { server, client },
        tags: translate_tags(custom_tags, tags, problems),
        receiver,
        tracer,
    })
}

fn translate_provider(
    site: Site<'_>,
    provider: &TracingProvider,
    problems: &mut Vec<Problem>,
) -> Result<(ir::Receiver, ir::Tracer), Problem> {
    let TracingProvider {
        type_,
        cluster,
        host,
        port,
        service_name,
        zipkin,
        open_telemetry,
    } = provider;
    let otel = open_telemetry.clone().unwrap_or_default();
    let (tracer, usage, headers) = match type_ {
        TracingProviderType::OpenTelemetry => {
            let OpenTelemetryTracer {
                headers,
                resource_attributes,
                sampler,
            } = otel;
            let tracer = ir::Tracer::OpenTelemetry {
                service_name: service_name.clone().unwrap_or_else(|| {
                    let gateway = site.gateway;
                    format!("{}.{}", gateway.name, gateway.namespace)
                }),
                resource_attributes,
                sampler: sampler.as_ref().map(translate_sampler),
            };
            (tracer, Usage::Grpc, headers)
        }
        TracingProviderType::Zipkin => (
            translate_zipkin(&zipkin.clone().unwrap_or_default()),
            Usage::Http,
            Vec::new(),
        ),
        TracingProviderType::Datadog => {
            return Err(Problem::new(
                reason::UNSUPPORTED_VALUE,
                format!(
                    "{FIELD}.provider.type: Datadog is not supported in this release; OpenTelemetry and Zipkin are"
                ),
            ));
        }
    };
    let receiving = Receiving {
        field: &format!("{FIELD}.provider"),
        cluster,
        host: host.as_deref(),
        port: *port,
        headers: &headers,
        usage,
    };
    let receiver = sink::receiver(site, CLUSTER, &receiving, problems)?;
    Ok((receiver, tracer))
}

fn translate_zipkin(settings: &ZipkinTracer) -> ir::Tracer {
    let ZipkinTracer {
        enable_128_bit_trace_id,
        disable_shared_span_context,
    } = settings;
    ir::Tracer::Zipkin {
        trace_id_bits: match enable_128_bit_trace_id {
            Some(true) => 128,
            Some(false) | None => 64,
        },
        shared_spans: *disable_shared_span_context != Some(true),
    }
}

fn translate_sampler(settings: &OpenTelemetrySampler) -> ir::Sampler {
    let OpenTelemetrySampler {
        type_,
        sampling_percentage,
    } = settings;
    let share = || ir::Sampler::Share(sampling_percentage.as_ref().map_or(ALL, fraction));
    let parent = |inner| ir::Sampler::Parent(Box::new(inner));
    match type_ {
        SamplerType::AlwaysOn => ir::Sampler::All,
        SamplerType::AlwaysOff => ir::Sampler::Nothing,
        SamplerType::TraceIdRatio => share(),
        SamplerType::ParentBasedAlwaysOn => parent(ir::Sampler::All),
        SamplerType::ParentBasedAlwaysOff => parent(ir::Sampler::Nothing),
        SamplerType::ParentBasedTraceIdRatio => parent(share()),
    }
}

/// Both lists as one; of two tags of one name the one with a format holds.
fn translate_tags(
    custom: &BTreeMap<String, CustomTag>,
    formats: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, ir::Tag> {
    let mut tags = BTreeMap::new();
    for (name, tag) in custom {
        match translate_tag(tag) {
            Some(tag) => {
                tags.insert(name.clone(), tag);
            }
            None => problems.push(Problem::new(
                reason::INVALID,
                format!(
                    "{FIELD}.customTags[{name}]: what type {:?} asks for is not given",
                    tag.type_
                ),
            )),
        }
    }
    for (name, format) in formats {
        tags.insert(name.clone(), ir::Tag::Format(format.clone()));
    }
    tags
}

fn translate_tag(tag: &CustomTag) -> Option<ir::Tag> {
    let CustomTag {
        type_,
        literal,
        environment,
        request_header,
    } = tag;
    let named = |it: &DefaultedName| {
        let DefaultedName {
            name,
            default_value,
        } = it;
        (name.clone(), default_value.clone().unwrap_or_default())
    };
    Some(match type_ {
        CustomTagType::Literal => ir::Tag::Literal(literal.as_ref()?.value.clone()),
        CustomTagType::Environment => {
            let (name, default) = named(environment.as_ref()?);
            ir::Tag::Environment { name, default }
        }
        CustomTagType::RequestHeader => {
            let (name, default) = named(request_header.as_ref()?);
            ir::Tag::RequestHeader { name, default }
        }
    })
}

/// At most the whole.
fn fraction(share: &SamplingFraction) -> ir::Fraction {
    let SamplingFraction {
        numerator,
        denominator,
    } = *share;
    let denominator = u32::try_from(denominator.unwrap_or(100))
        .unwrap_or(1)
        .max(1);
    ir::Fraction {
        numerator: u32::try_from(numerator).unwrap_or(0).min(denominator),
        denominator,
    }
}
