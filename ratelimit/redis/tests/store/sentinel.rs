//! Redis Sentinel: the store goes where the master is.

use std::time::{Duration, Instant};

use tollgate_bundle::WindowKind;

use crate::{
    server::{Listen, Server, free_port},
    values::{account, ask, block_on, connected, granted, patient, standing, until_answered},
};
use tollgate_budget::Store;

fn start_sentinel(master: &Server) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let conf = format!(
        "sentinel monitor ledger 127.0.0.1 {} 1\nsentinel down-after-milliseconds ledger 500\n\
         sentinel failover-timeout ledger 5000\n",
        master.port()
    );
    std::fs::write(folder.path().join("sentinel.conf"), conf).expect("written");
    Server::start_in(folder, Listen::Port(free_port()), &["--sentinel"])
}

#[test]
fn failover_is_followed_and_keeps_what_was_charged() {
    let mut master = Server::start_on_port(&[]);
    let port = master.port().to_string();
    let replica = Server::start_on_port(&["--replicaof", "127.0.0.1", &port]);
    let sentinel = start_sentinel(&master);
    let begun = Instant::now();
    while !sentinel
        .cli(&["SENTINEL", "REPLICAS", "ledger"])
        .contains(&replica.port().to_string())
        || !replica
            .cli(&["INFO", "replication"])
            .contains("master_link_status:up")
    {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "the replica is not known"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    block_on(async {
        let url = format!("redis-sentinel://127.0.0.1:{}/ledger", sentinel.port());
        let store = connected(&url, patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        granted(&store, &ask(1, &[&alice], 60)).await;
        assert_eq!(master.cli(&["WAIT", "1", "5000"]), "1");
        master.kill();
        let request = ask(2, &[&alice], 5);
        until_answered(async || store.hold(&request).await).await;
        assert_eq!(standing(&store, &alice).await, (0, 65));
        assert!(replica.cli(&["ROLE"]).starts_with("master"));
    });
}
