//! The store at the other end of an uplink is a store like any other.

use std::pin::pin;

use tollgate_budget::conformance;

use super::rig::Rig;

tollgate_budget::conformance_tests!(run);

fn run(check: impl AsyncFnOnce(&conformance::Rig<'_>)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(pin!(async {
        let rig = Rig::start().await;
        let engine = rig.engine();
        engine.connected().await;
        let checked = conformance::Rig {
            store: &*engine.client,
            clock: &rig.time,
            hold_lifetime_ms: 30_000,
            run: 1,
        };
        check(&checked).await;
    }));
}
