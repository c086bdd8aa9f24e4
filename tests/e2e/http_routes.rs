//! Plain HTTPRoutes through real Envoy, with an AI route beside them on the same listener.

use anyhow::{Context, Result};
use reqwest::{Client, Method, redirect};
use serde_json::Value;
use tollgate_harness::{Echo, Gateway, GatewayBuilder, manifests::two_models};
use tollgate_provider::{Simulator, SimulatorConfig};

/// Two backends and a gateway with these routes.
struct Served {
    gateway: Gateway,
    client: Client,
    _backends: [Echo; 2],
    _provider: Simulator,
}

/// An answer: status, headers as text, body as JSON (null if it is not).
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

// === impl Served ===

impl Served {
    /// `routes` name the Backends `blue` and `green`.
    async fn start(routes: &str) -> Result<Self> {
        let provider = Simulator::start(SimulatorConfig::default()).await?;
        let backends = [Echo::start("blue").await?, Echo::start("green").await?];
        let mut yaml = two_models(provider.addr(), provider.addr()) + routes;
        for (name, echo) in ["blue", "green"].iter().zip(&backends) {
            yaml += &backend("default", name, echo);
        }
        let gateway = GatewayBuilder::new(env!("CARGO_BIN_EXE_tollgate"))
            .manifests(yaml)
            .start()
            .await?;
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .build()?;
        Ok(Self {
            gateway,
            client,
            _backends: backends,
            _provider: provider,
        })
    }

    /// Asks for `path` at `host`, with these headers.
    async fn ask(
        &self,
        method: Method,
        (host, path): (&str, &str),
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.gateway.url());
        let mut request = self.client.request(method, url).header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
        })
    }

    /// Which backend answers a GET; the status where none does.
    async fn server(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Result<String> {
        let answer = self.ask(Method::GET, (host, path), headers).await?;
        let server = answer.body["server"].as_str().map(str::to_string);
        Ok(server.unwrap_or_else(|| answer.status.to_string()))
    }
}

fn backend(namespace: &str, name: &str, echo: &Echo) -> String {
    let (ip, port) = (echo.addr().ip(), echo.addr().port());
    format!(
        "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{endpoints: [{{ip: {{address: {ip}, port: {port}}}}}]}}\n"
    )
}

/// An HTTPRoute on the default gateway.
fn route(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}}}\nspec:\n  parentRefs: [{{name: tollgate}}]\n{spec}"
    )
}

const BLUE: &str = "backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: blue}]";
const GREEN: &str = "backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: green}]";

#[tokio::test]
async fn host_names_and_paths_choose_by_precedence_beside_an_ai_route() -> Result<()> {
    let served = Served::start(
        &(route("exact-host", &format!("  hostnames: [a.example.com]\n  rules: [{{{BLUE}}}]\n"))
            + &route("wild-host", &format!("  hostnames: ['*.example.com']\n  rules: [{{{GREEN}}}]\n"))
            + &route(
                "paths",
                &format!(
                    "  rules:\n  - {{matches: [{{path: {{type: PathPrefix, value: /a}}}}], {GREEN}}}\n  - {{matches: [{{path: {{type: PathPrefix, value: /a/b}}}}, {{path: {{type: Exact, value: /exact}}}}], {BLUE}}}\n  - {{matches: [{{path: {{type: RegularExpression, value: '/r[0-9]+'}}}}], {BLUE}}}\n"
                ),
            )),
    )
    .await?;
    for (host, path, expected) in [
        ("a.example.com", "/any", "blue"),
        ("b.example.com", "/any", "green"),
        ("x.b.example.com", "/any", "green"),
        ("a.example.com:1975", "/any", "blue"),
        ("A.EXAMPLE.com", "/any", "blue"),
        ("other.test", "/a", "green"),
        ("other.test", "/a/x", "green"),
        ("other.test", "/a/b", "blue"),
        ("other.test", "/a/b/c?q=1", "blue"),
        ("other.test", "/a/bc", "green"),
        ("other.test", "/ab", "404"),
        ("other.test", "/exact", "blue"),
        ("other.test", "/exact/no", "404"),
        ("other.test", "/r42", "blue"),
        ("other.test", "/r42x", "404"),
        ("other.test", "/", "404"),
    ] {
        assert_eq!(
            served.server(host, path, &[]).await?,
            expected,
            "{host}{path}"
        );
    }
    let (status, _) = served.gateway.client(None).say("gpt-4o", "hi").await?;
    assert_eq!(status, 200, "the AI route beside them");
    Ok(())
}

