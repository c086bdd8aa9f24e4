//! TLS to a server with a certificate of a private authority.

use std::{path::Path, process::Command};

use tollgate_bundle::WindowKind;
use tollgate_redis::{RedisOptions, RedisStore};

use crate::{
    server::{Listen, Server, free_port},
    values::{account, ask, block_on, connected, granted, patient, standing},
};

/// An authority (`ca.pem`) and a server's certificate for `localhost` by it.
fn make_certificates(folder: &Path) {
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl")
            .args(words)
            .current_dir(folder)
            .output()
            .expect("openssl runs (Debian: openssl)");
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let curve = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let mut authority = vec!["req", "-x509", "-days", "2", "-subj", "/CN=test authority"];
    authority.extend(curve);
    authority.extend(["-keyout", "ca.key", "-out", "ca.pem"]);
    openssl(&authority);
    let mut request = vec!["req", "-subj", "/CN=localhost"];
    request.extend(curve);
    request.extend(["-keyout", "server.key", "-out", "server.csr"]);
    openssl(&request);
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").expect("written");
    openssl(&[
        "x509",
        "-req",
        "-days",
        "2",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "names",
        "-out",
        "server.pem",
    ]);
}

#[test]
fn tls_server_of_a_given_authority_is_trusted_and_of_another_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key, authority) = (file("server.pem"), file("server.key"), file("ca.pem"));
    let ca_pem = std::fs::read_to_string(&authority).expect("read");
    let args = [
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
        "--requirepass",
        "geheim",
    ];
    let place = tempfile::tempdir().expect("a folder");
    let server = Server::start_in(place, Listen::TlsPort(free_port()), &args);
    let url = server.url().replace("rediss://", "rediss://:geheim@");
    block_on(async {
        let trusting = RedisOptions {
            ca_pem: Some(ca_pem),
            ..patient()
        };
        let store = connected(&url, trusting).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        granted(&store, &ask(1, &[&alice], 40)).await;
        assert_eq!(standing(&store, &alice).await, (0, 40));

        let store = RedisStore::connect(&url, patient()).expect("a url");
        let error = store
            .ready()
            .await
            .expect_err("nobody knows that authority");
        assert!(error.to_string().contains("ertificate"), "{error}");
        assert!(!error.to_string().contains("geheim"), "{error}");
    });
}
