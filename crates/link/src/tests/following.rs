//! A proxy that follows: changes, reconnections, reports.

use std::{sync::Arc, time::Instant};

use tokio::net::TcpListener;
use tollgate_ir::Gateway;

use super::{
    sample::{many_hosts, one_host, route, routes_of},
    stage::{Controller, Proxy, Stage, identity, until, write},
};
use crate::{ProxySettings, RedisSettings, RefusedItem};

fn changed(mut gateway: Gateway, to: &str) -> Gateway {
    let changed = &mut routes_of(&mut gateway, 0)[0];
    *changed = route(&changed.name.clone(), to).into();
    gateway
}

#[tokio::test]
async fn a_proxy_gets_what_is_published_before_and_after_it_came() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let mut proxy = stage.proxy(controller.port);
    proxy.connected().await;
    let first = controller.publish(one_host(3));
    assert_eq!(*proxy.at(first).await.gateway, one_host(3));
    let second = controller.publish(changed(one_host(3), "x"));
    let got = proxy.at(second).await;
    assert_eq!(*got.gateway, changed(one_host(3), "x"));
    let stats = controller.server.stats();
    assert_eq!((stats.full_updates, stats.updates), (1, 1));
    controller.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_change_of_five_thousand_routes_is_followed_at_once_and_small() {
    for gateway in [one_host(5000), many_hosts(5000)] {
        let stage = Stage::new();
        let controller = stage.controller("controller").await;
        let mut proxy = stage.proxy(controller.port);
        let began = Instant::now();
        let first = controller.publish(gateway.clone());
        proxy.at(first).await;
        println!("the whole: {:?}", began.elapsed());
        let whole = controller.server.stats().bytes;
        let gateway = changed(gateway, "x");
        let began = Instant::now();
        let second = controller.publish(gateway);
        let published = began.elapsed();
        proxy.at(second).await;
        println!(
            "published in {published:?}, followed in {:?}",
            began.elapsed()
        );
        let change = controller.server.stats().bytes - whole;
        println!("{whole} bytes, then {change}");
        assert!(change < 8 * 1024);
        assert!(began.elapsed().as_secs() < 5);
    }
}

#[tokio::test]
async fn a_proxy_that_comes_gets_nothing_older_than_what_is_known() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    controller.publish(one_host(3));
    controller.server.fell_behind();
    let mut proxy = stage.proxy(controller.port);
    proxy.connected().await;
    let mut progress = controller.server.progress();
    until(&mut progress, |it| {
        it.gateways
            .values()
            .any(|it| it.connected().next().is_some())
    })
    .await;
    let newest = controller.publish(changed(one_host(3), "x"));
    controller.server.caught_up();
    proxy.at(newest).await;
    let stats = controller.server.stats();
    assert_eq!((stats.full_updates, stats.updates), (1, 0));
    controller.stop().await;
}

#[tokio::test]
async fn a_proxy_that_comes_back_is_sent_what_it_lacks_and_no_more() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let first = controller.publish(one_host(3));
    let mut proxy = stage.proxy(controller.port);
    let known = proxy.at(first).await;
    drop(proxy);
    controller.is_alone().await;
    // Four steps are missed.
    for to in ["x", "y", "z"] {
        controller.publish(changed(one_host(3), to));
    }
    let last = controller.publish(one_host(4));
    let mut proxy = Proxy::new(stage.config(controller.port, "proxy"), Some(known.clone()));
    assert_eq!(*proxy.at(last).await.gateway, one_host(4));
    let stats = controller.server.stats();
    assert_eq!((stats.full_updates, stats.updates), (1, 4));
    drop(proxy);

    // Another replica that has the same sends nothing; one that does not know the base, everything.
    let replica = stage.controller("replica").await;
    assert_eq!(replica.publish(one_host(3)), first);
    let mut proxy = Proxy::new(stage.config(replica.port, "proxy"), Some(known));
    proxy.connected().await;
    proxy.following.reporter.applied(first);
    until(&mut replica.server.progress(), |it| {
        let gateway = it.gateways.get(&identity());
        gateway.is_some_and(super::super::GatewayProgress::is_in_effect)
    })
    .await;
    assert_eq!(replica.server.stats().bytes, 0);
    drop(proxy);
    let stranger = stage.controller("stranger").await;
    stranger.publish(one_host(7));
    stranger.publish(one_host(8));
    let state = Some(Arc::new(
        crate::Snapshot::new(Arc::new(one_host(2)), ProxySettings::default()).unwrap(),
    ));
    let mut proxy = Proxy::new(stage.config(stranger.port, "proxy"), state);
    let version = stranger.publish(one_host(8));
    proxy.at(version).await;
    assert_eq!(stranger.server.stats().full_updates, 1);
}

