//! A stream of Envoy's of any bytes (gRPC frames): every message is answered in a form that Envoy
//! understands, and nothing is left behind when the stream ends.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tollgate_budget::{Bounds, Clock, MemoryStore};
use tollgate_envoy::{Message, ext_proc::ProcessingResponse};
use tollgate_extproc::{Host, HostConfig, Telemetry, fuzzing::serve_frames};
use tollgate_fuzz::{Settings, bundle};

static GATEWAY: LazyLock<Gateway> = LazyLock::new(Gateway::start);

struct Gateway {
    runtime: Runtime,
    store: Arc<MemoryStore>,
    host: Arc<Host>,
    scope: String,
}

fuzz_target!(init: LazyLock::force(&GATEWAY), |input: &[u8]| {
    let Gateway {
        runtime,
        store,
        host,
        scope,
    } = &*GATEWAY;
    let mut settings = Settings::new(input);
    let scope = (settings.byte() & 1 == 0).then(|| scope.clone());
    let frames = Bytes::copy_from_slice(settings.rest());
    let messages_max = frames.len() / 5 + 1;
    runtime.block_on(async {
        let (answers, _) = serve_frames(Arc::clone(host), scope, frames).await;
        assert!(answers.len() <= messages_max);
        for answer in answers {
            let answer = ProcessingResponse::decode(answer).expect("what Envoy understands");
            assert!(answer.response.is_some());
        }
        // What the end of a stream leaves to do is done behind its back.
        for _ in 0..1_000 {
            if store.usage().holds == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(store.usage().holds, 0, "every hold is settled");
        assert_eq!(host.in_flight(), 0);
    });
});

impl Gateway {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build();
        let clock = Clock::new(|| 1_773_489_600_000);
        let bounds = Bounds {
            settled_ids_max: 1_000,
            ..Bounds::default()
        };
        let store = Arc::new(MemoryStore::new(clock, bounds));
        let telemetry = Telemetry::new(&opentelemetry::global::meter("fuzz"));
        let host = Host::new(
            HostConfig::default(),
            Arc::clone(&store) as _,
            Arc::new(telemetry),
        );
        let bundle = bundle();
        host.apply(&bundle);
        Self {
            runtime: runtime.expect("a runtime"),
            store,
            host,
            scope: bundle.scopes.into_keys().next().expect("a scope"),
        }
    }
}
