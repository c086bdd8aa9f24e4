//! What is told of calls: OpenTelemetry GenAI metrics, and an access log line each.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
};
use tollgate_engine::{CallRecord, Ending, Warning};
use tollgate_host::{CallTimes, Told};

/// Instruments for LLM calls. Names follow the OpenTelemetry semantic conventions for generative
/// AI; ours begin with `tollgate.`.
#[derive(Debug)]
pub struct Telemetry {
    token_usage: Histogram<u64>,
    duration: Histogram<f64>,
    time_to_first_token: Histogram<f64>,
    time_per_output_token: Histogram<f64>,
    budget_decisions: Counter<u64>,
    shadow_denials: Counter<u64>,
    warnings: Counter<u64>,
    top_ups: Counter<u64>,
    not_measured: Counter<u64>,
    limited: Counter<u64>,
    settle_failures: Counter<u64>,
    host_failures: Counter<u64>,
}

/// Powers of four, as the semantic conventions advise for token counts.
const TOKEN_BOUNDARIES: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const SECOND_BOUNDARIES: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const FIRST_TOKEN_BOUNDARIES: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const PER_TOKEN_BOUNDARIES: [f64; 12] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0,
];

// === impl Telemetry ===

impl Telemetry {
    /// Makes the instruments.
    pub fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, text: &'static str, boundaries: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(text)
                .with_boundaries(boundaries.to_vec())
                .build()
        };
        let count = |name: &'static str, text: &'static str| {
            meter.u64_counter(name).with_description(text).build()
        };
        Self {
            token_usage: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_description("Tokens charged per call, by kind.")
                .with_boundaries(TOKEN_BOUNDARIES.to_vec())
                .build(),
            duration: seconds(
                "gen_ai.server.request.duration",
                "Time from a call's first header to its end.",
                &SECOND_BOUNDARIES,
            ),
            time_to_first_token: seconds(
                "gen_ai.server.time_to_first_token",
                "Time from a call's first header to its first content token.",
                &FIRST_TOKEN_BOUNDARIES,
            ),
            time_per_output_token: seconds(
                "gen_ai.server.time_per_output_token",
                "Time per output token after the first.",
                &PER_TOKEN_BOUNDARIES,
            ),
            budget_decisions: count("tollgate.budget.decisions", "Budget decisions, by outcome."),
            shadow_denials: count(
                "tollgate.budget.shadow.denials",
                "Calls that a shadow budget would have refused, by budget.",
            ),
            warnings: count(
                "tollgate.budget.warnings",
                "Accounts that passed their warning threshold, once for each window, by budget.",
            ),
            top_ups: count(
                "tollgate.budget.top_ups",
                "Times that a hold grew while its answer streamed.",
            ),
            not_measured: count(
                "tollgate.budget.not_measured",
                "Calls whose cost could not be told and that were charged what was held, by budget.",
            ),
            limited: count(
                "tollgate.budget.limited",
                "Streams that were ended because a budget had no more, by budget.",
            ),
            settle_failures: count(
                "tollgate.budget.settle.failures",
                "Calls that could not be charged because the store failed.",
            ),
            host_failures: count(
                "tollgate.engine.failures",
                "Faults of the gateway itself while it handled a call, which was answered 500.",
            ),
        }
    }

    fn measure(&self, record: &CallRecord, times: CallTimes) {
        let text = |value: Option<&str>| value.unwrap_or("").to_string();
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", record.operation.clone()),
            KeyValue::new(
                "gen_ai.provider.name",
                record.provider_api.clone().unwrap_or_default(),
            ),
            KeyValue::new("gen_ai.request.model", known_model(record)),
            KeyValue::new(
                "gen_ai.response.model",
                text(record.served_model.as_deref()),
            ),
        ];
        if let Some(usage) = record.usage {
            for (kind, tokens) in [("input", usage.input), ("output", usage.output)] {
                attributes.push(KeyValue::new("gen_ai.token.type", kind));
                self.token_usage.record(tokens, &attributes);
                attributes.pop();
            }
            if let Some(first) = times.first_token
                && usage.output > 1
            {
                let rest = (times.duration - first).as_secs_f64();
                self.time_per_output_token
                    .record(rest / (usage.output - 1) as f64, &attributes);
            }
        }
        if let Some(first) = times.first_token {
            self.time_to_first_token
                .record(first.as_secs_f64(), &attributes);
        }
        if record.status >= 400 || record.status == 0 {
            attributes.push(KeyValue::new("error.type", i64::from(record.status)));
        }
        self.duration
            .record(times.duration.as_secs_f64(), &attributes);
    }

    fn measure_budgets(&self, record: &CallRecord) {
        let decision = [KeyValue::new("decision", record.budget.name())];
        self.budget_decisions.add(1, &decision);
        let of = |budget: &str| [KeyValue::new("budget", budget.to_string())];
        for budget in &record.would_deny {
            self.shadow_denials.add(1, &of(budget));
        }
        for budget in &record.not_measured {
            self.not_measured.add(1, &of(budget));
            tracing::error!(budget, model = record.served_model, usage = ?record.usage, "what a call cost could not be told; what was held is charged");
        }
        for warning in record.warnings.iter().filter(|warning| warning.is_first) {
            let Warning {
                budget,
                subject,
                percent,
                is_shadow: _,
                is_first: _,
            } = warning;
            self.warnings.add(1, &of(budget));
            tracing::warn!(budget, subject, percent, "a budget is nearly used up");
        }
        if record.top_ups > 0 {
            self.top_ups.add(u64::from(record.top_ups), &[]);
        }
        if let (Ending::Limited, Some(budget)) = (record.ending, &record.denied_by) {
            self.limited.add(1, &of(budget));
        }
    }
}

impl Told for Telemetry {
    fn settle_failed(&self) {
        self.settle_failures.add(1, &[]);
    }

    fn call(&self, record: CallRecord, times: CallTimes, request_id: String) {
        self.measure(&record, times);
        self.measure_budgets(&record);
        log(&record, times, &request_id);
    }

    fn host_failed(&self) {
        self.host_failures.add(1, &[]);
    }
}

/// The client's model name, only where a route knows it: a name that a client invents must not
/// become a time series.
fn known_model(record: &CallRecord) -> String {
    match (&record.model, record.route.is_empty()) {
        (Some(model), false) => model.clone(),
        _ => String::new(),
    }
}

fn log(record: &CallRecord, times: CallTimes, request_id: &str) {
    let usage = record.usage.unwrap_or_default();
    tracing::info!(
        target: "access",
        request_id,
        consumer = record.consumer,
        team = record.team,
        route = record.route,
        provider = record.provider,
        model = record.model,
        served_model = record.served_model,
        status = record.status,
        stream = record.stream,
        input_tokens = usage.input,
        cached_input_tokens = usage.cached_input,
        output_tokens = usage.output,
        reasoning_tokens = usage.reasoning,
        estimated = record.estimated,
        budget = ?record.budget,
        denied_by = record.denied_by,
        would_deny = (!record.would_deny.is_empty()).then(|| record.would_deny.join(",")),
        top_ups = (record.top_ups > 0).then_some(record.top_ups),
        attempts = record.attempts,
        ending = ?record.ending,
        first_token_ms = times.first_token.map(milliseconds),
        duration_ms = milliseconds(times.duration),
        "llm call"
    );
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