#[tokio::test]
async fn headers_queries_and_methods_choose() -> Result<()> {
    let served = Served::start(&route(
        "matches",
        &format!(
            "  rules:
  - {{matches: [{{headers: [{{name: x-color, value: blue}}]}}], {BLUE}}}
  - {{matches: [{{headers: [{{name: x-build, type: RegularExpression, value: 'b[0-9]+'}}]}}], {BLUE}}}
  - {{matches: [{{queryParams: [{{name: color, value: blue}}]}}], {BLUE}}}
  - {{matches: [{{method: PUT}}], {BLUE}}}
  - {{matches: [{{path: {{value: /both}}, headers: [{{name: x-a, value: '1'}}, {{name: x-b, value: '2'}}]}}], {BLUE}}}
  - {{{GREEN}}}
"
        ),
    ))
    .await?;
    for (path, headers, expected) in [
        ("/", &[][..], "green"),
        ("/", &[("x-color", "blue")], "blue"),
        ("/", &[("X-Color", "blue")], "blue"),
        ("/", &[("x-color", "Blue")], "green"),
        ("/", &[("x-build", "b7")], "blue"),
        ("/", &[("x-build", "b7x")], "green"),
        ("/?color=blue", &[], "blue"),
        ("/?color=blues", &[], "green"),
        ("/?other=1&color=blue", &[], "blue"),
        ("/both", &[("x-a", "1")], "green"),
        ("/both", &[("x-a", "1"), ("x-b", "2")], "blue"),
    ] {
        let got = served.server("any.test", path, headers).await?;
        assert_eq!(got, expected, "{path} {headers:?}");
    }
    let put = served.ask(Method::PUT, ("any.test", "/"), &[]).await?;
    assert_eq!(
        (&put.body["server"], &put.body["method"]),
        (&"blue".into(), &"PUT".into())
    );
    Ok(())
}

#[tokio::test]
async fn weights_share_requests_and_an_invalid_backend_keeps_its_share() -> Result<()> {
    let weighted = |name: &str, weight: u32| {
        format!("{{group: gateway.envoyproxy.io, kind: Backend, name: {name}, weight: {weight}}}")
    };
    let served = Served::start(&route(
        "weights",
        &format!(
            "  rules:
  - {{matches: [{{path: {{value: /share}}}}], backendRefs: [{}, {}]}}
  - {{matches: [{{path: {{value: /none}}}}], backendRefs: [{}, {}]}}
  - {{matches: [{{path: {{value: /half}}}}], backendRefs: [{}, {}]}}
  - {{matches: [{{path: {{value: /missing}}}}], backendRefs: [{}]}}
",
            weighted("blue", 3),
            weighted("green", 1),
            weighted("blue", 1),
            weighted("green", 0),
            weighted("blue", 1),
            weighted("missing", 1),
            weighted("missing", 1),
        ),
    ))
    .await?;
    let mut count = std::collections::BTreeMap::<(&str, String), u32>::new();
    for _ in 0..200 {
        for path in ["/share", "/none", "/half"] {
            *count
                .entry((path, served.server("any.test", path, &[]).await?))
                .or_default() += 1;
        }
    }
    let of = |path, server: &str| count.get(&(path, server.to_string())).copied().unwrap_or(0);
    // Six standard deviations around the mean: 37 of 150, 42 of 100.
    assert!((113..=187).contains(&of("/share", "blue")), "{count:?}");
    assert_eq!(
        of("/share", "blue") + of("/share", "green"),
        200,
        "{count:?}"
    );
    assert_eq!(of("/none", "blue"), 200, "{count:?}");
    assert!((58..=142).contains(&of("/half", "500")), "{count:?}");
    assert_eq!(of("/half", "blue") + of("/half", "500"), 200, "{count:?}");
    assert_eq!(served.server("any.test", "/missing", &[]).await?, "500");

    let status = served.gateway.status().await?.to_string();
    assert!(
        status.contains("Backend default/missing does not exist"),
        "{status}"
    );
    Ok(())
}

#[tokio::test]
async fn filters_change_headers_and_paths_and_redirect() -> Result<()> {
    let served = Served::start(&route(
        "filters",
        &format!(
            "  rules:
  - matches: [{{path: {{value: /headers}}}}]
    filters:
    - {{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-set, value: new}}], add: [{{name: x-add, value: more}}], remove: [x-gone]}}}}
    - {{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-answer, value: 'yes'}}], remove: [content-type]}}}}
    {BLUE}
  - matches: [{{path: {{value: /old}}}}]
    filters:
    - {{type: URLRewrite, urlRewrite: {{hostname: inner.test, path: {{type: ReplacePrefixMatch, replacePrefixMatch: /new}}}}}}
    {BLUE}
  - matches: [{{path: {{value: /full}}}}]
    filters:
    - {{type: URLRewrite, urlRewrite: {{path: {{type: ReplaceFullPath, replaceFullPath: /there}}}}}}
    {GREEN}
  - matches: [{{path: {{value: /moved}}}}]
    filters:
    - {{type: RequestRedirect, requestRedirect: {{scheme: https, hostname: new.test, port: 8443, statusCode: 301, path: {{type: ReplacePrefixMatch, replacePrefixMatch: /here}}}}}}
