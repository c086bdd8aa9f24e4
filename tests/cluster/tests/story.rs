//! The story: a platform team installs Tollgate, agents are served, budgets and rate limits hold
//! over two proxies, strangers are refused, keys rotate, things die or hang, proxies and release
//! are rolled, and all of it goes. One cluster, one release, in the order in which it happens;
//! each step ends with what must be true. What is applied lies in `story/`.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_cluster::{
    Certificate, NAMESPACE, Steady, api_server, apply, ask_link, condition_true, force_delete_pod,
    freeze, install, kill, kubectl, object, pods, processes_of, shell, uninstall, upgrade,
};
use tollgate_harness::{Client, command::repository, eventually_within};

/// Namespace of the agents.
const TEAM: &str = "story";
/// Namespace of somebody else.
const STRANGER: &str = "stranger";
/// This machine does everything at once; what a slow store does to calls is tested elsewhere.
const PATIENT: &str = "redis.deadlineMilliseconds=250";
/// Pods of the Gateway `ai`.
const FLEET: &str = "gateway.networking.k8s.io/gateway-name=ai";
/// Pods of the controller.
const CONTROLLERS: &str = "app.kubernetes.io/name=tollgate,app.kubernetes.io/component=controller";
/// What every user may spend a day on the route `counted`, in tokens; see `story/budget.yaml`.
const TOKENS: u64 = 2000;
/// Calls in flight at both proxies together.
const AT_ONCE: usize = 12;
/// Requests that all together may send a day to the route `plain`; see `story/rate-limit.yaml`.
const REQUESTS: usize = 20;
/// How long the API server hangs.
const OUTAGE: Duration = Duration::from_secs(10);
/// A killed proxy gets no calls any more.
const UNNOTICED_MAX: Duration = Duration::from_secs(3);

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn platform_team_installs_tollgate_and_agents_are_served_within_their_budgets() -> Result<()>
{
    installed_by_helm().await?;
    let address = gateway_is_programmed().await?;
    seed_is_served_to_an_sdk_in_a_pod(&address).await?;
    budget_holds_over_two_proxies().await?;
    rate_limit_holds_over_two_proxies().await?;
    rotated_key_is_live_within_a_second(&address).await?;
    strangers_are_refused_by_the_controller().await?;

    let steady = steady(&address);
    hung_leader_is_replaced_within_ten_seconds(&address).await?;
    nobody_noticed(steady, "the leader hung and was killed").await?;

    let steady = self::steady(&address);
    traffic_goes_on_without_controllers(&address).await?;
    nobody_noticed(steady, "there were no controllers").await?;

    let steady = self::steady(&address);
    traffic_goes_on_while_the_api_server_hangs(&address).await?;
    nobody_noticed(steady, "the API server hung").await?;

    killed_proxy_is_replaced_and_budgets_are_remembered(&address).await?;
    without_redis_budgets_refuse_and_the_rest_is_served(&address).await?;

    let steady = self::steady(&address);
    changed_infrastructure_rolls_the_proxies().await?;
    nobody_noticed(steady, "the proxies were rolled").await?;

    let steady = self::steady(&address);
    upgrade_rolls_everything().await?;
    nobody_noticed(steady, "the release was upgraded").await?;

    uninstalled_without_a_trace().await
}

/// Two charts, and the release's own test.
async fn installed_by_helm() -> Result<()> {
    namespace(NAMESPACE).await?;
    install(&["redis.bundled.enabled=true", PATIENT]).await?;
    assert_eq!(pods(NAMESPACE, CONTROLLERS).await?.len(), 2);
    condition_true("", "gatewayclass/tollgate", "Accepted", MINUTE).await?;
    let said = shell(&format!("helm test tollgate --namespace {NAMESPACE}")).await?;
    ensure!(said.contains("Phase:          Succeeded"), "{said}");
    Ok(())
}

