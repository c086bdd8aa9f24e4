//! What an uplink carries beside the ledger, and what becomes of calls when it breaks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::FutureExt;
use tollgate_budget::{HoldOutcome, HoldRequest, Settlement, Store, StoreError};
use tollgate_bundle::{Api, Backend, Bundle, Credential, Rule, Scope};
use tollgate_engine::{BudgetDecision, CallRecord, Ending};
use tollgate_host::{CallTimes, Told};
use tollgate_secret::Secret;

use super::rig::{Engine, Rig, eventually, request};

fn bundle(secret: &str) -> Bundle {
    let backend = Backend {
        id: "a".to_string(),
        name: "a".to_string(),
        cluster: "ai/r/a".to_string(),
        priority: 0,
        weight: 1,
        model: None,
        api: Api::OpenAi {
            prefix: "/v1".to_string(),
        },
        credential: Some(Credential {
            header: "authorization".to_string(),
            value: Secret::new(secret.to_string()),
        }),
        budgets: Vec::new(),
        invalid: None,
    };
    let rule = Rule {
        id: "r".to_string(),
        route: "default/r".to_string(),
        namespace: "default".to_string(),
        matches: Vec::new(),
        backends: vec![backend],
        budgets: Vec::new(),
        output_tokens_default: 100,
        output_tokens_min: 1,
        models: Vec::new(),
        kept_headers: Vec::new(),
        costs: Vec::new(),
    };
    Bundle {
        scopes: BTreeMap::from([(
            "s".to_string(),
            Scope {
                rules: vec![rule.into()],
            },
        )]),
        ..Bundle::default()
    }
}

impl Engine {
    /// Settles, and tells of the call, as hosts do: both are written before the client has its
    /// answer.
    async fn conclude(&self, settlement: &Settlement) {
        self.client.settle(settlement).await.unwrap();
        let times = CallTimes {
            duration: Duration::from_micros(1_500),
            first_token: None,
        };
        self.client.call(record(), times, "id".to_string());
    }
}

fn record() -> CallRecord {
    CallRecord {
        operation: "chat".into(),
        consumer: "alice".to_string(),
        team: None,
        route: "default/r".to_string(),
        provider: Some("a".to_string()),
        provider_api: Some("openai".into()),
        model: Some("gpt-5".to_string()),
        served_model: None,
        usage: None,
        estimated: true,
        budget: BudgetDecision::Lowered,
        denied_by: None,
        would_deny: vec!["default/shadow".to_string()],
        warnings: Vec::new(),
        not_measured: Vec::new(),
        top_ups: 2,
        attempts: 1,
        status: 200,
        stream: true,
        ending: Ending::Limited,
    }
}

#[tokio::test]
async fn bundle_with_its_secrets_is_served_and_acknowledged() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let sent = Arc::new(bundle("sk-secret"));
    rig.bundles.send_replace(Arc::clone(&sent));
    eventually(|| {
        let served = rig.served.borrow();
        served.as_ref().is_some_and(|it| Arc::ptr_eq(it, &sent))
    })
    .await;
    assert_eq!(engine.applied.lock().last(), Some(&*sent));
    engine.disconnect().await;
    eventually(|| rig.served.borrow().is_none()).await;
}

#[tokio::test]
async fn record_arrives_whole_with_the_figures() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    let times = CallTimes {
        duration: Duration::from_micros(1_500),
        first_token: None,
    };
    engine.client.call(record(), times, "id-1".to_string());
    eventually(|| *rig.told.0.lock() == [(record(), "id-1".to_string())]).await;
    eventually(|| rig.figures.borrow().in_flight == 7).await;
}

