//! Who is let in, and whom a proxy believes.

use std::time::{Duration, SystemTime};

use futures::StreamExt;
use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::TlsConnector;

use super::{
    sample::one_host,
    stage::{Proxy, Stage, authority, identity, until, write},
};
use crate::{
    FollowConfig, GatewayIdentity,
    client::connect,
    wire::{self, Hello, PROTOCOL, Report, report::What},
};

fn hello() -> Hello {
    Hello {
        gateway: identity().uri(),
        pod: "pod".into(),
        protocol: PROTOCOL,
        have: String::new(),
    }
}

/// The answer to a first report.
async fn answer(config: &FollowConfig, what: What) -> tonic::Status {
    let channel = connect(config).await.unwrap();
    let reports = futures::stream::once(async { Report::from(what) });
    // The stream stays open: only the server can end it.
    let reports = reports.chain(futures::stream::pending());
    wire::follow(channel, reports)
        .await
        .expect_err("it is refused")
}

#[tokio::test]
async fn a_stranger_without_a_certificate_gets_no_handshake() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(one_host(1));
    let config = stage.config(controller.port, "proxy");
    let mut roots = rustls::RootCertStore::empty();
    let ca = std::fs::read(&config.files.ca).unwrap();
    let ca = rustls::pki_types::pem::PemObject::from_pem_slice(&ca).unwrap();
    roots.add(ca).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", controller.port))
        .await
        .unwrap();
    let name = "localhost".try_into().unwrap();
    let tls = TlsConnector::from(std::sync::Arc::new(tls));
    // In TLS 1.3 the client has done its part before the server looks at the certificate.
    let refused = match tls.connect(name, tcp).await {
        Err(error) => error,
        Ok(mut stream) => {
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1]).await;
            read.expect_err("the server ends it")
        }
    };
    assert!(
        refused.to_string().contains("CertificateRequired"),
        "{refused}"
    );
    assert_eq!(controller.server.stats().handshakes_refused, 1);
}

#[tokio::test]
async fn plain_text_is_refused() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{}", controller.port));
    let channel = endpoint.unwrap().connect().await.unwrap();
    let reports = futures::stream::once(async { Report::from(What::Hello(hello())) });
    wire::follow(channel, reports)
        .await
        .expect_err("it is refused");
    assert_eq!(controller.server.stats().full_updates, 0);
}

#[tokio::test]
async fn a_proxy_that_asks_for_another_gateway_is_denied() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let other = GatewayIdentity::gateway("default", "other").unwrap();
    controller.publish(one_host(1));
    let files = write(
        &stage.folder.path().join("other"),
        &stage.client_identity(&other),
    );
    let config = FollowConfig {
        files,
        ..stage.config(controller.port, "proxy")
    };
    let status = answer(&config, What::Hello(hello())).await;
    assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status}");
    let mut proxy = Proxy::new(config.clone(), None);
    let reason = proxy.lost().await;
    assert!(reason.contains("gateway default/other"), "{reason}");
    // Under its own name it waits for its own.
    let gateway = other;
    let mut proxy = Proxy::new(FollowConfig { gateway, ..config }, None);
    proxy.connected().await;
    assert!(proxy.following.state.borrow().is_none());
    assert_eq!(controller.server.stats().full_updates, 0);
}

#[tokio::test]
async fn certificates_without_a_gateway_in_them_are_denied() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    for (at, uri) in [
        "spiffe://tollgate/gateway/a",
        "spiffe://other/gateway/default/eg",
    ]
    .iter()
    .enumerate()
    {
        let (life, now) = (Duration::from_secs(3600), SystemTime::now());
        let certificate = stage.authority.issue_client(uri, life, now).unwrap();
        let folder = stage.folder.path().join(format!("odd-{at}"));
        let config = FollowConfig {
            files: write(&folder, &certificate),
            ..stage.config(controller.port, "proxy")
        };
        let status = answer(&config, What::Hello(hello())).await;
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status}");
    }
    // A server's certificate is for servers.
    let config = FollowConfig {
        files: write(&stage.folder.path().join("odd"), &stage.server_identity()),
        ..stage.config(controller.port, "proxy")
    };
    Proxy::new(config, None).lost().await;
    assert_eq!(controller.server.stats().streams_refused, 2);
}

#[tokio::test]
async fn a_certificate_of_another_authority_and_an_expired_one_get_no_handshake() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(one_host(1));
    let (life, long_ago) = (
        Duration::from_secs(3600),
        SystemTime::now() - Duration::from_secs(2 * 3600),
    );
    let uri = identity().uri();
    let mut stranger = authority()
        .issue_client(&uri, life, SystemTime::now())
        .unwrap();
    stranger.ca_pem = stage.authority.trust_pem().to_string();
    let expired = stage.authority.issue_client(&uri, life, long_ago).unwrap();
    for (name, certificate) in [("stranger", stranger), ("expired", expired)] {
        let config = FollowConfig {
            files: write(&stage.folder.path().join(name), &certificate),
            ..stage.config(controller.port, "proxy")
        };
        let mut proxy = Proxy::new(config, None);
        proxy.lost().await;
        assert!(proxy.following.state.borrow().is_none(), "{name}");
    }
    let stats = controller.server.stats();
    assert!(stats.handshakes_refused >= 2, "{stats:?}");
    assert_eq!((stats.full_updates, stats.streams_refused), (0, 0));
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let life = Duration::from_secs(2);
    let uri = identity().uri();
    let brief = stage
        .authority
        .issue_client(&uri, life, SystemTime::now())
        .unwrap();
    let config = FollowConfig {
        files: write(&stage.folder.path().join("brief"), &brief),
        ..stage.config(controller.port, "proxy")
    };
    let mut proxy = Proxy::new(config, None);
    proxy.connected().await;
    let reason = proxy.lost().await;
    assert!(reason.contains("has ended"), "{reason}");
}

