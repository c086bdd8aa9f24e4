//! From manifests to what a data plane is told, with settings of one machine.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, sync::LazyLock};

use tollgate_bundle::Bundle;
use tollgate_controller::{
    merge::merge_gateways,
    source::folder::{Loaded, Manifests, load as load_manifests},
};
use tollgate_translate::{CONTROLLER_NAME, Mode, Options, Standalone, translate};
use tollgate_xds::BuildOptions;

/// Settings of the rendering.
pub static BUILD: LazyLock<BuildOptions> = LazyLock::new(|| BuildOptions {
    body_bytes_max: 1 << 20,
    system_ca_path: PathBuf::from("ca.pem"),
    ..BuildOptions::new(PathBuf::from("extproc.sock"))
});

/// Settings of the translation.
pub fn options(mode: u8) -> Options {
    let standalone = Standalone {
        default_port: 1975,
        bind: Ipv4Addr::LOCALHOST.into(),
        provider_urls: Default::default(),
    };
    Options {
        controller_name: CONTROLLER_NAME.to_owned(),
        claimed_names: Vec::new(),
        cluster_domain: "cluster.local".to_owned(),
        mode: if mode == 0 {
            Mode::Standalone(standalone)
        } else {
            Mode::Cluster(Default::default())
        },
    }
}

/// Reads manifests, with a few variables in the environment.
pub fn load(text: &str) -> Loaded {
    let manifests = Manifests::Text {
        name: "input",
        text: Arc::from(text),
    };
    load_manifests(&manifests, &|name| {
        Some(match name {
            "EMPTY" => String::new(),
            "KEY" => "sk-'\"\\: #{}".to_owned(),
            "LINES" => "a: 1\n\nb: |\n  2\r\n".to_owned(),
            "NUMBER" => "1975".to_owned(),
            _ => return None,
        })
    })
}

/// What the data plane of `gateway.yaml` is told.
pub fn bundle() -> Bundle {
    let loaded = load(include_str!("gateway.yaml"));
    assert_eq!(loaded.problems, [], "gateway.yaml");
    let translation = translate(&loaded.world, &options(0));
    let (gateway, problems) = merge_gateways(&translation.ir);
    assert_eq!(problems, [], "gateway.yaml");
    gateway.bundle()
}
