//! What a proxy tells of its configuration in `/metrics`.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use opentelemetry::metrics::Meter;
use tokio::sync::watch;
use tollgate_link::Connection;

/// Figures that are set as things happen, and read when somebody looks.
#[derive(Clone, Default)]
pub(super) struct Figures(Arc<Inner>);

#[derive(Default)]
struct Inner {
    refused: AtomicU64,
    applied: AtomicU64,
    restart_needed: AtomicBool,
}

// === impl Figures ===

impl Figures {
    /// Makes the instruments; they live as long as the meter's provider.
    pub(super) fn observe(meter: &Meter, connection: watch::Receiver<Connection>) -> Self {
        let figures = Self::default();
        let connected = move || u64::from(*connection.borrow() == Connection::Connected);
        gauge(
            meter,
            "tollgate.link.connected",
            "1 while a controller is followed.",
            connected,
        );
        let inner = Arc::clone(&figures.0);
        gauge(
            meter,
            "tollgate.configuration.refused",
            "Pieces of the configuration that Envoy refuses; the rest is in effect.",
            move || inner.refused.load(Relaxed),
        );
        let inner = Arc::clone(&figures.0);
        gauge(
            meter,
            "tollgate.settings.restart_needed",
            "1 when the store of budgets, or the bootstrap, is another than this proxy was started with.",
            move || inner.restart_needed.load(Relaxed).into(),
        );
        let inner = Arc::clone(&figures.0);
        meter
            .u64_observable_counter("tollgate.configuration.applied")
            .with_description("Configurations that were brought into effect.")
            .with_callback(move |observer| observer.observe(inner.applied.load(Relaxed), &[]))
            .build();
        figures
    }

    pub(super) fn applied(&self) {
        self.0.applied.fetch_add(1, Relaxed);
    }

    pub(super) fn refused(&self, pieces: usize) {
        self.0.refused.store(pieces as u64, Relaxed);
    }

    pub(super) fn restart_needed(&self, needed: bool) {
        self.0.restart_needed.store(needed, Relaxed);
    }
}

fn gauge(
    meter: &Meter,
    name: &'static str,
    text: &'static str,
    value: impl Fn() -> u64 + Send + Sync + 'static,
) {
    meter
        .u64_observable_gauge(name)
        .with_description(text)
        .with_callback(move |observer| observer.observe(value(), &[]))
        .build();
}