"
        ),
    ))
    .await?;
    let sent = [
        ("x-set", "old"),
        ("x-add", "one"),
        ("x-gone", "here"),
        ("x-kept", "kept"),
    ];
    let answer = served
        .ask(Method::GET, ("any.test", "/headers"), &sent)
        .await?;
    assert_eq!(answer.status, 200);
    let got = &answer.body["headers"];
    assert_eq!(
        (&got["x-set"], &got["x-gone"]),
        (&"new".into(), &Value::Null),
        "{got}"
    );
    assert_eq!(got["x-kept"], "kept", "{got}");
    assert!(
        got["x-add"]
            .as_str()
            .is_some_and(|value| value.contains("more")),
        "{got}"
    );
    assert_eq!(answer.headers["x-answer"], "yes");
    assert!(answer.headers.get("content-type").is_none());

    for (path, expected) in [("/old", "/new"), ("/old/x?q=1", "/new/x?q=1")] {
        let answer = served.ask(Method::GET, ("any.test", path), &[]).await?;
        assert_eq!(answer.body["path"], expected);
        assert_eq!(answer.body["headers"]["host"], "inner.test");
    }
    let answer = served
        .ask(Method::GET, ("any.test", "/full/x"), &[])
        .await?;
    assert_eq!(
        (&answer.body["path"], &answer.body["server"]),
        (&"/there".into(), &"green".into())
    );

    let moved = served
        .ask(Method::GET, ("any.test", "/moved/x?q=1"), &[])
        .await?;
    assert_eq!(moved.status, 301);
    let location = moved
        .headers
        .get("location")
        .context("location")?
        .to_str()?;
    assert_eq!(location, "https://new.test:8443/here/x?q=1");
    Ok(())
}

#[tokio::test]
async fn slow_backend_is_cut_off_by_the_routes_timeout() -> Result<()> {
    let served = Served::start(&route(
        "timeouts",
        &format!(
            "  rules:
  - {{matches: [{{path: {{value: /short}}}}], timeouts: {{request: 100ms}}, {BLUE}}}
  - {{matches: [{{path: {{value: /long}}}}], timeouts: {{request: 10s}}, {BLUE}}}
  - {{matches: [{{path: {{value: /try}}}}], timeouts: {{request: 10s, backendRequest: 100ms}}, {BLUE}}}
"
        ),
    ))
    .await?;
    for (path, delay_ms, expected) in [
        ("/short", "5000", 504),
        ("/short", "0", 200),
        ("/long", "300", 200),
        ("/try", "5000", 504),
    ] {
        let answer = served
            .ask(
                Method::GET,
                ("any.test", path),
                &[("x-echo-delay-ms", delay_ms)],
            )
            .await?;
        assert_eq!(answer.status, expected, "{path} after {delay_ms} ms");
    }
    Ok(())
}

#[tokio::test]
async fn backend_of_another_namespace_needs_a_grant() -> Result<()> {
    let echo = Echo::start("teal").await?;
    let reference = |name: &str| {
        format!(
            "backendRefs: [{{group: gateway.envoyproxy.io, kind: Backend, namespace: other, name: {name}}}]"
        )
    };
    let grant = "\
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: routes, namespace: other}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}]
  to: [{group: gateway.envoyproxy.io, kind: Backend, name: granted}]
";
    let served = Served::start(
        &(route(
            "grants",
            &format!(
                "  rules:\n  - {{matches: [{{path: {{value: /granted}}}}], {}}}\n  - {{matches: [{{path: {{value: /refused}}}}], {}}}\n",
                reference("granted"),
                reference("refused"),
            ),
        ) + grant
            + &backend("other", "granted", &echo)
            + &backend("other", "refused", &echo)),
    )
    .await?;
    assert_eq!(served.server("any.test", "/granted", &[]).await?, "teal");
    assert_eq!(served.server("any.test", "/refused", &[]).await?, "500");
    let status = served.gateway.status().await?.to_string();
    assert!(status.contains("RefNotPermitted"), "{status}");
    Ok(())
}
