//! Rate limits of BackendTrafficPolicy through real Envoy and the rate limit service.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tollgate_harness::{Echo, Gateway, GatewayBuilder, command::repository, manifests::secret};
use tollgate_ports::free_port;
use tollgate_provider::{Simulator, SimulatorConfig};

const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

/// A gateway in front of one echo server.
struct Served {
    gateway: Gateway,
    client: Client,
    _echo: Echo,
}

/// A request; the path is from the gateway's root.
#[derive(Clone, Copy)]
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

// === impl Served ===

impl Served {
    /// Serves these manifests, with a Backend `app` at the echo server.
    async fn start(manifests: &str) -> Result<Self> {
        let echo = Echo::start("app").await?;
        let gateway = GatewayBuilder::new(TOLLGATE)
            .manifests(backend(&echo) + manifests)
            .arg("--concurrency=1")
            .start()
            .await?;
        Ok(Self {
            gateway,
            client: Client::new(),
            _echo: echo,
        })
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<reqwest::Response> {
        let method = Method::from_bytes(ask.method.as_bytes())?;
        let url = format!("{}{}", self.gateway.url(), ask.path);
        let mut request = self.client.request(method, url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        Ok(request.send().await?)
    }

    async fn status(&self, ask: Ask<'_>) -> Result<u16> {
        Ok(self.ask(ask).await?.status().as_u16())
    }

    /// Asks `times` times and one more: all but the last are served.
    async fn assert_limit(&self, times: usize, ask: Ask<'_>) -> Result<()> {
        for round in 0..times {
            assert_eq!(self.status(ask).await?, 200, "{} round {round}", ask.path);
        }
        assert_eq!(self.status(ask).await?, 429, "{}", ask.path);
        Ok(())
    }

    async fn assert_free(&self, ask: Ask<'_>) -> Result<()> {
        for round in 0..4 {
            assert_eq!(self.status(ask).await?, 200, "{} round {round}", ask.path);
        }
        Ok(())
    }

    /// The conditions of a policy towards its first ancestor, by type.
    async fn condition(&self, policy: &str, kind: &str) -> Result<Value> {
        let status = self.gateway.status().await?;
        let objects = status["objects"].as_array().context("objects")?;
        let object = objects.iter().find(|entry| {
            entry["object"]["kind"] == "BackendTrafficPolicy" && entry["object"]["name"] == policy
        });
        let ancestors = &object.context("no status")?["status"]["ancestors"];
        let conditions = ancestors[0]["conditions"]
            .as_array()
            .context("conditions")?;
        let found = conditions.iter().find(|it| it["type"] == kind);
        Ok(found.cloned().unwrap_or_default())
    }
}

fn get<'a>(path: &'a str, headers: &'a [(&'a str, &'a str)]) -> Ask<'a> {
    Ask {
        method: "GET",
        path,
        headers,
    }
}

fn backend(echo: &Echo) -> String {
    let (ip, port) = (echo.addr().ip(), echo.addr().port());
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: app}}\nspec: {{endpoints: [{{ip: {{address: {ip}, port: {port}}}}}]}}\n"
    )
}

/// A route for `/{name}` to the echo server.
fn route(name: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: tollgate}}]
  rules:
  - matches: [{{path: {{value: /{name}}}}}]
    backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, name: app}}]
"
    )
}

/// A policy for these routes.
fn policy(name: &str, routes: &[&str], limits: &str) -> String {
    let targets: Vec<String> = routes
        .iter()
        .map(|route| {
            format!("{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {route}}}")
        })
        .collect();
    format!(
        "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {{name: {name}}}
spec:
  targetRefs: [{}]
  rateLimit: {limits}
",
        targets.join(", ")
    )
}

/// A route and a policy for it with one global rule.
fn limited(name: &str, rule: &str) -> String {
    route(name)
        + &policy(
            name,
            &[name],
            &format!("{{global: {{rules: [{{{rule}}}]}}}}"),
        )
}

fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_secs()
}

/// Waits until this much is left of the minute, so that a test stays within one.
async fn early_in_a_minute() {
    let left = 60 - unix_seconds() % 60;
    if left < 25 {
        tokio::time::sleep(Duration::from_secs(left + 1)).await;
    }
}

