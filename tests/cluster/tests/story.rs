//! The story: a platform team installs Tollgate, agents are served, budgets hold over two proxies,
//! keys rotate, things die, the release is upgraded and uninstalled. One cluster, one release, in
//! the order in which it happens; each step ends with what must be true.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tollgate_cluster::{
    NAMESPACE, Steady, apply, condition_true, force_delete_pod, install, kubectl, leftovers,
    object, pods, shell, uninstall, upgrade,
};
use tollgate_harness::{Client, command::repository, eventually_within};

/// Namespace of the agents.
const TEAM: &str = "story";
/// Pods of the Gateway `ai`.
const FLEET: &str = "gateway.networking.k8s.io/gateway-name=ai";
/// Pods of the controller.
const CONTROLLERS: &str = "app.kubernetes.io/name=tollgate,app.kubernetes.io/component=controller";
/// What every user may spend a day on the route `counted`, in tokens.
const LIMIT: u64 = 2000;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn platform_team_installs_tollgate_and_agents_are_served_within_their_budgets() -> Result<()>
{
    installed_by_helm().await?;
    let address = gateway_is_programmed().await?;
    seed_is_served_to_an_sdk_in_a_pod(&address).await?;
    budget_holds_over_two_proxies().await?;
    rotated_key_is_live_within_a_second(&address).await?;

    let steady = Steady::begin(&format!("http://{address}"), "sk-alice-2", "steady");
    killed_leader_is_replaced_within_ten_seconds(&address).await?;
    traffic_goes_on_without_controllers(&address).await?;
    nobody_noticed(steady, "the controllers were killed").await?;

    killed_proxy_is_replaced_and_budgets_are_remembered(&address).await?;
    without_redis_budgets_refuse_and_the_rest_is_served(&address).await?;

    let steady = Steady::begin(&format!("http://{address}"), "sk-alice-2", "steady");
    upgrade_rolls_everything().await?;
    nobody_noticed(steady, "the release was upgraded").await?;

    uninstalled_without_a_trace().await
}

/// Two charts, and the release's own test.
async fn installed_by_helm() -> Result<()> {
    namespace(NAMESPACE).await?;
    install(&["redis.bundled.enabled=true"]).await?;
    assert_eq!(pods(NAMESPACE, CONTROLLERS).await?.len(), 2);
    condition_true("", "gatewayclass/tollgate", "Accepted", MINUTE).await?;
    let said = shell(&format!("helm test tollgate --namespace {NAMESPACE}")).await?;
    ensure!(said.contains("Phase:          Succeeded"), "{said}");
    Ok(())
}

/// A Gateway with two proxies has an address and is programmed.
async fn gateway_is_programmed() -> Result<String> {
    namespace(TEAM).await?;
    apply(TEAM, PROVIDER).await?;
    let begun = Instant::now();
    apply(TEAM, GATEWAY).await?;
    let gateway = condition_true(TEAM, "gateway/ai", "Programmed", MINUTE).await?;
    report("Gateway programmed, from kubectl apply", begun);
    let address = gateway["status"]["addresses"][0]["value"].as_str();
    let address = address.context("the Gateway has no address")?.to_string();
    eventually_within(MINUTE, "two proxies are ready", || async {
        (pods(TEAM, FLEET).await.ok()?.len() == 2).then_some(())
    })
    .await?;
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
    apply(TEAM, KEYS).await?;
    apply(TEAM, ROUTES).await?;
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
    apply(TEAM, &SDK_POD.replace("ADDRESS", address)).await?;
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
    ensure!(said.contains("hello from the pod"), "{said}");
    Ok(())
}

