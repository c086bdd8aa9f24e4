//! Against an API server of a few lines: Secrets with resource versions.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, client::Body};
use tollgate_pki::Reason;

use super::{CertgenError, CertgenOptions, ensure, found, fresh, text};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Secrets by name, and how often writes are refused because somebody was faster.
#[derive(Default)]
struct Secrets {
    by_name: BTreeMap<String, Secret>,
    version: u64,
    conflicts: u32,
    forbidden: bool,
}

type Shared = Arc<Mutex<Secrets>>;

fn client(secrets: &Shared) -> Client {
    let secrets = secrets.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let secrets = secrets.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.unwrap();
            let (code, answer) =
                secrets
                    .lock()
                    .unwrap()
                    .answer(&parts.method, parts.uri.path(), &body);
            let body = Body::from(serde_json::to_vec(&answer).unwrap());
            let response = Response::builder().status(code).body(body).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "default")
}

impl Secrets {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> (StatusCode, serde_json::Value) {
        if self.forbidden {
            return status(StatusCode::FORBIDDEN, "secrets is forbidden");
        }
        let name = path.rsplit('/').next().unwrap();
        if *method == Method::GET {
            return match self.by_name.get(name) {
                Some(secret) => (StatusCode::OK, serde_json::to_value(secret).unwrap()),
                None => status(StatusCode::NOT_FOUND, "not found"),
            };
        }
        let mut secret: Secret = serde_json::from_slice(body).unwrap();
        let name = secret.metadata.name.clone().unwrap();
        let known = self
            .by_name
            .get(&name)
            .map(|it| &it.metadata.resource_version);
        let fits = match (method, known) {
            (&Method::POST, None) => true,
            (&Method::PUT, Some(version)) => *version == secret.metadata.resource_version,
            _ => false,
        };
        if !fits || self.conflicts > 0 {
            self.conflicts = self.conflicts.saturating_sub(1);
            return status(StatusCode::CONFLICT, "the object has been modified");
        }
        self.version += 1;
        secret.metadata.resource_version = Some(self.version.to_string());
        let answer = serde_json::to_value(&secret).unwrap();
        self.by_name.insert(name, secret);
        (StatusCode::OK, answer)
    }
}

fn status(code: StatusCode, message: &str) -> (StatusCode, serde_json::Value) {
    let reason = code.canonical_reason().unwrap().replace(' ', "");
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    });
    (code, status)
}

fn options() -> CertgenOptions {
    CertgenOptions {
        namespace: "tollgate-system".into(),
        authority_secret: "tollgate-ca".into(),
        server_secret: "tollgate-controller-tls".into(),
        dns_names: vec!["tollgate-controller.tollgate-system.svc".into()],
    }
}

async fn reasons(secrets: &Shared, now: SystemTime) -> Vec<(String, Reason)> {
    let written = ensure(&client(secrets), &options(), now).await.unwrap();
    let written = written.into_iter().map(|it| (it.secret, it.reason));
    written.collect()
}

#[tokio::test]
async fn secrets_are_made_once_and_renewed_when_they_are_old() {
    let secrets = Shared::default();
    let now = SystemTime::now();
    let made = reasons(&secrets, now).await;
    assert_eq!(
        made,
        [
            ("tollgate-system/tollgate-ca".into(), Reason::Missing),
            (
                "tollgate-system/tollgate-controller-tls".into(),
                Reason::Missing
            ),
        ]
    );
    assert_eq!(reasons(&secrets, now).await, []);
    let server = secrets.lock().unwrap().by_name["tollgate-controller-tls"].clone();
    assert_eq!(server.type_.as_deref(), Some("kubernetes.io/tls"));
    let ca = text(&secrets.lock().unwrap().by_name["tollgate-ca"], "tls.crt");
    assert_eq!(text(&server, "ca.crt"), ca);
    let renewed = reasons(&secrets, now + 70 * DAY).await;
    assert_eq!(
        renewed,
        [(
            "tollgate-system/tollgate-controller-tls".into(),
            Reason::Old
        )]
    );
    let after = secrets.lock().unwrap().by_name["tollgate-controller-tls"].clone();
    assert_ne!(text(&after, "tls.crt"), text(&server, "tls.crt"));
}