#[tokio::test]
async fn seed_with_limits_per_user_and_for_the_anonymous_limits_as_written() -> Result<()> {
    let echo = Echo::start("app").await?;
    let gateway = GatewayBuilder::new(TOLLGATE)
        .arg(
            repository()
                .join("tests/seeds/03-backendtrafficpolicy-ratelimit-retry.yaml")
                .display()
                .to_string(),
        )
        .file(
            "route.yaml",
            backend(&echo) + &route("task-api-route") + &route("other"),
        )
        .arg("--concurrency=1")
        .start()
        .await?;
    let served = Served {
        gateway,
        client: Client::new(),
        _echo: echo,
    };
    early_in_a_minute().await;
    let of = |user: &'static str| match user {
        "ann" => get("/task-api-route", &[("x-user-id", "ann")]),
        _ => get("/task-api-route", &[("x-user-id", "bob")]),
    };
    let first = served.ask(of("ann")).await?;
    assert_eq!(first.status(), StatusCode::OK);
    let limit = first.headers()["x-ratelimit-limit"].to_str()?.to_string();
    assert!(limit.starts_with("100, 100;w=60"), "{limit}");
    assert_eq!(first.headers()["x-ratelimit-remaining"], "99");
    let reset: u64 = first.headers()["x-ratelimit-reset"].to_str()?.parse()?;
    assert!((1..=60).contains(&reset), "{reset}");
    for round in 1..100 {
        assert_eq!(served.status(of("ann")).await?, 200, "round {round}");
    }
    let denied = served.ask(of("ann")).await?;
    assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(denied.headers()["x-ratelimit-remaining"], "0");
    let wait: u64 = denied.headers()["retry-after"].to_str()?.parse()?;
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(served.status(of("bob")).await?, 200, "has its own counter");
    served.assert_limit(10, get("/task-api-route", &[])).await?;
    served.assert_free(get("/other", &[])).await?;
    let warning = served.condition("task-api-rate-limit", "Warning").await?;
    let message = warning["message"].as_str().context("a warning")?;
    assert!(message.contains("spec.retry has no effect"), "{message}");
    Ok(())
}

