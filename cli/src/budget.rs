//! `tollgate budget`: what an operator sees and changes of a running gateway's budgets.

mod client;
mod table;

use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use crate::{
    args::{AdminArgs, BudgetArgs, BudgetCommand, OutputFormat},
    output,
};
use client::Client;

/// Accounts asked for at once.
const PAGE: usize = 500;

pub(crate) fn budget(args: &BudgetArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(run(&args.command))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(command: &BudgetCommand) -> anyhow::Result<()> {
    match command {
        BudgetCommand::List { admin } => {
            let answer = Client::new(admin)?.get("/v1/budgets", &[]).await?;
            show(admin, &answer, table::budgets)
        }
        BudgetCommand::Get {
            budget,
            subject,
            max,
            admin,
        } => {
            let client = Client::new(admin)?;
            let answer = match subject {
                Some(subject) => {
                    let query = [("budget", budget.as_str()), ("subject", subject.as_str())];
                    client.get("/v1/budgets/accounts", &query).await?
                }
                None => all_accounts(&client, budget, *max).await?,
            };
            show(admin, &answer, table::accounts)
        }
        BudgetCommand::Reset {
            budget,
            subject,
            window,
            admin,
        } => {
            let body = json!({"budget": budget, "subject": subject, "window": window});
            let answer = Client::new(admin)?.post("/v1/budgets/reset", &body).await?;
            show(admin, &answer, table::accounts)
        }
        BudgetCommand::Grant {
            budget,
            subject,
            amount,
            window,
            admin,
        } => {
            let body =
                json!({"budget": budget, "subject": subject, "amount": amount, "window": window});
            let answer = Client::new(admin)?.post("/v1/budgets/grant", &body).await?;
            show(admin, &answer, table::accounts)
        }
    }
}

/// Pages until there are no more, or as many accounts as were asked for. Sorted; an account that
/// comes twice is shown as it was last.
async fn all_accounts(client: &Client, budget: &str, max: usize) -> anyhow::Result<Value> {
    let mut found = std::collections::BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let size = PAGE.to_string();
        let mut query = vec![("budget", budget), ("size", size.as_str())];
        if let Some(after) = &after {
            query.push(("after", after));
        }
        let mut page = client.get("/v1/budgets/accounts", &query).await?;
        let next = page["next"].as_str().map(str::to_string);
        if let Some(accounts) = page["accounts"].as_array() {
            for account in accounts {
                let text = |name: &str| account[name].as_str().unwrap_or_default().to_string();
                found.insert(
                    (text("subject"), text("window"), text("timeZone")),
                    account.clone(),
                );
            }
        }
        if next.is_none() || found.len() >= max {
            let cut = found.len() > max || next.is_some();
            page["accounts"] = found.into_values().take(max).collect();
            page["more"] = cut.into();
            return Ok(page);
        }
        anyhow::ensure!(next != after, "the gateway gives the same page again");
        after = next;
    }
}

fn show(
    admin: &AdminArgs,
    answer: &Value,
    table: impl FnOnce(&Value) -> String,
) -> anyhow::Result<()> {
    match admin.output {
        OutputFormat::Json => output::result(&serde_json::to_string_pretty(answer)?),
        OutputFormat::Table => output::result(&table(answer)),
    }
    Ok(())
}
