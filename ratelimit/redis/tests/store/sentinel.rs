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
    until("the replica is known", || {
        sentinel
            .cli(&["SENTINEL", "REPLICAS", "ledger"])
            .contains(&replica.port().to_string())
            && replica
                .cli(&["INFO", "replication"])
                .contains("master_link_status:up")
    });
    block_on(async {
        let url = format!("redis-sentinel://127.0.0.1:{}/ledger", sentinel.port());
        let store = connected(&url, patient()).await;
        let alice = account(WindowKind::Day, "user:alice", 100);
        granted(&store, &ask(1, &[&alice], 60)).await;
        // `WAIT` would be about what its own connection wrote: nothing.
        let written = offset(&master, "master_repl_offset:");
        until("the replica has the hold", || {
            offset(&replica, "slave_repl_offset:") >= written
        });
        master.kill();
        let request = ask(2, &[&alice], 5);
        until_answered(async || store.hold(&request).await).await;
        assert_eq!(standing(&store, &alice).await, (0, 65));
        assert!(replica.cli(&["ROLE"]).starts_with("master"));
    });
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(15), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes of the stream of replication that a server has written, or has.
fn offset(server: &Server, field: &str) -> u64 {
    let said = server.cli(&["INFO", "replication"]);
    let value = said.lines().find_map(|line| line.strip_prefix(field));
    value.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
