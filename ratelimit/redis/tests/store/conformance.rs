//! What every store must do, on Redis.

use tollgate_budget::conformance::Rig;

use crate::{
    server::Server,
    values::{Time, block_on, connected},
};

tollgate_budget::conformance_tests!(run);

fn run(check: impl AsyncFnOnce(&Rig<'_>)) {
    let server = Server::start();
    let time = Time::default();
    block_on(async {
        let store = connected(&server.url(), time.options()).await;
        let rig = Rig {
            store: &store,
            clock: &time,
            hold_lifetime_ms: 30_000,
            run: 1,
        };
        check(&rig).await;
    });
}
