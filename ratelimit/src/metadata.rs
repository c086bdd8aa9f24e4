//! Dynamic metadata about quotas, for filters that choose a backend by what is left. Names are
//! those that Envoy's own rate limit service uses, so that consumers of one understand the other.

use tollgate_envoy::well_known::{ListValue, Struct, Value, value::Kind};

use crate::{
    answer::Decided,
    limits::Mode,
    wire::{Descriptor, RateLimitRequest},
};

/// What the quotas of a request say; none where it met no quota.
pub(crate) fn quota(request: &RateLimitRequest, decided: &[Decided<'_>]) -> Option<Struct> {
    let quotas = || {
        let is_quota = |one: &&Decided<'_>| matches!(one.line.limit.mode, Mode::Quota(_));
        decided.iter().filter(is_quota)
    };
    quotas().next()?;
    let mut violations: Vec<usize> = quotas()
        .filter(|decided| decided.is_over())
        .map(|decided| decided.line.descriptor)
        .collect();
    violations.dedup();
    let mut fields = vec![
        ("domain", text(&request.domain)),
        ("descriptors", list(request.descriptors.iter().map(entries))),
        ("quotaModeEnabled", value(Kind::BoolValue(true))),
    ];
    if request.hits_addend > 0 {
        fields.push(("hitsAddend", number(f64::from(request.hits_addend))));
    }
    if !violations.is_empty() {
        // At most a few hundred: exact as a double.
        let indices = violations.into_iter().map(|index| number(index as f64));
        fields.push(("quotaModeViolations", list(indices)));
    }
    Some(object(fields))
}

fn entries(descriptor: &Descriptor) -> Value {
    let entries = descriptor.entries.iter().map(|entry| {
        let mut pair = entry.key.to_vec();
        pair.push(b'=');
        pair.extend_from_slice(&entry.value);
        text(&pair)
    });
    let entries = vec![("entries", list(entries))];
    value(Kind::StructValue(object(entries)))
}

fn object(fields: Vec<(&str, Value)>) -> Struct {
    Struct {
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
    }
}

fn text(bytes: &[u8]) -> Value {
    value(Kind::StringValue(
        String::from_utf8_lossy(bytes).into_owned(),
    ))
}

fn number(number: f64) -> Value {
    value(Kind::NumberValue(number))
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    value(Kind::ListValue(ListValue {
        values: values.collect(),
    }))
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}
