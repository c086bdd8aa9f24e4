//! Tracing of requests, and what their ids have to do with it.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::core::TypedExtensionConfig;
use envoy::hcm::{RequestIdExtension, http_connection_manager::Tracing};
use envoy::http_type::{FractionalPercent, Percent, fractional_percent::DenominatorType};
use envoy::otel_samplers as samplers;
use envoy::trace::{
    OpenTelemetryConfig, ZipkinConfig, tracing, zipkin_config::CollectorEndpointVersion,
};
use envoy::tracing_type::{CustomTag, custom_tag};
use envoy::uuid_request_id::UuidRequestIdConfig;
use envoy::well_known::{Any, BoolValue};

use super::super::value::yes;
use super::{authority, build_grpc_service};

/// Where Zipkin's API takes spans.
const ZIPKIN_PATH: &str = "/api/v2/spans";
const MILLION: u64 = 1_000_000;

pub(super) fn build_tracing(settings: &ir::Tracing) -> Tracing {
    let ir::Tracing {
        name: _,
        random,
        client,
        overall,
        span_names,
        tags,
        receiver,
        tracer,
    } = settings;
    let (name, config) = build_tracer(receiver, tracer);
    let ir::SpanNames {
        server: server_name,
        client: client_name,
    } = span_names;
    Tracing {
        client_sampling: Some(percent(*client)),
        random_sampling: Some(percent(*random)),
        overall_sampling: Some(percent(*overall)),
        custom_tags: tags
            .iter()
            .map(|(name, tag)| build_tag(name, tag))
            .collect(),
        provider: Some(tracing::Http {
            name: name.to_string(),
            config_type: Some(tracing::http::ConfigType::TypedConfig(config)),
        }),
        spawn_upstream_span: yes(),
        operation: server_name.clone().unwrap_or_default(),
        upstream_operation: client_name.clone().unwrap_or_default(),
        ..Tracing::default()
    }
}

pub(super) fn build_request_id(settings: ir::RequestId) -> RequestIdExtension {
    let (carries, decides) = match settings {
        ir::RequestId::CarriesAndDecides => (true, true),
        ir::RequestId::Decides => (false, true),
        ir::RequestId::Carries => (true, false),
        ir::RequestId::Unrelated => (false, false),
    };
    let config = UuidRequestIdConfig {
        pack_trace_reason: Some(BoolValue { value: carries }),
        use_request_id_for_trace_sampling: Some(BoolValue { value: decides }),
    };
    RequestIdExtension {
        typed_config: Some(envoy::pack(&config)),
    }
}

fn build_tracer(receiver: &ir::Receiver, tracer: &ir::Tracer) -> (&'static str, Any) {
    match tracer {
        ir::Tracer::OpenTelemetry {
            service_name,
            resource_attributes,
            sampler,
        } => {
            let detector = (!resource_attributes.is_empty()).then(|| {
                let attributes = envoy::SortedAttributes {
                    attributes: resource_attributes.clone(),
                };
                envoy::typed_extension(
                    "envoy.tracers.opentelemetry.resource_detectors.static_config",
                    &attributes,
                )
            });
            let config = OpenTelemetryConfig {
                grpc_service: Some(build_grpc_service(receiver)),
                service_name: service_name.clone(),
                resource_detectors: detector.into_iter().collect(),
                sampler: sampler.as_ref().map(build_sampler),
                ..OpenTelemetryConfig::default()
            };
            ("envoy.tracers.opentelemetry", envoy::pack(&config))
        }
        ir::Tracer::Zipkin {
            trace_id_bits,
            shared_spans,
        } => {
            let config = ZipkinConfig {
                collector_cluster: receiver.cluster.clone(),
                collector_hostname: authority(receiver).unwrap_or_default().to_string(),
                collector_endpoint: ZIPKIN_PATH.to_string(),
                collector_endpoint_version: CollectorEndpointVersion::HttpJson.into(),
                trace_id_128bit: *trace_id_bits == 128,
                shared_span_context: Some(BoolValue {
                    value: *shared_spans,
                }),
                ..ZipkinConfig::default()
            };
            ("envoy.tracers.zipkin", envoy::pack(&config))
        }
    }
}

fn build_sampler(sampler: &ir::Sampler) -> TypedExtensionConfig {
    match sampler {
        ir::Sampler::All => envoy::typed_extension(
            "envoy.tracers.opentelemetry.samplers.always_on",
            &samplers::AlwaysOnSamplerConfig::default(),
        ),
        ir::Sampler::Nothing => build_ratio(ir::Fraction {
            numerator: 0,
            denominator: 1,
        }),
        ir::Sampler::Share(share) => build_ratio(*share),
        ir::Sampler::Parent(inner) => envoy::typed_extension(
            "envoy.tracers.opentelemetry.samplers.parent_based",
            &samplers::ParentBasedSamplerConfig {
                wrapped_sampler: Some(build_sampler(inner)),
            },
        ),
    }
}

fn build_ratio(share: ir::Fraction) -> TypedExtensionConfig {
    let millionths = u64::from(share.numerator) * MILLION / u64::from(share.denominator.max(1));
    let percentage = FractionalPercent {
        numerator: u32::try_from(millionths.min(MILLION)).unwrap_or(0),
        denominator: DenominatorType::Million.into(),
    };
    envoy::typed_extension(
        "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
        &samplers::TraceIdRatioBasedSamplerConfig {
            sampling_percentage: Some(percentage),
        },
    )
}

fn build_tag(name: &str, tag: &ir::Tag) -> CustomTag {
    let value = match tag {
        ir::Tag::Literal(value) => custom_tag::Type::Literal(custom_tag::Literal {
            value: value.clone(),
        }),
        ir::Tag::Environment { name, default } => {
            custom_tag::Type::Environment(custom_tag::Environment {
                name: name.clone(),
                default_value: default.clone(),
            })
        }
        ir::Tag::RequestHeader { name, default } => {
            custom_tag::Type::RequestHeader(custom_tag::Header {
                name: name.clone(),
                default_value: default.clone(),
            })
        }
        ir::Tag::Format(format) => custom_tag::Type::Value(format.clone()),
    };
    CustomTag {
        tag: name.to_string(),
        r#type: Some(value),
    }
}

fn percent(share: ir::Fraction) -> Percent {
    Percent {
        value: f64::from(share.numerator) * 100.0 / f64::from(share.denominator.max(1)),
    }
}
