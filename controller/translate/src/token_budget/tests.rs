//! That nothing under a budget is ever free, whatever the budget says.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_bundle::Subject;
use tollgate_crds::tollgate::TokenBudget;
use tollgate_crds::{Object, parse_object};
use tollgate_ir::AiRule;

use crate::status::{Condition, ConditionStatus};
use crate::tests::standalone;
use crate::{BrokenBudget, ObjectRef, Translation, World, translate};

/// A route, another one, and documents that are meant to be budgets; those that cannot be read
/// are noted as such, as the source of files does.
fn world(documents: &[Value]) -> World {
    let mut world = empty_world();
    for document in documents {
        match parse_object(document.clone()) {
            Ok(object) => world.insert(object),
            Err(error) => {
                let broken = BrokenBudget::read(document).unwrap();
                world.insert_broken_budget(broken.because(error.to_string()));
            }
        }
    }
    world
}

/// The same, without the rules of the schema: whatever has the right types is taken.
fn unchecked_world(documents: &[Value]) -> World {
    let mut world = empty_world();
    for document in documents {
        match serde_json::from_value::<TokenBudget>(document.clone()) {
            Ok(budget) => world.insert(Object::TokenBudget(Box::new(budget))),
            Err(error) => {
                let broken = BrokenBudget::read(document).unwrap();
                world.insert_broken_budget(broken.because(error.to_string()));
            }
        }
    }
    world
}

/// Two routes and a price table.
fn empty_world() -> World {
    let route = |name: &str, model: &str| {
        json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "AIGatewayRoute",
            "metadata": {"name": name},
            "spec": {"backends": [{"name": "openai", "provider": "openai", "model": model}]}})
    };
    let prices = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prices"},
        "data": {"gpt-4": "{input: 1, output: 2}"}});
    let objects = [route("llm", "gpt-4"), route("free", "gpt-5"), prices];
    objects
        .into_iter()
        .map(|object| parse_object(object).unwrap())
        .collect()
}

/// A budget of route `llm`.
fn budget(name: &str, fields: &Value) -> Value {
    let mut spec = json!({
        "targetRefs": [{"group": "gateway.envoyproxy.io", "kind": "AIGatewayRoute", "name": "llm"}],
        "limits": [{"tokens": 7, "window": "Day"}],
    });
    for (name, value) in fields.as_object().unwrap() {
        spec[name] = value.clone();
    }
    json!({"apiVersion": "tollgate.dev/v1alpha1", "kind": "TokenBudget",
        "metadata": {"name": name}, "spec": spec})
}

fn rule<'a>(translation: &'a Translation, id: &str) -> &'a AiRule {
    let gateway = &translation.ir.gateways["default/tollgate"];
    let hosts = gateway
        .listeners
        .iter()
        .flat_map(tollgate_ir::Listener::virtual_hosts);
    hosts
        .filter_map(|host| host.ai.as_ref())
        .flat_map(|scope| &scope.rules)
        .find(|rule| rule.rule.id == id)
        .unwrap()
}

fn condition<'a>(translation: &'a Translation, name: &str, kind: &str) -> Option<&'a Condition> {
    let object = ObjectRef {
        group: "tollgate.dev".to_string(),
        kind: "TokenBudget".to_string(),
        namespace: Some("default".to_string()),
        name: name.to_string(),
    };
    let status = translation.statuses.of(&object)?;
    status.conditions.iter().find(|it| it.kind == kind)
}

fn refuses(rule: &AiRule) -> bool {
    rule.rule.backends.iter().all(|it| it.invalid.is_some())
        && rule.destinations.iter().all(Option::is_none)
}

#[test]
fn a_document_that_is_no_valid_budget_makes_its_route_refuse_and_no_other() {
    let wrong = json!({"limits": [{"tokens": -1, "window": "Day"}]});
    let translation = translate(&world(&[budget("daily", &wrong)]), &standalone());
    let refusing = rule(&translation, "default/llm/0");
    assert!(refuses(refusing), "{refusing:?}");
    let why = refusing.rule.backends[0].invalid.as_deref().unwrap();
    assert!(
        why.contains("spec.limits[0].tokens: -1 must be at least 0"),
        "{why}"
    );
    assert!(!refuses(rule(&translation, "default/free/0")));
    for kind in ["Accepted", "Enforced"] {
        let condition = condition(&translation, "daily", kind).unwrap();
        assert_eq!(condition.status, ConditionStatus::False, "{condition:?}");
    }
}

