//! Metrics: OpenTelemetry instruments, read by Prometheus.

pub(crate) mod ledger;

use anyhow::Context;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Encoder, Registry, TextEncoder};

/// The process' metrics.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    provider: SdkMeterProvider,
}

// === impl Metrics ===

impl Metrics {
    /// Starts with no instruments.
    ///
    /// # Errors
    ///
    /// The exporter cannot be made.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .context("make the Prometheus exporter")?;
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(Resource::builder().with_service_name("tollgate").build())
            .build();
        Ok(Self { registry, provider })
    }

    /// Makes instruments.
    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter("tollgate")
    }

    /// Where parts that count for Prometheus themselves register.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// A metric cannot be encoded.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }
}