#[tokio::test]
async fn secrets_that_a_chart_made_without_contents_are_filled() {
    let secrets = Shared::default();
    for name in ["tollgate-ca", "tollgate-controller-tls"] {
        let mut secret = Secret::default();
        secret.metadata.name = Some(name.to_string());
        secret.metadata.resource_version = Some("1".to_string());
        secret.type_ = Some("Opaque".to_string());
        secrets
            .lock()
            .unwrap()
            .by_name
            .insert(name.to_string(), secret);
    }
    let filled = reasons(&secrets, SystemTime::now()).await;
    assert!(
        filled.iter().all(|(_, reason)| *reason == Reason::Missing),
        "{filled:?}"
    );
    assert_eq!(filled.len(), 2);
    let server = secrets.lock().unwrap().by_name["tollgate-controller-tls"].clone();
    // The type of a Secret cannot be changed.
    assert_eq!(server.type_.as_deref(), Some("Opaque"));
    assert!(!text(&server, "ca.crt").is_empty());
}

#[tokio::test]
async fn what_others_write_meanwhile_is_looked_at_again() {
    let secrets = Shared::default();
    secrets.lock().unwrap().conflicts = 2;
    let written = reasons(&secrets, SystemTime::now()).await;
    assert_eq!(written.len(), 2);
    let secrets = Shared::default();
    secrets.lock().unwrap().conflicts = u32::MAX;
    let refused = ensure(&client(&secrets), &options(), SystemTime::now()).await;
    assert!(matches!(refused, Err(CertgenError::Contended(..))));
}

#[tokio::test]
async fn labels_and_keys_of_others_stay() {
    let secrets = Shared::default();
    let now = SystemTime::now();
    reasons(&secrets, now).await;
    {
        let mut secrets = secrets.lock().unwrap();
        let server = secrets.by_name.get_mut("tollgate-controller-tls").unwrap();
        let label = ("team".to_string(), "a".to_string());
        server
            .metadata
            .labels
            .get_or_insert_default()
            .insert(label.0, label.1);
        server.data.as_mut().unwrap().remove("tls.key");
    }
    let repaired = reasons(&secrets, now).await;
    assert_eq!(
        repaired,
        [(
            "tollgate-system/tollgate-controller-tls".into(),
            Reason::Unusable
        )]
    );
    let secrets = secrets.lock().unwrap();
    let server = &secrets.by_name["tollgate-controller-tls"];
    assert_eq!(server.metadata.labels.as_ref().unwrap()["team"], "a");
    assert!(!text(server, "tls.key").is_empty());
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_is_named_and_left() {
    let secrets = Shared::default();
    let now = SystemTime::now();
    reasons(&secrets, now).await;
    let before = {
        let mut secrets = secrets.lock().unwrap();
        let authority = secrets.by_name.get_mut("tollgate-ca").unwrap();
        authority.data.as_mut().unwrap().remove("tls.key");
        authority.clone()
    };
    let refused = ensure(&client(&secrets), &options(), now)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("tollgate-system/tollgate-ca"),
        "{refused}"
    );
    assert_eq!(secrets.lock().unwrap().by_name["tollgate-ca"], before);
}

#[tokio::test]
async fn a_refusal_names_the_secret() {
    let secrets = Shared::default();
    secrets.lock().unwrap().forbidden = true;
    let refused = ensure(&client(&secrets), &options(), SystemTime::now())
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Secret tollgate-system/tollgate-ca cannot be read"
    );
}

#[test]
fn fresh_secrets_are_what_would_be_kept() {
    let now = SystemTime::now();
    let secrets = fresh(&options(), now).unwrap();
    let [authority, server] = secrets.as_slice() else {
        panic!("{}", secrets.len());
    };
    let plan = tollgate_pki::plan(
        &found(Some(authority), Some(server)),
        &options().wanted(),
        now,
    );
    let plan = plan.unwrap();
    assert!(plan.write_authority.is_none() && plan.write_server.is_none());
    assert_eq!(
        server.metadata.namespace.as_deref(),
        Some("tollgate-system")
    );
}