#[tokio::test]
async fn seed_with_a_limit_per_second_holds_in_each_second() -> Result<()> {
    let echo = Echo::start("app").await?;
    let free = free_port()?;
    let address = echo.addr();
    let around = format!(
        "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: eg}}
spec: {{gatewayClassName: eg, listeners: [{{name: http, port: {free}, protocol: HTTP}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: foo-svc}}
spec: {{ports: [{{name: http, port: 8080}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: foo-svc-1, labels: {{kubernetes.io/service-name: foo-svc}}}}
addressType: IPv4
ports: [{{name: http, port: {}}}]
endpoints: [{{addresses: ['{}']}}]
",
        address.port(),
        address.ip()
    );
    let seed = "tests/seeds/22-backendtrafficpolicy-distinct-hash-breaker.yaml";
    let gateway = GatewayBuilder::new(TOLLGATE)
        .arg(repository().join(seed).display().to_string())
        .file("around.yaml", around)
        .arg("--concurrency=1")
        .start()
        .await?;
    let client = Client::new();
    let url = gateway.url().to_string();
    let ask = |user: &'static str| {
        let request = client
            .get(&url)
            .header("host", "foo.bar.com")
            .header("x-user-id", user);
        async move { request.send().await.map(|answer| answer.status().as_u16()) }
    };
    let begun = unix_seconds();
    let mut served = 0;
    let mut denied = 0;
    for _ in 0..30 {
        for status in futures::future::join_all((0..20).map(|_| ask("ann"))).await {
            match status? {
                200 => served += 1,
                429 => denied += 1,
                other => panic!("{other}"),
            }
        }
    }
    let seconds = unix_seconds() - begun + 1;
    assert!(served <= 100 * seconds, "{served} in {seconds} s");
    assert!(served >= 100, "{served}");
    assert!(denied > 0, "{served} in {seconds} s");
    assert_eq!(ask("bob").await?, 200);
    Ok(())
}

#[tokio::test]
async fn selectors_choose_what_is_counted() -> Result<()> {
    let limit = "limit: {requests: 2, unit: Day}";
    let rule = |name: &str, selector: &str| {
        limited(name, &format!("{limit}, clientSelectors: [{{{selector}}}]"))
    };
    let served = Served::start(
        &[
            rule("method", "methods: [{value: GET}, {value: HEAD}]"),
            rule("path", "path: {value: /path/api}"),
            rule("exact", "path: {type: Exact, value: /exact/x}"),
            rule(
                "expression",
                "path: {type: RegularExpression, value: '^/expression/[0-9]+$'}",
            ),
            rule("inside", "sourceCIDR: {value: 127.0.0.0/8}"),
            rule("each", "sourceCIDR: {type: Distinct, value: 127.0.0.0/8}"),
            rule("outside", "sourceCIDR: {value: 127.0.0.0/8, invert: true}"),
            rule("query", "queryParams: [{name: key, type: Distinct}]"),
            rule(
                "app",
                "headers: [{name: x-app, type: RegularExpression, value: 'a|b', invert: true}]",
            ),
            rule(
                "plan",
                "headers: [{name: x-plan, value: free}, {name: x-user, type: Distinct}]",
            ),
        ]
        .concat(),
    )
    .await?;
    let post = |path| Ask {
        method: "POST",
        path,
        headers: &[],
    };
    served.assert_limit(2, get("/method", &[])).await?;
    served.assert_free(post("/method")).await?;
    served.assert_limit(2, get("/path/api/x?y=1", &[])).await?;
    assert_eq!(served.status(get("/path/api?z", &[])).await?, 429);
    served.assert_free(get("/path/apix", &[])).await?;
    served.assert_limit(2, get("/exact/x?y=1", &[])).await?;
    served.assert_free(get("/exact/x/y", &[])).await?;
    served
        .assert_limit(2, get("/expression/42?y=1", &[]))
        .await?;
    served.assert_free(get("/expression/x", &[])).await?;
    served.assert_limit(2, get("/inside", &[])).await?;
    served.assert_limit(2, get("/each", &[])).await?;
    served.assert_free(get("/outside", &[])).await?;
    served.assert_limit(2, get("/query?key=a", &[])).await?;
    served.assert_limit(2, get("/query?key=b", &[])).await?;
    served.assert_free(get("/query", &[])).await?;
    served
        .assert_limit(2, get("/app", &[("x-app", "c")]))
        .await?;
    assert_eq!(served.status(get("/app", &[])).await?, 429, "absent");
    served.assert_free(get("/app", &[("x-app", "a")])).await?;
    let free = [("x-plan", "free"), ("x-user", "ann")];
    served.assert_limit(2, get("/plan", &free)).await?;
    let other = [("x-plan", "free"), ("x-user", "bob")];
    served.assert_limit(2, get("/plan", &other)).await?;
    served
        .assert_free(get("/plan", &[("x-plan", "free")]))
        .await?;
    served
        .assert_free(get("/plan", &[("x-user", "ann")]))
        .await?;
    Ok(())
}

#[tokio::test]
async fn costs_shadow_sharing_and_headers_are_as_the_rule_says() -> Result<()> {
    let one = "limit: {requests: 1, unit: Day}";
    let rules = |rules: &str| format!("{{global: {{rules: [{rules}]}}}}");
    let served = Served::start(
        &[
            limited("zero", "limit: {requests: 0, unit: Day}"),
            limited(
                "cost",
                "limit: {requests: 7, unit: Day}, cost: {request: {from: Number, number: 3}}",
            ),
            limited("shadow", &format!("{one}, shadowMode: true")),
            limited("silent", &format!("{one}, xRateLimitHeaders: 'Off'")),
            route("a"),
            route("b"),
            policy(
                "together",
                &["a", "b"],
                &rules("{limit: {requests: 3, unit: Day}, shared: true}"),
            ),
            route("c"),
            route("d"),
            policy("apart", &["c", "d"], &rules(&format!("{{{one}}}"))),
            route("both"),
            policy(
                "both",
                &["both"],
                &rules(&format!(
                    "{{limit: {{requests: 9, unit: Hour}}}}, {{{one}}}"
                )),
            ),
        ]
        .concat(),
    )
    .await?;
    assert_eq!(served.status(get("/zero", &[])).await?, 429);
    served.assert_limit(2, get("/cost", &[])).await?;
    served.assert_free(get("/shadow", &[])).await?;
    for expect in [200, 429] {
        let answer = served.ask(get("/silent", &[])).await?;
        assert_eq!(answer.status().as_u16(), expect);
        assert!(!answer.headers().contains_key("x-ratelimit-limit"));
    }
    assert_eq!(served.status(get("/a", &[])).await?, 200);
    assert_eq!(served.status(get("/b", &[])).await?, 200);
    assert_eq!(served.status(get("/a", &[])).await?, 200);
    assert_eq!(served.status(get("/b", &[])).await?, 429, "one pot");
    served.assert_limit(1, get("/c", &[])).await?;
    served.assert_limit(1, get("/d", &[])).await?;
    served.assert_limit(1, get("/both", &[])).await?;
    Ok(())
}

#[tokio::test]
async fn limits_of_one_proxy_hold_without_the_service() -> Result<()> {
    let served = Served::start(
        &(route("web")
            + &policy(
                "local",
                &["web"],
                "{type: Local, local: {rules: [
                {limit: {requests: 3, unit: Hour}},
                {limit: {requests: 5, unit: Day}, clientSelectors: [{headers: [{name: x-user-id, type: Distinct}]}]},
                {limit: {requests: 8, unit: Minute}, clientSelectors: [{headers: [{name: x-double}]}], cost: {request: {from: Number, number: 4}}}]}}",
            )),
    )
    .await?;
    served.assert_limit(3, get("/web", &[])).await?;
    let denied = served.ask(get("/web", &[])).await?;
    assert_eq!(denied.headers()["x-ratelimit-limit"], "3");
    assert!(denied.headers().contains_key("retry-after"));
    served
        .assert_limit(5, get("/web", &[("x-user-id", "ann")]))
        .await?;
    served
        .assert_limit(5, get("/web", &[("x-user-id", "bob")]))
        .await?;
    served
        .assert_limit(2, get("/web", &[("x-double", "1")]))
        .await?;
    Ok(())
}