#[test]
fn a_document_whose_targets_cannot_be_read_makes_its_namespace_refuse() {
    let wrong = json!({"targetRefs": "llm"});
    let translation = translate(&world(&[budget("daily", &wrong)]), &standalone());
    assert!(refuses(rule(&translation, "default/llm/0")));
    assert!(refuses(rule(&translation, "default/free/0")));
}

#[test]
fn a_document_of_another_kind_is_no_broken_budget() {
    for document in [
        json!({"apiVersion": "v1", "kind": "TokenBudget"}),
        json!({"apiVersion": "tollgate.dev/v1alpha1", "kind": "Consumer"}),
        json!({"kind": "TokenBudget"}),
        json!([]),
    ] {
        assert_eq!(BrokenBudget::read(&document), None);
    }
    let newer =
        json!({"apiVersion": "tollgate.dev/v9", "kind": "TokenBudget", "metadata": {"name": "a"}});
    assert!(BrokenBudget::read(&newer).is_some());
}

#[test]
fn of_two_budgets_with_one_name_the_first_holds_and_what_the_other_is_for_refuses() {
    let mut world = world(&[budget("daily", &json!({}))]);
    let other = json!({"targetRefs": [{"group": "gateway.envoyproxy.io", "kind": "AIGatewayRoute", "name": "free"}]});
    let other = parse_object(budget("daily", &other)).unwrap();
    world.note_duplicate(&other, "a.yaml:7");
    let translation = translate(&world, &standalone());
    let held = rule(&translation, "default/llm/0");
    assert_eq!(held.rule.budgets, ["default/daily"]);
    assert!(!refuses(held));
    assert!(refuses(rule(&translation, "default/free/0")));
    let conflicted = condition(&translation, "daily", "Conflicted").unwrap();
    assert_eq!(
        conflicted.message,
        "metadata.name: the one at a.yaml:7 has the name of another, this one, and is not in effect; what it alone applies to refuses requests"
    );
    let accepted = condition(&translation, "daily", "Accepted").unwrap();
    assert_eq!(accepted.status, ConditionStatus::True);
}

#[test]
fn a_document_that_is_not_valid_is_told_on_the_budget_that_has_its_name() {
    let wrong = json!({"limits": [{"tokens": -1, "window": "Day"}]});
    let documents = [budget("daily", &json!({})), budget("daily", &wrong)];
    let translation = translate(&world(&documents), &standalone());
    let held = rule(&translation, "default/llm/0");
    assert_eq!(held.rule.budgets, ["default/daily"]);
    assert!(!refuses(held));
    let conflicted = condition(&translation, "daily", "Conflicted").unwrap();
    assert!(
        conflicted
            .message
            .starts_with("metadata.name: another of this name is not valid: "),
        "{conflicted:?}"
    );
}

#[test]
fn a_broken_budget_named_like_its_route_is_not_taken_for_the_routes_own() {
    let own = json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "AIGatewayRoute",
        "metadata": {"name": "llm"}, "spec": {
            "backends": [{"name": "openai", "provider": "openai", "model": "gpt-4"}],
            "rateLimit": {"tokenBudget": {"perUser": 7}}}});
    let mut world = world(&[budget("llm", &json!({"limits": []}))]);
    world.insert(parse_object(own).unwrap());
    let translation = translate(&world, &standalone());
    assert!(refuses(rule(&translation, "default/llm/0")));
}

#[test]
fn a_budget_that_stands_twice_word_for_word_is_one_budget() {
    let mut world = world(&[budget("daily", &json!({}))]);
    let same = parse_object(budget("daily", &json!({}))).unwrap();
    world.note_duplicate(&same, "a.yaml:7");
    let translation = translate(&world, &standalone());
    assert!(!refuses(rule(&translation, "default/llm/0")));
    assert!(condition(&translation, "daily", "Conflicted").is_none());
}