/// Many calls at once through both proxies: what was used stays within the limit, and each proxy
/// knows what the other has charged.
async fn budget_holds_over_two_proxies() -> Result<()> {
    condition_true(TEAM, "tokenbudget/counted", "Enforced", MINUTE).await?;
    let proxies = proxy_addresses().await?;
    ensure!(proxies.len() == 2, "two proxies: {proxies:?}");
    for base in &proxies {
        served_at(base, "sk-bob", "counted", MINUTE).await?;
    }
    let mut calls = Vec::new();
    for number in 0..120 {
        let client = Client::new(&proxies[number % 2], Some("sk-alice-1"));
        calls.push(tokio::spawn(async move {
            (
                number % 2,
                client.say("counted", "hello [[sim output=40]]").await,
            )
        }));
    }
    let (mut used, mut refused, mut by_proxy) = (0, 0, BTreeSet::new());
    for call in calls {
        let (proxy, outcome) = call.await?;
        match outcome? {
            (200, body) => {
                used += body["usage"]["total_tokens"].as_u64().context("usage")?;
                by_proxy.insert(proxy);
            }
            (429, _) => refused += 1,
            (status, body) => anyhow::bail!("{status}: {body}"),
        }
    }
    ensure!(
        used <= LIMIT,
        "{used} tokens were used, {LIMIT} are allowed"
    );
    ensure!(used > LIMIT / 2, "only {used} of {LIMIT} tokens were used");
    ensure!(
        refused > 0 && by_proxy.len() == 2,
        "{refused} refused, proxies {by_proxy:?} served"
    );
    for base in &proxies {
        let told = Client::new(base, Some("sk-alice-1"))
            .usage_of("story/counted")
            .await?;
        assert_eq!((told.limit, told.used), (LIMIT, used), "at {base}");
    }
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
    served(address, "sk-alice-2", "steady", MINUTE).await
}

/// The leader's pod goes at once. Another leads, and what is written then is served.
async fn killed_leader_is_replaced_within_ten_seconds(address: &str) -> Result<()> {
    let leader = leader().await?.context("nobody leads")?;
    let begun = Instant::now();
    force_delete_pod(NAMESPACE, &leader).await?;
    eventually_within(MINUTE, "another controller leads", || async {
        self::leader().await.ok()?.filter(|now| *now != leader)
    })
    .await?;
    let took = begun.elapsed();
    report("another controller leads, from the kill", begun);
    ensure!(took < Duration::from_secs(10), "nobody led for {took:?}");
    apply(TEAM, &ROUTES.replace("steady", "after-failover")).await?;
    let route = "aigatewayroutes.gateway.envoyproxy.io/after-failover";
    condition_true(TEAM, route, "Accepted", MINUTE).await?;
    served(address, "sk-alice-2", "after-failover", MINUTE).await
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
    eventually_within(MINUTE, "two controllers are ready", || async {
        (pods(NAMESPACE, CONTROLLERS).await.ok()?.len() == 2).then_some(())
    })
    .await
}

/// A proxy's pod goes at once. The other serves, a new one comes, and what was spent is known to it.
async fn killed_proxy_is_replaced_and_budgets_are_remembered(address: &str) -> Result<()> {
    let before = alice(address).await?;
    let killed = name_of(pods(TEAM, FLEET).await?.first().context("a proxy")?)?;
    force_delete_pod(TEAM, &killed).await?;
    eventually_within(
        MINUTE,
        "two proxies are ready, none of them the killed one",
        || async {
            let names: Vec<String> = pods(TEAM, FLEET)
                .await
                .ok()?
                .iter()
                .filter_map(|pod| name_of(pod).ok())
                .collect();
            (names.len() == 2 && !names.contains(&killed)).then_some(())
        },
    )
    .await?;
    for base in proxy_addresses().await? {
        served_at(&base, "sk-bob", "steady", MINUTE).await?;
        let told = Client::new(&base, Some("sk-alice-2"))
            .usage_of("story/counted")
            .await?;
        assert_eq!(told.used, before, "at {base}");
    }
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
    served(address, "sk-bob", "counted", MINUTE).await
}

/// `helm upgrade` to another image: controllers and proxies run it.
async fn upgrade_rolls_everything() -> Result<()> {
    let begun = Instant::now();
    upgrade(&["image.tag=next"]).await?;
    eventually_within(3 * MINUTE, "every proxy runs the new image", || async {
        let all = pods(TEAM, FLEET).await.ok()?;
        let new = all.iter().filter(|pod| {
            let image = pod["spec"]["containers"][0]["image"].as_str();
            image.is_some_and(|image| image.ends_with(":next"))
        });
        (all.len() == 2 && new.count() == 2).then_some(())
    })
    .await?;
    report("controllers and proxies upgraded", begun);
    let listed = kubectl(&["get", "pods", "-n", TEAM, "-l", FLEET, "-o", "name"]).await?;
    eventually_within(MINUTE, "the old proxies are gone", || async {
        let listed = kubectl(&["get", "pods", "-n", TEAM, "-l", FLEET, "-o", "name"])
            .await
            .ok()?;
        (listed.lines().count() == 2).then_some(())
    })
    .await
    .with_context(|| listed)
}