#[tokio::test]
async fn policy_that_cannot_be_enforced_refuses_until_it_is_mended() -> Result<()> {
    let echo = Echo::start("app").await?;
    let manifests = |value: &str| {
        let selector =
            format!("headers: [{{name: x-app, type: RegularExpression, value: '{value}'}}]");
        let rule = format!("limit: {{requests: 1, unit: Day}}, clientSelectors: [{{{selector}}}]");
        backend(&echo) + &limited("web", &rule) + &route("other")
    };
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(manifests("("))
        .arg("--concurrency=1")
        .start()
        .await?;
    let served = Served {
        gateway,
        client: Client::new(),
        _echo: Echo::start("unused").await?,
    };
    assert_eq!(served.status(get("/web", &[])).await?, 500);
    assert_eq!(served.status(get("/other", &[])).await?, 200);
    let accepted = served.condition("web", "Accepted").await?;
    assert_eq!(accepted["status"], "False");
    assert_eq!(accepted["reason"], "Invalid");
    let message = accepted["message"].as_str().context("a message")?;
    let field = "spec.rateLimit.global.rules[0].clientSelectors[0].headers[0].value: \"(\"";
    assert!(message.starts_with(field), "{message}");

    served.gateway.rewrite(&manifests("a"))?;
    let mended = async {
        while served.status(get("/web", &[])).await? != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), mended).await??;
    served
        .assert_limit(1, get("/web", &[("x-app", "a")]))
        .await?;
    Ok(())
}

/// A token limit for each user in Envoy Gateway's own way.
fn token_limits(provider: &Simulator, tokens: u64) -> String {
    ai_route(provider)
        + &policy(
            "tokens",
            &["llm"],
            &format!(
                "{{type: Global, global: {{rules: [{{
                clientSelectors: [{{headers: [{{name: x-user-id, type: Distinct}}]}}],
                limit: {{requests: {tokens}, unit: Day}},
                cost: {{
                  request: {{from: Number, number: 0}},
                  response: {{from: Metadata, metadata: {{namespace: io.envoy.ai_gateway, key: llm_total_token}}}}}}}}]}}}}"
            ),
        )
}

