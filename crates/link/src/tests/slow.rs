//! Proxies that are slow, and gateways that are large.

use std::time::Duration;

use futures::StreamExt;
use tokio::time;
use tollgate_ir::{Gateway, HttpAction};

use super::{
    sample::{one_host, routes_of},
    stage::{Stage, identity},
};
use crate::{
    Snapshot, Update,
    client::connect,
    wire::{self, Hello, Joiner, PROTOCOL, Report, report::What},
};

/// A gateway whose routes have so many bytes each.
fn large(routes: usize, bytes: usize, fill: char) -> Gateway {
    let mut gateway = one_host(routes);
    for route in routes_of(&mut gateway, 0) {
        route.action = HttpAction::Fail {
            status: 500,
            reason: fill.to_string().repeat(bytes),
        };
    }
    gateway
}

#[tokio::test]
async fn a_gateway_of_twenty_megabytes_passes() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let mut proxy = stage.proxy(controller.port);
    let gateway = large(10, 2_000_000, 'x');
    let version = controller.publish(gateway.clone());
    assert_eq!(*proxy.at(version).await.gateway, gateway);
    assert!(controller.server.stats().bytes > 20_000_000);
}

#[tokio::test]
async fn a_proxy_that_does_not_read_gets_what_is_newest_and_no_queue() {
    const CHANGES: u32 = 100;
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(large(1, 1_000_000, 'x'));
    let channel = connect(&stage.config(controller.port, "proxy"))
        .await
        .unwrap();
    let hello = What::Hello(Hello {
        gateway: identity().uri(),
        pod: "slow".into(),
        protocol: PROTOCOL,
        have: String::new(),
    });
    let hello = futures::stream::once(async { Report::from(hello) });
    let reports = hello.chain(futures::stream::pending());
    let mut parts = wire::follow(channel, reports).await.unwrap();
    for change in 0..CHANGES {
        let fill = char::from_digit(change % 10, 10).unwrap();
        controller.publish(large(1, 1_000_000 + change as usize, fill));
        tokio::task::yield_now().await;
    }
    let last = controller.publish(one_host(1));
    let read = async {
        let (mut updates, mut joiner) = (0, Joiner::default());
        let mut have: Option<Snapshot> = None;
        while have.as_ref().map(Snapshot::version) != Some(last) {
            let part = parts.message().await.unwrap().unwrap();
            let update: Option<Update> = joiner.push(part).unwrap();
            if let Some(update) = update {
                have = Some(Snapshot::apply(have.as_ref(), &update).unwrap());
                updates += 1;
            }
        }
        updates
    };
    let updates = time::timeout(Duration::from_secs(20), read).await.unwrap();
    println!("{updates} updates for {CHANGES} changes");
    assert!(updates < 50);
    assert_eq!(sent(&controller.server.stats()), updates);
}

fn sent(stats: &crate::LinkStats) -> u64 {
    stats.updates + stats.full_updates
}