/// The team leaves, the release is uninstalled: only definitions stay.
async fn uninstalled_without_a_trace() -> Result<()> {
    kubectl(&["delete", "namespace", TEAM, "--timeout=100s"]).await?;
    uninstall().await?;
    eventually_within(MINUTE, "nothing is left but definitions", || async {
        leftovers().await.ok()?.is_empty().then_some(())
    })
    .await
    .with_context(|| "see the list of what is left")?;
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

/// Waits until a short call is answered with 200.
async fn served(address: &str, key: &str, model: &str, patience: Duration) -> Result<()> {
    served_at(&format!("http://{address}"), key, model, patience).await
}

async fn served_at(base: &str, key: &str, model: &str, patience: Duration) -> Result<()> {
    let client = Client::new(base, Some(key));
    let last = std::cell::RefCell::new(String::new());
    let waited = eventually_within(
        patience,
        &format!("{model} is served at {base}"),
        || async {
            let answer = client.say(model, "hello").await;
            *last.borrow_mut() = format!("{answer:?}");
            (answer.ok()?.0 == 200).then_some(())
        },
    )
    .await;
    waited.with_context(|| last.borrow().clone())
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

// === what is applied ===

const PROVIDER: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: provider}
spec:
  selector: {app: provider}
  ports: [{port: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: provider}
spec:
  selector: {matchLabels: {app: provider}}
  template:
    metadata: {labels: {app: provider}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: provider
        image: docker.io/tollgate/tollgate:next
        args: [provider, "--listen=0.0.0.0:8080"]
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
"#;

const GATEWAY: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: two}
spec:
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment: {replicas: 2}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ai}
spec:
  gatewayClassName: tollgate
  listeners: [{name: http, protocol: HTTP, port: 80}]
  infrastructure:
    parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: two}
"#;

const KEYS: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: openai-key}
stringData: {apiKey: sk-openai}
---
apiVersion: v1
kind: Secret
metadata: {name: anthropic-key}
stringData: {apiKey: sk-anthropic}
---
apiVersion: v1
kind: Secret
metadata: {name: alice-key}
stringData: {apiKey: sk-alice-1}
---
apiVersion: v1
kind: Secret
metadata: {name: bob-key}
stringData: {apiKey: sk-bob}
---
apiVersion: tollgate.dev/v1alpha1
kind: Consumer
metadata: {name: alice}
spec: {apiKeys: [{secretRef: {name: alice-key}}]}
---
apiVersion: tollgate.dev/v1alpha1
kind: Consumer
metadata: {name: bob}
spec: {apiKeys: [{secretRef: {name: bob-key}}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: counted}
spec:
  backends:
  - {name: sim, provider: openai-compatible, model: counted, endpoint: "http://provider:8080"}
---
apiVersion: tollgate.dev/v1alpha1
kind: TokenBudget
metadata: {name: counted}
spec:
  targetRefs: [{group: gateway.envoyproxy.io, kind: AIGatewayRoute, name: counted}]
  subject: User
  limits: [{tokens: 2000, window: Day}]
"#;

const ROUTES: &str = r#"
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: AIGatewayRoute
metadata: {name: steady}
spec:
  backends:
  - {name: sim, provider: openai-compatible, model: steady, endpoint: "http://provider:8080"}
"#;

const SDK_POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: sdk}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: sdk
    image: cluster.local/sdk:1
    args:
    - -c
    - |
      import openai
      client = openai.OpenAI(base_url="http://ADDRESS/v1", api_key="sk-alice-1", max_retries=0)
      messages = [{"role": "user", "content": "hello from the pod"}]
      print(client.chat.completions.create(model="gpt-4", messages=messages).choices[0].message.content)
      for part in client.chat.completions.create(model="gpt-4", messages=messages, stream=True):
          print(part.choices[0].delta.content or "" if part.choices else "", end="")
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"#;