/// A Gateway with two proxies has an address and is programmed.
async fn gateway_is_programmed() -> Result<String> {
    namespace(TEAM).await?;
    apply(TEAM, include_str!("story/provider.yaml")).await?;
    let rollout = ["rollout", "status", "deployment/provider", "-n", TEAM];
    kubectl(&rollout).await?;
    let begun = Instant::now();
    apply(TEAM, include_str!("story/gateway.yaml")).await?;
    let gateway = condition_true(TEAM, "gateway/ai", "Programmed", MINUTE).await?;
    report("Gateway programmed, from kubectl apply", begun);
    let address = gateway["status"]["addresses"][0]["value"].as_str();
    let address = address.context("the Gateway has no address")?.to_string();
    fleet_is("two proxies are ready", |_| true).await?;
    Ok(address)
}

/// The seed as it stands, its providers sent to the simulator, called by OpenAI's SDK in a pod.
async fn seed_is_served_to_an_sdk_in_a_pod(address: &str) -> Result<()> {
    let seed = repository().join("tests/seeds/10-aigatewayroute.yaml");
    apply(
        TEAM,
        &std::fs::read_to_string(seed).context("read the seed")?,
    )
    .await?;
    apply(TEAM, include_str!("story/keys.yaml")).await?;
    apply(TEAM, include_str!("story/steady.yaml")).await?;
    let to_simulator = r#"[
        {"op": "add", "path": "/spec/backends/0/endpoint", "value": "http://provider:8080"},
        {"op": "add", "path": "/spec/backends/1/endpoint", "value": "http://provider:8080"}]"#;
    let route = "aigatewayroutes.gateway.envoyproxy.io/llm-router";
    kubectl(&[
        "patch",
        route,
        "-n",
        TEAM,
        "--type=json",
        "-p",
        to_simulator,
    ])
    .await?;
    condition_true(TEAM, route, "Accepted", MINUTE).await?;
    served(address, "sk-alice-1", "gpt-4", MINUTE).await?;
    let pod = include_str!("story/sdk.yaml").replace("ADDRESS", address);
    apply(TEAM, &pod).await?;
    let done = [
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "pod/sdk",
        "-n",
        TEAM,
        "--timeout=60s",
    ];
    let waited = kubectl(&done).await;
    let said = kubectl(&["logs", "pod/sdk", "-n", TEAM]).await?;
    waited.with_context(|| format!("the SDK said: {said}"))?;
    // At once, and streamed.
    let answers = said.matches("hello from the pod").count();
    ensure!(answers == 2, "{said}");
    Ok(())
}

/// Many calls at once through both proxies: what was used stays within the limit, each proxy knows
/// what the other has charged, that is what the provider has answered with, and both refuse.
async fn budget_holds_over_two_proxies() -> Result<()> {
    apply(TEAM, include_str!("story/budget.yaml")).await?;
    condition_true(TEAM, "tokenbudget/counted", "Enforced", MINUTE).await?;
    let proxies = proxy_addresses().await?;
    ensure!(proxies.len() == 2, "two proxies: {proxies:?}");
    let mut bob = 0;
    for base in &proxies {
        bob += served_at(base, "sk-bob", "counted", MINUTE).await?;
    }
    let (mut used, mut by_proxy) = (0, [0, 0]);
    let alice = Client::new(&proxies[0], Some("sk-alice-1"));
    loop {
        // What is held keeps others out, so that only a wave after all holds is telling.
        alice.settled_ledger("counted", MINUTE).await?;
        let calls: Vec<_> = (0..AT_ONCE)
            .map(|number| {
                let client = Client::new(&proxies[number % 2], Some("sk-alice-1"));
                tokio::spawn(async move { spent(&client).await })
            })
            .collect();
        let mut refused = 0;
        for (number, call) in calls.into_iter().enumerate() {
            match call.await?? {
                Some(tokens) => {
                    used += tokens;
                    by_proxy[number % 2] += tokens;
                }
                None => refused += 1,
            }
        }
        ensure!(used <= TOKENS, "{used} tokens were used, {TOKENS} allowed");
        if refused == AT_ONCE {
            break;
        }
    }
    ensure!(!by_proxy.contains(&0), "{by_proxy:?} used by proxy");
    ensure!(
        used > TOKENS / 2,
        "only {used} of {TOKENS} tokens were used"
    );
    for base in &proxies {
        let client = Client::new(base, Some("sk-alice-1"));
        ensure!(spent(&client).await?.is_none(), "{base} does not refuse");
        let told = client.usage_of("story/counted").await?;
        assert_eq!((told.limit, told.used), (TOKENS, used), "at {base}");
    }
    assert_eq!(answered_by_the_provider("counted").await?, used + bob);
    report_line(&format!(
        "budget of {TOKENS} tokens over two proxies: {used} used, then 429"
    ));
    Ok(())
}