#[test]
fn a_shadow_that_cannot_count_says_so_and_stops_nobody() {
    for fields in [
        json!({"mode": "Shadow", "limits": []}),
        json!({"mode": "Shadow", "limits": [{"tokens": 1, "window": "Day", "timeZone": "Nowhere"}]}),
        json!({"mode": "Shadow", "meter": "Money", "prices": {"name": "none"}, "limits": [{"cost": 1, "window": "Day"}]}),
    ] {
        let translation = translate(&world(&[budget("trial", &fields)]), &standalone());
        let served = rule(&translation, "default/llm/0");
        assert!(
            !refuses(served) && served.rule.budgets.is_empty(),
            "{fields}"
        );
        let enforced = condition(&translation, "trial", "Enforced").unwrap();
        assert_eq!(enforced.status, ConditionStatus::False, "{enforced:?}");
    }
}

fn amount() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(0)),
        Just(json!(-1)),
        Just(json!(i64::MAX)),
        Just(json!(u64::MAX)),
        Just(json!("7")),
        (1_u64..1_000_000).prop_map(Value::from),
    ]
}

fn limit() -> impl Strategy<Value = Value> {
    let words = |words: &'static [&'static str]| prop::sample::select(words).prop_map(Value::from);
    (
        words(&["tokens", "requests", "cost"]),
        amount(),
        words(&[
            "Second", "Day", "Month", "Year", "Lifetime", "Sliding", "Decade",
        ]),
        prop::option::weighted(0.3, words(&["0s", "1s", "5h", "8784h", "9999h", "soon"])),
        prop::option::weighted(0.3, words(&["UTC", "Asia/Tokyo", "Mars/Olympus", ""])),
    )
        .prop_map(|(unit, amount, window, duration, zone)| {
            let mut limit = json!({"window": window});
            limit[unit.as_str().unwrap()] = amount;
            for (name, value) in [("duration", duration), ("timeZone", zone)] {
                if let Some(value) = value {
                    limit[name] = value;
                }
            }
            limit
        })
}

/// Fields of a budget, right and wrong.
fn fields() -> impl Strategy<Value = Value> {
    let field = |name: &'static str, values: Vec<Value>| {
        prop::option::weighted(0.4, prop::sample::select(values))
            .prop_map(move |value| value.map(|value| (name, value)))
    };
    let from = json!({"header": "x-user", "trusted": true});
    (
        prop::option::weighted(0.6, prop::collection::vec(limit(), 0..4)),
        field(
            "subject",
            [
                "User",
                "Team",
                "Backend",
                "Header",
                "JWTClaim",
                "ClientCertificate",
                "Me",
            ]
            .map(Value::from)
            .to_vec(),
        ),
        field(
            "subjectFrom",
            vec![
                from,
                json!({"header": "Authorization"}),
                json!({"header": "x-user"}),
                json!({"claim": "sub"}),
                json!(1),
            ],
        ),
        field(
            "meter",
            [
                "Total",
                "Reasoning",
                "Requests",
                "Expression",
                "Money",
                "Luck",
            ]
            .map(Value::from)
            .to_vec(),
        ),
        field(
            "expression",
            ["total_tokens", "-1", "(", ""].map(Value::from).to_vec(),
        ),
        field(
            "prices",
            vec![
                json!({"name": "prices"}),
                json!({"name": "none"}),
                json!({}),
            ],
        ),
        field(
            "mode",
            ["Strict", "Overcommit", "Shadow"].map(Value::from).to_vec(),
        ),
        field(
            "overcommit",
            vec![json!({"percent": 30}), json!({"percent": 100})],
        ),
        field(
            "onStoreFailure",
            ["Closed", "Open", "Leased"].map(Value::from).to_vec(),
        ),
        field(
            "lease",
            vec![
                json!({"tokens": 1}),
                json!({"cost": 1}),
                json!({"requests": 0}),
            ],
        ),
    )
        .prop_map(|(limits, a, b, c, d, e, f, g, h, i)| {
            let mut fields = json!({});
            if let Some(limits) = limits {
                fields["limits"] = limits.into();
            }
            for (name, value) in [a, b, c, d, e, f, g, h, i].into_iter().flatten() {
                fields[name] = value;
            }
            fields
        })
}

