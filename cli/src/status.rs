//! `tollgate status`: what a running gateway says of its objects.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::Value;

use crate::{args::StatusArgs, output};

pub(crate) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let url = format!("{}/status", args.admin.trim_end_matches('/'));
    let status: Value = runtime.block_on(async {
        let answer = reqwest::get(&url).await.with_context(|| {
            format!(
                "no gateway answers at {}; is one running? (--admin)",
                args.admin
            )
        })?;
        answer
            .error_for_status()
            .context("the gateway did not give its status")?
            .json()
            .await
            .context("the gateway's status is not JSON")
    })?;
    if args.json {
        output::result(&serde_json::to_string_pretty(&status)?);
    } else {
        output::result(&table(&status));
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each condition; what is wrong comes with its reason.
pub(crate) fn table(status: &Value) -> String {
    let mut lines = Vec::new();
    for entry in status["objects"].as_array().into_iter().flatten() {
        let object = &entry["object"];
        let text = |name: &str| object[name].as_str().unwrap_or("");
        let namespaced = match text("namespace") {
            "" => text("name").to_string(),
            namespace => format!("{namespace}/{}", text("name")),
        };
        lines.push(format!("{} {namespaced}", text("kind")));
        conditions(&entry["status"], "", &mut lines);
    }
    for problem in status["problems"].as_array().into_iter().flatten() {
        lines.push(format!("problem: {}", problem.as_str().unwrap_or_default()));
    }
    if lines.is_empty() {
        lines.push("no objects".to_string());
    }
    lines.join("\n")
}

fn conditions(status: &Value, of: &str, lines: &mut Vec<String>) {
    for condition in status["conditions"].as_array().into_iter().flatten() {
        let text = |name: &str| condition[name].as_str().unwrap_or("");
        lines.push(format!(
            "  {of}{}={} ({}) {}",
            text("type"),
            text("status"),
            text("reason"),
            text("message"),
        ));
    }
    for (list, name) in [
        ("listeners", "name"),
        ("parents", "parentRef"),
        ("ancestors", "ancestorRef"),
    ] {
        for part in status[list].as_array().into_iter().flatten() {
            let label = part[name]
                .as_str()
                .or(part[name]["name"].as_str())
                .unwrap_or_default();
            conditions(part, &format!("{label}: "), lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;

    #[test]
    fn every_condition_gets_a_line() {
        let status = json!({"objects": [{
            "object": {"group": "g", "kind": "AIGatewayRoute", "namespace": "default", "name": "llm"},
            "status": {
                "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "ok"}],
                "parents": [{"parentRef": {"name": "gw"},
                    "conditions": [{"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": "no"}]}],
            },
        }]});
        assert_eq!(
            table(&status),
            "AIGatewayRoute default/llm\n  Accepted=True (Accepted) ok\n  gw: ResolvedRefs=False (BackendNotFound) no",
        );
    }
}