/// Requests through both proxies: as many as the limit says are let in, together.
async fn rate_limit_holds_over_two_proxies() -> Result<()> {
    apply(TEAM, include_str!("story/rate-limit.yaml")).await?;
    let policy = "backendtrafficpolicies.gateway.envoyproxy.io/plain";
    condition_true(TEAM, policy, "Accepted", MINUTE).await?;
    let proxies = proxy_addresses().await?;
    let mut answers = Vec::new();
    for number in 0..2 * REQUESTS {
        let client = Client::new(&proxies[number % 2], None);
        answers.push(client.get("/plain").await?.status().as_u16());
    }
    let (let_in, refused) = answers.split_at(REQUESTS);
    ensure!(
        let_in.iter().all(|it| *it == 200) && refused.iter().all(|it| *it == 429),
        "{REQUESTS} requests are let in, by both proxies together: {answers:?}"
    );
    Ok(())
}

/// A Secret is patched: the new key is let in and the old one is not, at every proxy.
async fn rotated_key_is_live_within_a_second(address: &str) -> Result<()> {
    let begun = Instant::now();
    let patch = r#"{"stringData": {"apiKey": "sk-alice-2"}}"#;
    kubectl(&["patch", "secret", "alice-key", "-n", TEAM, "-p", patch]).await?;
    let written = Instant::now();
    for base in proxy_addresses().await? {
        eventually_within(
            Duration::from_secs(5),
            "the new key is let in, the old one is not",
            || async {
                let status = async |key| {
                    Some(
                        Client::new(&base, Some(key))
                            .get("/v1/models")
                            .await
                            .ok()?
                            .status(),
                    )
                };
                (status("sk-alice-2").await? == 200 && status("sk-alice-1").await? == 401)
                    .then_some(())
            },
        )
        .await?;
    }
    report("key rotated, from kubectl patch", begun);
    ensure!(
        written.elapsed() < Duration::from_secs(1),
        "live after {:?}",
        written.elapsed()
    );
    served(address, "sk-alice-2", "steady", MINUTE)
        .await
        .map(drop)
}

/// Configuration has keys in it: whoever is not a proxy of a Gateway gets none of it.
async fn strangers_are_refused_by_the_controller() -> Result<()> {
    namespace(STRANGER).await?;
    apply(STRANGER, include_str!("story/stranger.yaml")).await?;
    let secret = "secret/other-tollgate-identity";
    eventually_within(MINUTE, "the other fleet has an identity", || async {
        let object = object(STRANGER, secret).await.ok()?;
        object["data"]["tls.crt"].as_str().map(drop)
    })
    .await?;
    let uri = format!("spiffe://tollgate/gateway/{TEAM}/ai");
    let own = Certificate::of_fleet(TEAM, "ai-tollgate-identity").await?;
    let other = Certificate::of_fleet(STRANGER, "other-tollgate-identity").await?;
    let forged = Certificate::of_nobody(&uri, &own).await?;

    let answer = ask_link(&uri, Some(&own), &own).await?;
    ensure!(answer.grpc_status == "0", "its own is let in: {answer:?}");
    for (who, shown) in [("nobody", None), ("a forger", Some(&forged))] {
        let answer = ask_link(&uri, shown, &own).await?;
        ensure!(answer.is_shut_out(), "{who} was let in: {answer:?}");
    }
    let answer = ask_link(&uri, Some(&other), &own).await?;
    ensure!(
        answer.grpc_status == "7" && answer.bytes == 0,
        "the proxies of another Gateway were let in: {answer:?}"
    );
    let delete = ["delete", "namespace", STRANGER, "--wait=false"];
    kubectl(&delete).await.map(drop)
}