#[tokio::test]
async fn ledger_is_unavailable_while_the_uplink_is_not_connected() {
    let mut rig = Rig::start().await;
    rig.stop().await;
    let engine = rig.engine();
    let refused = engine.client.hold(&request(1)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    rig.serve().await;
    engine.connected().await;
    engine.hold(1).await;
    assert_eq!(rig.standing().await, (0, 15));
}

#[tokio::test]
async fn settlement_waits_for_the_uplink_and_charges_once() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let receipt = engine.hold(1).await;
    let client = engine.disconnect().await;
    let settlement = Settlement {
        receipt,
        charges: vec![12],
    };
    // Taken twice, as by a caller that is not sure.
    for _ in 0..2 {
        assert_eq!(client.settle(&settlement).await.unwrap(), []);
    }
    assert!(!client.is_idle());
    assert_eq!(rig.standing().await, (0, 15));
    let engine = Engine::of(client);
    rig.until_standing((12, 0)).await;
    eventually(|| engine.client.is_idle()).await;
}

#[tokio::test]
async fn engine_that_does_not_come_back_holds_nothing_and_leaves_no_phantom_spend() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let settled = engine.hold(1).await;
    engine.hold(2).await;
    let settlement = Settlement {
        receipt: settled,
        charges: vec![3],
    };
    engine.conclude(&settlement).await;
    engine.disconnect().await;
    rig.until_standing((3, 0)).await;
}

#[tokio::test]
async fn holds_of_a_dead_engine_are_let_go_before_the_server_ends() {
    let mut rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    engine.hold(1).await;
    engine.disconnect().await;
    eventually(|| rig.served.borrow().is_none()).await;
    rig.stop().await;
    assert_eq!(rig.standing().await, (0, 0));
}

#[tokio::test]
async fn engine_that_comes_back_at_once_keeps_its_holds() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let receipt = engine.hold(1).await;
    let other = rig.engine();
    other.connected().await;
    other.hold(2).await;
    let engine = Engine::of(engine.disconnect().await);
    other.disconnect().await;
    engine.connected().await;
    // The other one's time is over, and so is this one's.
    rig.until_standing((0, 15)).await;
    let settlement = Settlement {
        receipt,
        charges: vec![4],
    };
    engine.conclude(&settlement).await;
    rig.until_standing((4, 0)).await;
}

#[tokio::test]
async fn settlement_is_written_even_if_nothing_follows_and_its_waiter_waits_for_nothing() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let settlement = Settlement {
        receipt: engine.hold(1).await,
        charges: vec![7],
    };
    let settled = engine.client.settle(&settlement);
    assert_eq!(
        futures::FutureExt::now_or_never(settled).unwrap().unwrap(),
        []
    );
    rig.until_standing((7, 0)).await;
    eventually(|| engine.client.is_idle()).await;
}

#[tokio::test]
async fn hold_that_another_server_granted_is_settled_by_its_receipt() {
    let mut rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let receipt = engine.hold(1).await;
    // The server that knows the hold is gone before it would let go of it.
    rig.stop().await;
    let client = engine.disconnect().await;
    rig.serve().await;
    let engine = Engine::of(client);
    engine.connected().await;
    let settlement = Settlement {
        receipt,
        charges: vec![6],
    };
    engine.conclude(&settlement).await;
    rig.until_standing((6, 0)).await;
    eventually(|| engine.client.is_idle()).await;
}

#[tokio::test]
async fn receipt_of_a_hold_that_was_asked_for_otherwise_is_told_whole() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let first = engine.hold(1).await;
    let again = HoldRequest {
        charges: Vec::new(),
        ..request(1)
    };
    let HoldOutcome::Granted(receipt) = engine.client.hold(&again).await.unwrap() else {
        panic!("a hold that is live is granted");
    };
    assert_eq!(receipt, first);
}

#[tokio::test]
async fn settlement_of_a_receipt_that_was_replaced_unheard_charges_that_receipt() {
    let rig = Rig::start().await;
    let engine = rig.engine();
    engine.connected().await;
    let receipt = engine.hold(1).await;
    let mut more = request(1);
    more.charges[0].fixed = 100;
    // Asked, and not waited for.
    assert!(engine.client.raise(&more).now_or_never().is_none());
    rig.until_standing((0, 105)).await;
    let settlement = Settlement {
        receipt,
        charges: vec![9],
    };
    engine.conclude(&settlement).await;
    rig.until_standing((9, 0)).await;
    eventually(|| engine.client.is_idle()).await;
}