/// An AIGatewayRoute for two models to a simulator.
fn ai_route(provider: &Simulator) -> String {
    let (ip, port) = (provider.addr().ip(), provider.addr().port());
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: simulator}}
spec: {{endpoints: [{{ip: {{address: {ip}, port: {port}}}}}]}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {{name: openai}}
spec: {{schema: {{name: OpenAI}}, backendRef: {{group: gateway.envoyproxy.io, kind: Backend, name: simulator}}}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {{name: key}}
spec:
  targetRefs: [{{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: openai}}]
  type: APIKey
  apiKey: {{secretRef: {{name: key}}}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {{name: llm}}
spec:
  parentRefs: [{{name: tollgate}}]
  rules:
  - matches:
    - headers: [{{name: x-ai-eg-model, value: gpt-4}}]
    - headers: [{{name: x-ai-eg-model, value: gpt-4o}}]
    backendRefs: [{{name: openai}}]
  llmRequestCosts: [{{metadataKey: llm_total_token, type: TotalToken}}]
"
    ) + &secret("key", "sk-openai")
}

#[tokio::test]
async fn token_limit_of_envoy_gateway_is_charged_when_the_answer_has_ended() -> Result<()> {
    let provider = Simulator::start(SimulatorConfig::default()).await?;
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(token_limits(&provider, 100))
        .arg("--concurrency=1")
        .start()
        .await?;
    let client = Client::new();
    let chat = |user: &'static str, stream: bool| {
        let body = json!({
            "model": "gpt-4", "stream": stream, "max_tokens": 80,
            "messages": [{"role": "user", "content": "hello [[sim output=60]]"}],
        });
        let url = format!("{}/v1/chat/completions", gateway.url());
        let request = client.post(url).header("x-user-id", user).json(&body);
        async move {
            let answer = request.send().await?;
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let text = answer.text().await?;
            // The charge comes after the answer's end.
            tokio::time::sleep(Duration::from_millis(200)).await;
            anyhow::Ok((status, headers, text))
        }
    };
    for (user, stream) in [("ann", false), ("bob", true)] {
        let (status, headers, text) = chat(user, stream).await?;
        assert_eq!(status, 200, "{text}");
        assert_eq!(headers["x-ratelimit-remaining"], "100", "asked with 0");
        let (status, headers, text) = chat(user, stream).await?;
        assert_eq!(status, 200, "{text}");
        let left: u64 = headers["x-ratelimit-remaining"].to_str()?.parse()?;
        assert!(
            (20..40).contains(&left),
            "the first call is charged: {left}"
        );
        for _ in 0..10 {
            let (status, headers, text) = chat(user, stream).await?;
            assert_eq!(status, 429, "{text}");
            assert_eq!(headers["x-ratelimit-remaining"], "0");
            assert!(headers.contains_key("retry-after"));
            let error: Value = serde_json::from_str(&text)?;
            assert_eq!(error["error"]["code"], "rate_limit_exceeded", "{text}");
            assert_eq!(error["error"]["type"], "requests", "{text}");
        }
    }
    assert_eq!(
        provider.recorder().requests().len(),
        4,
        "refused ones went nowhere"
    );
    // Refusals of the proxy are not the provider's: it is not ejected.
    let (status, _, text) = chat("eve", false).await?;
    assert_eq!(status, 200, "{text}");
    Ok(())
}

#[tokio::test]
async fn requests_for_one_model_are_limited_and_those_for_another_are_not() -> Result<()> {
    let provider = Simulator::start(SimulatorConfig::default()).await?;
    let limits = "{global: {rules: [{limit: {requests: 2, unit: Day}, clientSelectors: [
        {headers: [{name: x-ai-eg-model, value: gpt-4}]}]}]},
        local: {rules: [{limit: {requests: 9, unit: Day}}]}}";
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(ai_route(&provider) + &policy("model", &["llm"], limits))
        .arg("--concurrency=1")
        .start()
        .await?;
    let client = gateway.client(None);
    for (model, expected) in [
        ("gpt-4", 200),
        ("gpt-4", 200),
        ("gpt-4", 429),
        ("gpt-4o", 200),
        ("gpt-4o", 200),
        ("gpt-4o", 200),
        ("gpt-4", 429),
        ("gpt-4o", 200),
        ("gpt-4o", 200),
        // The limit of the proxy itself.
        ("gpt-4o", 429),
    ] {
        let (status, body) = client.say(model, "hi").await?;
        assert_eq!(status, expected, "{model}: {body}");
        if status == 429 {
            assert_eq!(body["error"]["code"], "rate_limit_exceeded", "{body}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn quota_of_a_backend_is_held_for_its_model() -> Result<()> {
    let provider = Simulator::start(SimulatorConfig::default()).await?;
    let quota = "---
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: QuotaPolicy
metadata: {name: quota}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: openai}]
  perModelQuotas: [{modelName: gpt-4, quota: {defaultBucket: {limit: 150, duration: 1d}}}]
";
    let route = ai_route(&provider).replace(
        "backendRefs: [{name: openai}]",
        "backendRefs: [{name: openai, modelNameOverride: gpt-4}]",
    );
    let gateway = GatewayBuilder::new(TOLLGATE)
        .manifests(route + quota)
        .arg("--concurrency=1")
        .start()
        .await?;
    let client = gateway.client(None);
    let body = json!({
        "model": "gpt-4", "max_tokens": 100,
        "messages": [{"role": "user", "content": "hello [[sim output=100]]"}],
    });
    let mut statuses = Vec::new();
    let mut last = String::new();
    for _ in 0..4 {
        let answer = client.chat(&body).await?;
        statuses.push(answer.status().as_u16());
        last = answer.text().await?;
    }
    assert_eq!(statuses.first(), Some(&200));
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}: {last}");
    assert!(last.contains("quota:default/quota/gpt-4"), "{last}");
    let recorded = provider.recorder().requests();
    let served = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(recorded.len(), served);
    Ok(())
}