/// The leader's processes hang, so it hands nothing over, and then its pod goes. Another leads, and
/// what is written then is served.
async fn hung_leader_is_replaced_within_ten_seconds(address: &str) -> Result<()> {
    let leader = leader().await?.context("nobody leads")?;
    let begun = Instant::now();
    let frozen = freeze(processes_of(&leader)?)?;
    eventually_within(MINUTE, "another controller leads", || async {
        self::leader().await.ok()?.filter(|now| *now != leader)
    })
    .await?;
    let took = begun.elapsed();
    report(
        "another controller leads, from the leader's last word",
        begun,
    );
    ensure!(took < Duration::from_secs(10), "nobody led for {took:?}");
    force_delete_pod(NAMESPACE, &leader).await?;
    drop(frozen);
    new_route_is_served(address, "after-failover").await?;
    controllers_are_ready().await
}

/// All controllers go: the proxies serve what they have.
async fn traffic_goes_on_without_controllers(address: &str) -> Result<()> {
    let scale = async |count: &str| {
        kubectl(&[
            "scale",
            "deployment/tollgate-controller",
            "-n",
            NAMESPACE,
            count,
        ])
        .await
    };
    scale("--replicas=0").await?;
    eventually_within(MINUTE, "no controller is there", || async {
        pods(NAMESPACE, CONTROLLERS)
            .await
            .ok()?
            .is_empty()
            .then_some(())
    })
    .await?;
    served(address, "sk-alice-2", "gpt-4", Duration::ZERO).await?;
    scale("--replicas=2").await?;
    controllers_are_ready().await?;
    new_route_is_served(address, "after-absence").await
}

/// The API server hangs: what is there is served. When it is back, what is written then is too, and
/// no controller had to be started again.
async fn traffic_goes_on_while_the_api_server_hangs(address: &str) -> Result<()> {
    let before = controller_processes().await?;
    let frozen = freeze(vec![api_server()?])?;
    let begun = Instant::now();
    while begun.elapsed() < OUTAGE {
        served(address, "sk-bob", "steady", Duration::ZERO).await?;
    }
    drop(frozen);
    let back = Instant::now();
    new_route_is_served(address, "after-outage").await?;
    report("a new route is served, from the API server's return", back);
    controllers_are_ready().await?;
    assert_eq!(controller_processes().await?, before);
    Ok(())
}

/// A proxy dies: at most its own calls fail. The other serves, a new one comes, and what was spent
/// is known to it.
async fn killed_proxy_is_replaced_and_budgets_are_remembered(address: &str) -> Result<()> {
    let before = alice(address).await?;
    let steady = steady(address);
    let killed = name_of(pods(TEAM, FLEET).await?.first().context("a proxy")?)?;
    let begun = Instant::now();
    kill(&processes_of(&killed)?)?;
    force_delete_pod(TEAM, &killed).await?;
    fleet_is(
        "two proxies are ready, none of them the killed one",
        |pod| name_of(pod).is_ok_and(|name| name != killed),
    )
    .await?;
    report("two proxies are ready, from the death of one", begun);
    for base in proxy_addresses().await? {
        served_at(&base, "sk-bob", "steady", MINUTE).await?;
        let told = Client::new(&base, Some("sk-alice-2"))
            .usage_of("story/counted")
            .await?;
        assert_eq!(told.used, before, "at {base}");
    }
    let calls = steady.end().await?;
    let late = calls
        .failures
        .iter()
        .find(|(at, _)| *at > begun + UNNOTICED_MAX);
    ensure!(late.is_none(), "a call {UNNOTICED_MAX:?} after: {late:?}");
    report_line(&format!(
        "a proxy was killed: {} calls served, {} failed",
        calls.served,
        calls.failures.len()
    ));
    Ok(())
}

/// Redis goes: a call that a budget counts is refused with 503, every other one is served.
async fn without_redis_budgets_refuse_and_the_rest_is_served(address: &str) -> Result<()> {
    let scale = async |count: &str| {
        kubectl(&["scale", "deployment/tollgate-redis", "-n", NAMESPACE, count]).await
    };
    scale("--replicas=0").await?;
    let client = Client::new(&format!("http://{address}"), Some("sk-bob"));
    eventually_within(MINUTE, "counted calls are refused with 503", || async {
        (client.say("counted", "hello").await.ok()?.0 == 503).then_some(())
    })
    .await?;
    served(address, "sk-bob", "steady", Duration::ZERO).await?;
    scale("--replicas=1").await?;
    served(address, "sk-bob", "counted", MINUTE).await.map(drop)
}