#[tokio::test]
async fn a_proxy_goes_on_with_what_it_has_while_controllers_are_away() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let port = controller.port;
    let first = controller.publish(one_host(3));
    let mut proxy = stage.proxy(port);
    proxy.at(first).await;
    proxy.following.reporter.applied(first);
    controller.stop().await;
    let reason = proxy.lost().await;
    assert!(reason.contains("this controller stops"), "{reason}");
    assert!(proxy.following.state.borrow().is_some());
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let files = write(&stage.folder.path().join("again"), &stage.server_identity());
    let controller = Controller::on(listener, files);
    let second = controller.publish(one_host(4));
    proxy.at(second).await;
    // What it said last is said to the new one.
    until(&mut controller.server.progress(), |it| {
        let gateway = &it.gateways[&identity()];
        gateway.connected().any(|(_, it)| it.applied == Some(first))
    })
    .await;
}

#[tokio::test]
async fn what_envoy_refuses_is_reported_until_a_later_version_is_in_effect() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let first = controller.publish(one_host(3));
    let mut proxy = stage.proxy(controller.port);
    proxy.at(first).await;
    let item = RefusedItem {
        resource: "default/eg/80/*".into(),
        error: "x".repeat(100_000),
    };
    let reporter = proxy.following.reporter.clone();
    reporter.refused(first, vec![item; 1000]);
    let mut progress = controller.server.progress();
    let seen = until(&mut progress, |it| {
        let proxies = it.gateways.get(&identity()).map(|it| &it.proxies);
        proxies.is_some_and(|it| it.values().any(|it| it.refused.is_some()))
    })
    .await;
    let refused = seen.gateways[&identity()].proxies["proxy"]
        .refused
        .clone()
        .unwrap();
    assert_eq!(refused.version, first);
    assert_eq!(
        (refused.items.len(), refused.items[0].error.len()),
        (64, 1024)
    );
    assert!(!seen.gateways[&identity()].is_in_effect());
    let second = controller.publish(one_host(4));
    proxy.at(second).await;
    reporter.applied(second);
    let seen = until(&mut progress, |it| it.gateways[&identity()].is_in_effect()).await;
    assert_eq!(seen.gateways[&identity()].proxies["proxy"].refused, None);
    drop(proxy);
    controller.is_alone().await;
    assert!(!progress.borrow().gateways[&identity()].is_in_effect());
    controller.server.remove(&identity());
    until(&mut progress, |it| it.gateways.is_empty()).await;
}

#[tokio::test]
async fn settings_are_followed_like_the_gateway() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let mut proxy = stage.proxy(controller.port);
    let first = controller.publish(one_host(3));
    proxy.at(first).await;
    let mut settings = ProxySettings::default();
    settings.store.redis = Some(RedisSettings {
        url: "redis://redis:6379".to_string().into(),
        password: Some("hunter2".to_string().into()),
        prefix: Some("team-a".into()),
    });
    let gateway = Arc::new(one_host(3));
    let second = controller
        .server
        .publish(&identity(), gateway, settings.clone());
    let got = proxy.at(second.unwrap()).await;
    assert_eq!(*got.settings, settings);
    assert_eq!(controller.server.stats().full_updates, 1);
}

#[tokio::test]
async fn a_gateway_that_is_removed_leaves_its_proxies_as_they_are() {
    let stage = Stage::new();
    let controller = stage.controller("controller").await;
    let first = controller.publish(one_host(3));
    let mut proxy = stage.proxy(controller.port);
    proxy.at(first).await;
    controller.server.remove(&identity());
    let second = controller.publish(one_host(4));
    proxy.at(second).await;
    // From nothing to something: there is no step between them.
    assert_eq!(controller.server.stats().full_updates, 2);
}