#[tokio::test]
async fn a_controller_of_another_authority_or_name_is_not_believed() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(one_host(1));
    let config = stage.config(controller.port, "proxy");
    let mut wrong_ca = stage.client_identity(&identity());
    wrong_ca.ca_pem = authority().trust_pem().to_string();
    let other_authority = FollowConfig {
        files: write(&stage.folder.path().join("wrong"), &wrong_ca),
        ..config.clone()
    };
    let other_name = FollowConfig {
        controller: format!("https://127.0.0.1:{}", controller.port)
            .parse()
            .unwrap(),
        ..config
    };
    for (config, says) in [
        (other_authority, "invalid peer certificate"),
        (other_name, "not valid for name"),
    ] {
        let reason = Proxy::new(config, None).lost().await;
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn the_server_shows_a_new_certificate_without_a_restart() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let version = controller.publish(one_host(1));
    stage.proxy(controller.port).at(version).await;
    // A new authority: trusted by what follows, beside the one before.
    let next = stage
        .authority
        .succeeded(Duration::from_secs(3600), SystemTime::now())
        .unwrap();
    let next = Stage {
        authority: next,
        folder: tempfile::tempdir().unwrap(),
    };
    let folder = stage.folder.path().join("controller");
    let key_before = std::fs::read(folder.join("tls.key")).unwrap();
    write(&folder, &next.server_identity());
    let mut config = next.config(controller.port, "proxy");
    Proxy::new(config.clone(), None).at(version).await;
    // Proxies with certificates of the one before are let in; they must trust the new one.
    let mut old = stage.client_identity(&identity());
    old.ca_pem = next.authority.trust_pem().to_string();
    config.files = write(&stage.folder.path().join("old"), &old);
    Proxy::new(config.clone(), None).at(version).await;
    // Files that do not fit are passed over: half of an update, say.
    std::fs::write(folder.join("tls.key"), key_before).unwrap();
    Proxy::new(config.clone(), None).at(version).await;
    std::fs::remove_file(folder.join("tls.crt")).unwrap();
    Proxy::new(config, None).at(version).await;
}

#[tokio::test]
async fn a_proxy_reads_its_certificate_again_when_it_connects_again() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let version = controller.publish(one_host(1));
    let mut config = stage.config(controller.port, "proxy");
    let good = config.clone();
    let uri = identity().uri();
    let (life, now) = (Duration::from_secs(3600), SystemTime::now());
    let stranger = authority().issue_client(&uri, life, now).unwrap();
    config.files = write(&stage.folder.path().join("changing"), &stranger);
    let folder = config.files.certificate.parent().unwrap().to_path_buf();
    let mut proxy = Proxy::new(config, None);
    proxy.lost().await;
    for (from, to) in [
        (&good.files.certificate, "tls.crt"),
        (&good.files.key, "tls.key"),
        (&good.files.ca, "ca.crt"),
    ] {
        std::fs::copy(from, folder.join(to)).unwrap();
    }
    proxy.at(version).await;
}

#[tokio::test]
async fn another_protocol_is_refused_in_words_and_the_proxy_keeps_what_it_has() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(one_host(1));
    let config = stage.config(controller.port, "proxy");
    let protocol = PROTOCOL + 1;
    let status = answer(
        &config,
        What::Hello(Hello {
            protocol,
            ..hello()
        }),
    )
    .await;
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(
        status
            .message()
            .contains("link protocol 3 and this controller 2"),
        "{status}"
    );
    let applied = wire::Applied {
        version: "00abcdef01234567".into(),
    };
    let status = answer(&config, What::Applied(applied)).await;
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    for pod in [String::new(), "x".repeat(254)] {
        let status = answer(&config, What::Hello(Hello { pod, ..hello() })).await;
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
    }
    assert_eq!(controller.server.stats().streams_refused, 4);
}

#[tokio::test]
async fn there_is_no_other_method() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let config = stage.config(controller.port, "proxy");
    let channel = connect(&config).await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/tollgate.link.v1.Link/Dump");
    let codec = tonic_prost::ProstCodec::<Report, wire::Part>::default();
    let request = tonic::Request::new(Report::from(What::Hello(hello())));
    let status = grpc.unary(request, path, codec).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn a_second_stream_of_one_pod_takes_its_place() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let version = controller.publish(one_host(1));
    let mut first = stage.proxy(controller.port);
    first.at(version).await;
    let mut second = stage.proxy(controller.port);
    second.at(version).await;
    drop(first);
    second.following.reporter.applied(version);
    let mut progress: watch::Receiver<_> = controller.server.progress();
    until(&mut progress, |it| {
        it.gateways
            .get(&identity())
            .is_some_and(|it| it.is_in_effect() && it.proxies.len() == 1)
    })
    .await;
}
