//! `/v1/budgets`: the budgets of the configuration in effect, and what stands on their accounts.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    middleware,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tollgate_budget::{Account, PageRequest, Store};
use tollgate_bundle::Bundle;

use super::{accounts::Asked, amount::Amount, auth, problem::Problem, shapes, view};
use crate::admin_token::AdminToken;

/// Accounts in a page unless the request says otherwise, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1_000;

/// What the endpoints work on.
#[derive(Clone)]
pub(crate) struct Budgets {
    /// The configuration in effect.
    pub(crate) bundle: watch::Receiver<Arc<Bundle>>,
    /// The ledger.
    pub(crate) store: Arc<dyn Store>,
}

/// The endpoints, for those who have the token.
pub(super) fn router(budgets: Budgets, token: AdminToken) -> Router {
    Router::new()
        .route("/v1/budgets", get(list))
        .route("/v1/budgets/accounts", get(accounts_of))
        .route("/v1/budgets/reset", post(reset))
        .route("/v1/budgets/grant", post(grant))
        .route_layer(middleware::from_fn_with_state(
            Arc::new(token),
            auth::require_token,
        ))
        .with_state(budgets)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsQuery {
    budget: String,
    subject: Option<String>,
    after: Option<String>,
    size: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetBody {
    budget: String,
    subject: String,
    window: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    budget: String,
    subject: String,
    window: Option<String>,
    amount: Amount,
}

async fn list(State(budgets): State<Budgets>) -> Json<Value> {
    let bundle = Arc::clone(&budgets.bundle.borrow());
    let all: Vec<Value> = view::all(&bundle).values().map(shapes::budget).collect();
    Json(json!({ "budgets": all }))
}

async fn accounts_of(
    State(budgets): State<Budgets>,
    query: Result<Query<AccountsQuery>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(query) = query.map_err(|error| Problem::Invalid(error.body_text()))?;
    let bundle = Arc::clone(&budgets.bundle.borrow());
    let budget = &view::named(&bundle, &query.budget)?;
    if let Some(subject) = &query.subject {
        let asked = Asked {
            bundle: &bundle,
            budget,
            subject,
            window: None,
        };
        let (accounts, states) = asked.standing(&*budgets.store).await?;
        return Ok(Json(shapes::accounts(budget, &accounts, &states)));
    }
    let size = query.size.unwrap_or(PAGE);
    if size == 0 || size > PAGE_MAX {
        return Err(Problem::Invalid(format!(
            "size must be between 1 and {PAGE_MAX}; {size} is not"
        )));
    }
    let request = PageRequest {
        budget: budget.id.to_string(),
        after: query.after,
        size,
    };
    let page = budgets.store.list(&request).await?;
    Ok(Json(shapes::page(budget, &page)))
}

async fn reset(
    State(budgets): State<Budgets>,
    body: Result<Json<ResetBody>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(body) = body.map_err(|error| Problem::Invalid(error.body_text()))?;
    let bundle = Arc::clone(&budgets.bundle.borrow());
    let asked = Asked {
        bundle: &bundle,
        budget: &view::named(&bundle, &body.budget)?,
        subject: &body.subject,
        window: body.window.as_deref(),
    };
    let (accounts, _) = asked.standing(&*budgets.store).await?;
    let mut states = Vec::with_capacity(accounts.len());
    for account in &accounts {
        states.push(budgets.store.reset(account).await?);
        tell("an operator reset an account", account, None);
    }
    Ok(Json(shapes::accounts(asked.budget, &accounts, &states)))
}

async fn grant(
    State(budgets): State<Budgets>,
    body: Result<Json<GrantBody>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(body) = body.map_err(|error| Problem::Invalid(error.body_text()))?;
    let bundle = Arc::clone(&budgets.bundle.borrow());
    let asked = Asked {
        bundle: &bundle,
        budget: &view::named(&bundle, &body.budget)?,
        subject: &body.subject,
        window: body.window.as_deref(),
    };
    let amount = body.amount.units(asked.budget)?;
    let (accounts, _) = asked.standing(&*budgets.store).await?;
    let [account] = accounts.as_slice() else {
        return Err(Problem::Invalid(format!(
            "window is required, because {} has several limits: {}",
            asked.budget.id,
            asked.budget.windows().join(", ")
        )));
    };
    let state = budgets.store.grant(account, amount).await?;
    tell("an operator granted more", account, Some(amount));
    Ok(Json(shapes::accounts(asked.budget, &accounts, &[state])))
}

/// Leaves a trace in the log of what an operator changed.
fn tell(what: &str, account: &Account, amount: Option<u64>) {
    tracing::info!(
        budget = %account.budget,
        subject = %account.subject,
        window = %tollgate_budget::window::words(account.window),
        amount,
        "{what}"
    );
}
