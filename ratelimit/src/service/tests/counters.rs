//! What Prometheus is told.

use std::{collections::BTreeMap, sync::Arc};

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use tollgate_budget::{AbsentStore, Clock, MemoryStore, store::memory::Bounds};
use tollgate_bundle::{RateLimit, WindowKind};

use super::{limit, of, ready};
use crate::{
    service::{Headers, Service},
    telemetry::Telemetry,
    wire::{Descriptor, RateLimitRequest},
};

struct Counters {
    registry: Registry,
    _provider: SdkMeterProvider,
    telemetry: Telemetry,
}

impl Counters {
    fn new() -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .unwrap();
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let telemetry = Telemetry::new(&provider.meter("test"));
        Self {
            registry,
            _provider: provider,
            telemetry,
        }
    }

    /// The value behind these labels; none where there is no such line.
    fn read(&self, metric: &str, labels: &[&str]) -> Option<u64> {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        let line = text.lines().find(|line| {
            line.starts_with(metric) && labels.iter().all(|label| line.contains(label))
        })?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn requests(&self, outcome: &str) -> u64 {
        let outcome = format!("outcome=\"{outcome}\"");
        let metric = "tollgate_ratelimit_requests_total";
        self.read(metric, &[&outcome]).unwrap()
    }

    fn decisions(&self, limit: &str, outcome: &str) -> Option<u64> {
        let labels = [
            format!("limit=\"{limit}\""),
            format!("outcome=\"{outcome}\""),
        ];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        self.read("tollgate_ratelimit_decisions_total", &labels)
    }
}

fn apply(service: &Service, limits: Vec<RateLimit>) {
    service.apply(&BTreeMap::from([("d".to_string(), limits)]));
}

fn ask(service: &Service, descriptors: Vec<Descriptor>) {
    let request = RateLimitRequest {
        domain: "d".into(),
        descriptors,
        hits_addend: 0,
    };
    let _ = ready(service.decide(request));
}

#[test]
fn requests_and_decisions_are_counted_by_outcome() {
    let counters = Counters::new();
    let clock = Clock::new(|| 0);
    let store = Arc::new(MemoryStore::new(clock.clone(), Bounds::default()));
    let telemetry = counters.telemetry.clone();
    let service = Service::new(store, clock, Headers::Envoy, telemetry);
    ask(&service, vec![of("user", "alice")]);
    assert_eq!(counters.requests("unconfigured"), 1);

    let limits = vec![
        limit("user", 1, WindowKind::Minute),
        RateLimit {
            shadow: true,
            ..limit("watched", 1, WindowKind::Minute)
        },
        RateLimit {
            quota_group: Some("g".to_string()),
            ..limit("quota", 1, WindowKind::Minute)
        },
    ];
    apply(&service, limits.clone());
    for _ in 0..3 {
        for key in ["user", "watched", "quota", "unknown"] {
            ask(&service, vec![of(key, "alice")]);
        }
    }
    ask(&service, Vec::new());
    // Refused: two by the user's limit, two by the exhausted group.
    let outcomes = ["ok", "over_limit", "unmatched", "invalid"].map(|o| counters.requests(o));
    assert_eq!(outcomes, [5, 4, 3, 1]);
    assert_eq!(counters.decisions("user", "ok"), Some(1));
    assert_eq!(counters.decisions("user", "over_limit"), Some(2));
    assert_eq!(counters.decisions("watched", "ok"), Some(1));
    assert_eq!(counters.decisions("watched", "shadow_over_limit"), Some(2));
    assert_eq!(counters.decisions("quota", "quota_over_limit"), Some(2));

    // A limit that stays counts on; one that goes is no series any more.
    apply(&service, limits.into_iter().take(1).collect());
    ask(&service, vec![of("user", "bob")]);
    assert_eq!(counters.decisions("user", "ok"), Some(2));
    assert_eq!(counters.decisions("watched", "ok"), None);
}

#[test]
fn a_store_that_fails_is_counted() {
    let counters = Counters::new();
    let telemetry = counters.telemetry.clone();
    let service = Service::new(
        Arc::new(AbsentStore),
        Clock::new(|| 0),
        Headers::Envoy,
        telemetry,
    );
    apply(&service, vec![limit("user", 1, WindowKind::Minute)]);
    ask(&service, vec![of("user", "alice")]);
    assert_eq!(counters.requests("store_failed"), 1);
    assert_eq!(counters.decisions("user", "ok"), None);
}
