//! Runs the engine's steps that need the world: counting and the ledger.

use tollgate_engine::{BodyStep, EndStep, Forward, Reply, Step};
use tollgate_llm::BodyChange;

use crate::{host::Host, in_flight::SharedExchange};

/// Where a step came to rest.
#[derive(Debug)]
pub enum Rest {
    /// Send the request on.
    Forward(Forward),
    /// Read the whole body.
    ReadBody,
    /// Answer the client; the request ends here.
    Reply(Reply),
}

impl Host {
    /// Runs steps until the proxy has to act.
    pub async fn drive(&self, exchange: &SharedExchange, mut step: Step) -> Rest {
        loop {
            step = match step {
                Step::Forward(forward) => return Rest::Forward(forward),
                Step::ReadBody => return Rest::ReadBody,
                Step::Reply(reply) => return Rest::Reply(reply),
                Step::Count(job) => match self.compute(move || job.run()).await {
                    Some(tokens) => exchange.lock().on_counted(tokens),
                    None => Step::Reply(Reply::internal("the token count did not finish")),
                },
                Step::Hold(request) => {
                    let outcome = self.store.hold(&request).await;
                    exchange.lock().on_hold(outcome)
                }
                Step::Raise(request) => {
                    let outcome = self.store.raise(&request).await;
                    exchange.lock().on_hold(outcome)
                }
                Step::States(accounts) => {
                    let states = self.store.states(&accounts).await;
                    exchange.lock().on_states(states)
                }
            };
        }
    }

    /// Runs the steps of a piece of the answer until it may go on.
    pub async fn drive_body(
        &self,
        exchange: &SharedExchange,
        mut step: BodyStep,
    ) -> (BodyChange, Option<EndStep>) {
        loop {
            step = match step {
                BodyStep::Pass { change, end } => return (change, end),
                BodyStep::TopUp(request) => {
                    let outcome = self.store.raise(&request).await;
                    exchange.lock().on_top_up(outcome)
                }
                BodyStep::Estimate(job) => {
                    let usage = self.compute(move || job.run()).await;
                    exchange.lock().on_cut_estimated(usage.unwrap_or_default())
                }
            };
        }
    }

    /// Runs the end of an exchange.
    pub(crate) async fn conclude(&self, exchange: &SharedExchange, mut end: EndStep) {
        loop {
            end = match end {
                EndStep::Done => return,
                EndStep::Estimate(job) => match self.compute(move || job.run()).await {
                    Some(usage) => exchange.lock().on_estimated(usage),
                    None => return,
                },
                EndStep::Settle(settlement) => {
                    if let Err(error) = self.store.settle(&settlement).await {
                        self.told.settle_failed();
                        tracing::error!(%error, hold = ?settlement.receipt.id, charges = ?settlement.charges, "a call was not charged");
                    }
                    return;
                }
            };
        }
    }

    /// Runs CPU-bound work off the I/O threads, at most `counting_max` at once.
    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _permit = self.counting.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}