/// A route of Envoy AI Gateway with backends `dear` and `cheap`.
fn add_service_backends(world: &mut World) {
    let object = |api: &str, kind: &str, name: &str, spec: Value| json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let (gateway, ai) = (
        "gateway.envoyproxy.io/v1alpha1",
        "aigateway.envoyproxy.io/v1beta1",
    );
    let at = json!({"endpoints": [{"fqdn": {"hostname": "a.example", "port": 80}}]});
    let service = json!({"schema": {"name": "OpenAI"},
        "backendRef": {"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "a"}});
    let rules = json!({"rules": [{
        "matches": [{"headers": [{"name": "x-ai-eg-model", "value": "gpt-6"}]}],
        "backendRefs": [{"name": "dear"}, {"name": "cheap", "priority": 1}]}]});
    for object in [
        object(gateway, "Backend", "a", at),
        object(ai, "AIServiceBackend", "dear", service.clone()),
        object(ai, "AIServiceBackend", "cheap", service),
        object(ai, "AIGatewayRoute", "chat", rules),
    ] {
        world.insert(parse_object(object).unwrap());
    }
}

proptest! {
    /// The same for one backend of a rule: it is held or not used, and the other is as before.
    #[test]
    fn a_backend_under_a_budget_is_held_or_not_used_whatever_the_budget_says(
        fields in fields(),
        checked in any::<bool>(),
    ) {
        let mut fields = fields;
        fields["targetRefs"] = json!([{"group": "aigateway.envoyproxy.io", "kind": "AIServiceBackend", "name": "dear"}]);
        let documents = [budget("one", &fields)];
        let mut world = if checked { world(&documents) } else { unchecked_world(&documents) };
        add_service_backends(&mut world);
        let translation = translate(&world, &standalone());
        let rule = rule(&translation, "default/chat/0");
        let [dear, cheap] = rule.rule.backends.as_slice() else { panic!("{rule:?}") };
        let held = dear.budgets == ["default/one"];
        let unused = dear.invalid.is_some() && rule.destinations[0].is_none();
        prop_assert!(held != unused || fields["mode"] == "Shadow", "{fields}: {dear:?}");
        let defined = translation.ir.gateways["default/tollgate"].budgets.contains_key("default/one");
        prop_assert_eq!(held, defined);
        prop_assert!(rule.rule.budgets.is_empty() && cheap.budgets.is_empty());
        prop_assert!(cheap.invalid.is_none() && rule.destinations[1].is_some());
        prop_assert!(!refuses(self::rule(&translation, "default/llm/0")));
    }

    /// The route is held against the budget as it is defined, or it refuses; the conditions say
    /// which; the route beside it is served.
    #[test]
    fn a_route_under_a_budget_is_held_or_refuses_whatever_the_budget_says(
        fields in fields(),
        other in fields(),
        checked in any::<bool>(),
    ) {
        let documents = [budget("one", &fields), budget("two", &other)];
        let world = if checked { world(&documents) } else { unchecked_world(&documents) };
        let translation = translate(&world, &standalone());
        let gateway = &translation.ir.gateways["default/tollgate"];
        let under = rule(&translation, "default/llm/0");
        let mut all_valid = true;
        for (name, fields) in [("one", &fields), ("two", &other)] {
            let id = format!("default/{name}");
            let held = under.rule.budgets.contains(&id);
            // A shadow guards nothing.
            let guarded = fields["mode"] != "Shadow";
            prop_assert!(held || refuses(under) || !guarded, "{id} neither holds nor refuses: {fields}");
            prop_assert_eq!(held, gateway.budgets.contains_key(&id));
            all_valid &= held || !guarded;
            let enforced = condition(&translation, name, "Enforced").unwrap();
            let accepted = condition(&translation, name, "Accepted").unwrap();
            let known = gateway.budgets.get(&id).is_some_and(|it| {
                // No listener here verifies certificates.
                !matches!(it.subject, Subject::Unknown(_) | Subject::ClientCertificate)
            });
            prop_assert_eq!(enforced.status == ConditionStatus::True, known, "{:?}", enforced);
            let told = [accepted.status, enforced.status].contains(&ConditionStatus::False);
            prop_assert!(held || told, "{:?}", accepted);
            prop_assert!(!enforced.message.is_empty() && !accepted.message.is_empty());
        }
        prop_assert_eq!(refuses(under), !all_valid);
        prop_assert!(!refuses(rule(&translation, "default/free/0")));
    }
}