/// The EnvoyProxy changes: every proxy is replaced.
async fn changed_infrastructure_rolls_the_proxies() -> Result<()> {
    let begun = Instant::now();
    let change = json!({"spec": {"provider": {"kubernetes": {"envoyDeployment": {
        "replicas": 2, "pod": {"annotations": {"story": "rolled"}}}}}}});
    let change = change.to_string();
    let patch = [
        "patch",
        "envoyproxies.gateway.envoyproxy.io/two",
        "-n",
        TEAM,
    ];
    kubectl(&[&patch[..], &["--type=merge", "-p", &change]].concat()).await?;
    fleet_is("every proxy is as the EnvoyProxy says", |pod| {
        pod["metadata"]["annotations"]["story"] == "rolled"
    })
    .await?;
    report("proxies rolled", begun);
    Ok(())
}

/// `helm upgrade` to another image: controllers and proxies run it.
async fn upgrade_rolls_everything() -> Result<()> {
    let begun = Instant::now();
    upgrade(&["image.tag=next"]).await?;
    fleet_is("every proxy runs the new image", |pod| {
        let image = pod["spec"]["containers"][0]["image"].as_str();
        image.is_some_and(|image| image.ends_with(":next"))
    })
    .await?;
    report("controllers and proxies upgraded", begun);
    Ok(())
}

/// The team leaves, the release is uninstalled: only definitions stay.
async fn uninstalled_without_a_trace() -> Result<()> {
    kubectl(&["delete", "namespace", TEAM, "--timeout=100s"]).await?;
    uninstall().await?;
    let definitions = kubectl(&["get", "crd", "-o", "name"]).await?;
    ensure!(
        definitions.contains("tokenbudgets.tollgate.dev"),
        "{definitions}"
    );
    ensure!(
        definitions.contains("gateways.gateway.networking.k8s.io"),
        "{definitions}"
    );
    kubectl(&["delete", "namespace", NAMESPACE, "--timeout=100s"])
        .await
        .map(drop)
}

// === what the steps ask ===

/// A namespace that lets in nothing but what Pod Security calls restricted.
async fn namespace(name: &str) -> Result<()> {
    kubectl(&["create", "namespace", name]).await?;
    let level = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&["label", "namespace", name, level])
        .await
        .map(drop)
}

/// Waits until a short call is answered with 200: its tokens.
async fn served(address: &str, key: &str, model: &str, patience: Duration) -> Result<u64> {
    served_at(&format!("http://{address}"), key, model, patience).await
}

async fn served_at(base: &str, key: &str, model: &str, patience: Duration) -> Result<u64> {
    let client = Client::new(base, Some(key));
    let last = std::cell::RefCell::new(String::new());
    let waited = eventually_within(
        patience,
        &format!("{model} is served at {base}"),
        || async {
            let answer = client.say(model, "hello").await;
            *last.borrow_mut() = format!("{answer:?}");
            let (status, body) = answer.ok()?;
            let tokens = body["usage"]["total_tokens"].as_u64();
            tokens.filter(|_| status == 200)
        },
    )
    .await;
    waited.with_context(|| last.borrow().clone())
}

/// Tokens of a call that a budget counts; `None` where the budget refuses it.
async fn spent(client: &Client) -> Result<Option<u64>> {
    match client.say("counted", "hello [[sim output=40]]").await? {
        (200, body) => body["usage"]["total_tokens"]
            .as_u64()
            .context("usage")
            .map(Some),
        (429, _) => Ok(None),
        (status, body) => anyhow::bail!("{status}: {body}"),
    }
}

/// Tokens of a model that the provider has taken in and sent, by its own count.
async fn answered_by_the_provider(model: &str) -> Result<u64> {
    let service = object(TEAM, "service/provider").await?;
    let address = service["spec"]["clusterIP"]
        .as_str()
        .context("an address")?;
    let client = Client::new(&format!("http://{address}:8080"), None);
    let tally: Value = client.get("/_control/tally").await?.json().await?;
    let rows = tally["rows"].as_array().into_iter().flatten();
    let of_model = rows.filter(|row| row["model"] == model);
    Ok(of_model
        .flat_map(|row| [&row["input"], &row["output"]])
        .filter_map(Value::as_u64)
        .sum())
}

