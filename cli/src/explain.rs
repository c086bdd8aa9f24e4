//! `tollgate explain`: which rule, backends and budgets a chat request would meet, and why.

use std::{io::Read, net::Ipv4Addr, process::ExitCode};

use anyhow::Context;
use tollgate_controller::source::folder::Manifests;
use tollgate_engine::{Explanation, RequestHead, RouteTable};
use tollgate_ir::{Gateway, Hostname, VirtualHost};

use crate::{args::ExplainArgs, load, output};

struct Headers(Vec<(String, String)>);

impl RequestHead for Headers {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_bytes())
    }
}

pub(crate) fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    load::require(&args.files)?;
    let options = load::options(1975, Ipv4Addr::LOCALHOST.into(), &args.provider_url)?;
    let translated = load::translated(&Manifests::Paths(args.files.clone()), &options);
    for problem in &translated.problems {
        output::error(&problem.to_string());
    }
    let host = virtual_host(&translated.gateway, &args.host)
        .with_context(|| format!("no AI route listens on host {:?}", args.host))?;
    let (table, problems) = RouteTable::compile(&translated.gateway.bundle());
    for problem in problems {
        output::error(&problem);
    }
    let mut headers = args.header.clone();
    if let Some(key) = &args.key {
        headers.push(("authorization".to_string(), format!("Bearer {key}")));
    }
    let body = body(args)?;
    let explanation = tollgate_engine::explain(&table, &host.name, &Headers(headers), &body)
        .map_err(anyhow::Error::msg)?;
    output::result(&if args.json {
        serde_json::to_string_pretty(&explanation)?
    } else {
        text(&explanation)
    });
    Ok(ExitCode::SUCCESS)
}

fn body(args: &ExplainArgs) -> anyhow::Result<Vec<u8>> {
    if args.chat.as_os_str() == "-" {
        let mut body = Vec::new();
        std::io::stdin()
            .read_to_end(&mut body)
            .context("read stdin")?;
        return Ok(body);
    }
    std::fs::read(&args.chat).with_context(|| format!("read {}", args.chat.display()))
}

/// The AI host that Envoy would pick: an exact name, the longest wildcard, any.
fn virtual_host<'g>(gateway: &'g Gateway, host: &str) -> Option<&'g VirtualHost> {
    gateway
        .listeners
        .iter()
        .flat_map(tollgate_ir::Listener::virtual_hosts)
        .filter(|candidate| candidate.ai.is_some())
        .filter_map(|candidate| {
            let precision = match &candidate.hostname {
                Hostname::Exact(name) => (name == host).then_some(usize::MAX),
                Hostname::Suffix(suffix) => host.ends_with(suffix).then_some(suffix.len()),
                Hostname::Any => Some(0),
            }?;
            Some((precision, &**candidate))
        })
        .max_by_key(|(precision, _)| *precision)
        .map(|(_, candidate)| candidate)
}

fn text(explanation: &Explanation) -> String {
    let mut lines = vec![
        format!("model    {}", explanation.model),
        format!("host     {}", explanation.scope),
        format!("caller   {}", explanation.caller),
    ];
    lines.push("rules, in order of precedence:".into());
    for rule in &explanation.rules {
        lines.push(format!("  {}: {}", rule.rule, rule.verdict));
    }
    lines.push("backends, in the order in which they are tried:".into());
    for backend in &explanation.backends {
        lines.push(format!(
            "  {} (priority {}, weight {}): asked for {}; {}",
            backend.name, backend.priority, backend.weight, backend.model, backend.state
        ));
    }
    let exact = explanation
        .input_tokens
        .map_or("tokenizer not known".to_string(), |tokens| {
            format!("{tokens} counted")
        });
    lines.push(format!(
        "tokens   input at most {} ({exact}), output at most {}",
        explanation.input_tokens_bound, explanation.output_tokens_max
    ));
    lines.push("budgets, all held together:".into());
    for budget in &explanation.budgets {
        let (hold, _) = amount(budget.hold, &budget.unit);
        let (limit, unit) = amount(budget.limit, &budget.unit);
        lines.push(format!(
            "  {}: {hold} of {limit} {unit} {} would be held for {}",
            budget.budget,
            span(&budget.window),
            budget.subject
        ));
    }
    if explanation.budgets.is_empty() {
        lines.push("  none".into());
    }
    lines.join("\n")
}

/// An amount and its unit as people write them: money in its currency, exactly.
fn amount(units: u64, unit: &str) -> (String, &str) {
    const MONEY: u64 = 1_000_000_000_000;
    let Some(currency) = unit.strip_prefix("1e-12 ") else {
        return (units.to_string(), unit);
    };
    let fraction = format!("{:012}", units % MONEY);
    let whole = units / MONEY;
    let text = match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        digits => format!("{whole}.{digits}"),
    };
    (text, currency)
}

/// `per day`, `in the last 5h`, `in all`.
fn span(window: &str) -> String {
    match window.strip_prefix("sliding ") {
        Some(length) => format!("in the last {length}"),
        None if window == "lifetime" => "in all".to_string(),
        None => format!("per {window}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, span};

    #[test]
    fn amounts_and_windows_read_like_a_denial() {
        assert_eq!(
            amount(41_015_000_000, "1e-12 USD"),
            ("0.041015".into(), "USD")
        );
        assert_eq!(amount(5_000_000_000_000, "1e-12 EUR"), ("5".into(), "EUR"));
        assert_eq!(amount(4118, "tokens"), ("4118".into(), "tokens"));
        assert_eq!(span("day"), "per day");
        assert_eq!(span("sliding 5h"), "in the last 5h");
        assert_eq!(span("lifetime"), "in all");
    }
}
