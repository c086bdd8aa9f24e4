//! Who we are to the server: passwords, users of an access list, and what is printed of them.

use tollgate_budget::{Store, StoreError};
use tollgate_bundle::WindowKind;
use tollgate_redis::{RedisOptions, RedisStore};
use tollgate_secret::Secret;

use crate::{
    server::Server,
    values::{
        account, ask, block_on, connected, granted, patient, settle, standing, until_answered,
    },
};

/// What the documentation of the store says a user needs.
const RIGHTS: &[&str] = &[
    "~tg1:{tollgate}:*",
    "+evalsha",
    "+eval",
    "+mget",
    "+get",
    "+set",
    "+del",
    "+zadd",
    "+zrem",
    "+zrange",
    "+zrangebyscore",
    "+scan",
    "+time",
    "+role",
];

fn server_with_user() -> Server {
    let server = Server::start();
    let mut setuser = vec!["ACL", "SETUSER", "gate", "on", ">geheim"];
    setuser.extend(RIGHTS);
    server.cli(&setuser);
    server.cli(&["ACL", "SETUSER", "default", "off"]);
    server
}

fn url(server: &Server, user: &str) -> String {
    server.url().replace("unix://", &format!("unix://{user}@"))
}

#[test]
fn user_with_the_documented_rights_can_do_all() {
    let server = server_with_user();
    block_on(async {
        let store = connected(&url(&server, "gate:geheim"), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let receipt = granted(&store, &ask(1, &[&alice], 40)).await;
        store.renew(&receipt).await.expect("renewed");
        settle(&store, &receipt, 30).await;
        store.grant(&alice, 5).await.expect("granted");
        assert_eq!(standing(&store, &alice).await, (30, 0));
        let page = tollgate_budget::PageRequest {
            budget: "default/daily".to_owned(),
            after: None,
            size: 10,
        };
        assert_eq!(store.list(&page).await.expect("listed").entries.len(), 1);
        store.reset(&alice).await.expect("reset");
    });
}

#[test]
fn refused_password_is_told_and_taken_once_it_is_right() {
    let server = server_with_user();
    block_on(async {
        let options = RedisOptions {
            password: Some(Secret::new("falsch".to_owned())),
            ..patient()
        };
        let store = RedisStore::connect(&url(&server, "gate:geheim"), options).expect("a url");
        let error = store.ready().await.expect_err("refused");
        let told = error.to_string();
        assert!(matches!(error, StoreError::Unavailable(_)));
        assert!(
            told.contains("WRONGPASS") || told.contains("uthentication"),
            "{told}"
        );
        let alice = account(WindowKind::Day, "user:alice", 100);
        let refused = store.states(std::slice::from_ref(&alice)).await;
        assert!(refused.is_err(), "a call while refused fails");
        for printed in [told, format!("{store:?}")] {
            assert!(
                !printed.contains("geheim") && !printed.contains("falsch"),
                "{printed}"
            );
        }
        // Through the socket nobody is let in any more, so another server takes its place.
        drop(server);
    });
}

#[test]
fn password_set_right_later_lets_the_store_in() {
    let server = Server::start();
    server.cli(&[
        "ACL",
        "SETUSER",
        "gate",
        "on",
        ">first",
        "allkeys",
        "allcommands",
    ]);
    block_on(async {
        let store = RedisStore::connect(&url(&server, "gate:second"), patient()).expect("a url");
        store.ready().await.expect_err("refused");
        server.cli(&["ACL", "SETUSER", "gate", ">second"]);
        let alice = account(WindowKind::Day, "user:alice", 100);
        let accounts = [alice];
        let states = until_answered(async || store.states(&accounts).await).await;
        assert_eq!(states[0].remaining(), 100);
    });
}

#[test]
fn user_without_rights_is_refused_by_each_call_and_stays_connected() {
    let server = Server::start();
    server.cli(&[
        "ACL", "SETUSER", "gate", "on", ">geheim", "~other:*", "+@all",
    ]);
    block_on(async {
        let store = connected(&url(&server, "gate:geheim"), patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        let error = store
            .hold(&ask(1, &[&alice], 1))
            .await
            .expect_err("refused");
        assert!(error.to_string().contains("NOPERM"), "{error}");
        server.cli(&["ACL", "SETUSER", "gate", "allkeys"]);
        granted(&store, &ask(1, &[&alice], 1)).await;
    });
}

#[test]
fn wrong_url_is_an_error_that_names_the_rule() {
    block_on(async {
        for url in ["", "redis://", "http://h", "redis://u:geheim@h:0"] {
            let error = RedisStore::connect(url, patient())
                .expect_err(url)
                .to_string();
            assert!(error.starts_with("redis url `"), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
        let options = RedisOptions {
            ca_pem: Some("no certificate".to_owned()),
            ..patient()
        };
        let error = RedisStore::connect("rediss://u:geheim@h", options).map(|_| ());
        let told = format!("{error:?}");
        assert!(!told.contains("geheim"), "{told}");
    });
}