/// What is written now is accepted and served.
async fn new_route_is_served(address: &str, model: &str) -> Result<()> {
    let route = include_str!("story/steady.yaml").replace("steady", model);
    // The API server may not be itself yet.
    eventually_within(MINUTE, "the API server takes a route", || async {
        apply(TEAM, &route).await.ok()
    })
    .await?;
    let route = format!("aigatewayroutes.gateway.envoyproxy.io/{model}");
    condition_true(TEAM, &route, "Accepted", MINUTE).await?;
    served(address, "sk-alice-2", model, MINUTE).await.map(drop)
}

/// Waits until the fleet is two proxies, ready, each of them like this, and no other pod.
async fn fleet_is(what: &str, like: impl Fn(&Value) -> bool) -> Result<()> {
    let like = &like;
    eventually_within(2 * MINUTE, what, || async {
        let serving = pods(TEAM, FLEET).await.ok()?;
        let all = ["get", "pods", "-n", TEAM, "-l", FLEET, "-o", "name"];
        let all = kubectl(&all).await.ok()?;
        let whole = serving.len() == 2 && all.lines().count() == 2;
        (whole && serving.iter().all(like)).then_some(())
    })
    .await
}

async fn controllers_are_ready() -> Result<()> {
    eventually_within(MINUTE, "two controllers are ready", || async {
        (pods(NAMESPACE, CONTROLLERS).await.ok()?.len() == 2).then_some(())
    })
    .await
}

/// Processes of the controllers.
async fn controller_processes() -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for pod in pods(NAMESPACE, CONTROLLERS).await? {
        found.extend(processes_of(&name_of(&pod)?)?);
    }
    Ok(found)
}

/// Callers that should notice nothing of what follows.
fn steady(address: &str) -> Steady {
    Steady::begin(&format!("http://{address}"), "sk-alice-2", "steady")
}

/// What alice has used of the budget `counted`.
async fn alice(address: &str) -> Result<u64> {
    let client = Client::new(&format!("http://{address}"), Some("sk-alice-2"));
    Ok(client.usage_of("story/counted").await?.used)
}

/// Base URL of each proxy's own port of the listener.
async fn proxy_addresses() -> Result<Vec<String>> {
    let pods = pods(TEAM, FLEET).await?;
    let ips = pods
        .iter()
        .map(|pod| pod["status"]["podIP"].as_str().context("a pod's address"));
    ips.map(|ip| Ok(format!("http://{}:10080", ip?))).collect()
}

/// The pod that holds the lease.
async fn leader() -> Result<Option<String>> {
    let lease = object(NAMESPACE, "lease/tollgate-controller").await?;
    let holder = lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let all = kubectl(&[
        "get",
        "pods",
        "-n",
        NAMESPACE,
        "-l",
        CONTROLLERS,
        "-o",
        "json",
    ])
    .await?;
    let all: Value = serde_json::from_str(&all).context("read pods")?;
    let names = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|pod| name_of(pod).ok());
    Ok(names
        .into_iter()
        .find(|name| holder.contains(name.as_str())))
}

fn name_of(pod: &Value) -> Result<String> {
    let name = pod["metadata"]["name"].as_str();
    Ok(name.context("a pod's name")?.to_string())
}

async fn nobody_noticed(steady: Steady, meanwhile: &str) -> Result<()> {
    let calls = steady.end().await?;
    let first: Vec<&String> = calls
        .failures
        .iter()
        .map(|(_, said)| said)
        .take(5)
        .collect();
    ensure!(
        calls.failures.is_empty() && calls.served > 50,
        "while {meanwhile}, {} calls were served and {} failed: {first:#?}",
        calls.served,
        calls.failures.len(),
    );
    report_line(&format!(
        "while {meanwhile}: {} calls served, none failed",
        calls.served
    ));
    Ok(())
}

fn report(what: &str, begun: Instant) {
    report_line(&format!("{what}: {:.2} s", begun.elapsed().as_secs_f64()));
}

#[expect(
    clippy::print_stdout,
    reason = "figures of the story, read with --nocapture"
)]
fn report_line(line: &str) {
    println!("  {}", json!(line));
}
