//! One client call on the host's side: its exchange, its times, and its end whatever happens.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;
use tollgate_engine::{EndStep, Exchange};

use crate::{host::Host, in_flight::SharedExchange, told::CallTimes};

/// A client call. Dropping it before its end (the proxy closed the stream: the client went away)
/// charges what was used.
pub struct Call {
    host: Arc<Host>,
    exchange: SharedExchange,
    request_id: String,
    id: u128,
    listed: bool,
    concluded: bool,
    begun: Instant,
    first_token: Option<Instant>,
}

// === impl Call ===

impl Call {
    /// A call that begins now, in this scope of the bundle.
    pub fn new(host: Arc<Host>, scope: &str, request_id: String) -> Self {
        let exchange = Exchange::new(host.exchange_input(scope));
        Self {
            id: exchange.id(),
            exchange: Arc::new(Mutex::new(exchange)),
            host,
            request_id,
            listed: false,
            concluded: false,
            begun: Instant::now(),
            first_token: None,
        }
    }

    /// What the engine knows of the call.
    pub fn exchange(&self) -> &SharedExchange {
        &self.exchange
    }

    /// Lists the call where retries and renewals find it; false when too many are in flight.
    pub fn list(&mut self) -> bool {
        self.listed = self.host.in_flight.insert(self.id, &self.exchange);
        self.listed
    }

    /// Notes when the first content token passed.
    pub fn note_content(&mut self, exchange: &Exchange) {
        if self.first_token.is_none() && exchange.has_content() {
            self.first_token = Some(Instant::now());
        }
    }

    /// Ends the call: settles, and tells of it. Where the proxy closes the stream meanwhile, the
    /// drop does so.
    pub async fn conclude(&mut self, end: EndStep) {
        let _pending = self.host.concluding();
        self.unlist();
        self.settle(end).await;
        self.concluded = true;
    }

    /// The call is told of as soon as its settlement is on its way, so that a ledger behind a wire
    /// gets both at once.
    async fn settle(&mut self, end: EndStep) {
        let (host, exchange) = (Arc::clone(&self.host), Arc::clone(&self.exchange));
        let mut settling = pin!(host.conclude(&exchange, end));
        let mut is_told = false;
        poll_fn(|cx| {
            let settled = settling.as_mut().poll(cx);
            if !is_told && (settled.is_ready() || exchange.lock().is_closed()) {
                is_told = true;
                self.report();
            }
            settled
        })
        .await;
    }

    fn unlist(&mut self) {
        if self.listed {
            self.host.in_flight.remove(self.id);
            self.listed = false;
        }
    }

    fn report(&mut self) {
        let record = self.exchange.lock().record();
        let times = CallTimes {
            duration: self.begun.elapsed(),
            first_token: self.first_token.map(|at| at - self.begun),
        };
        let request_id = std::mem::take(&mut self.request_id);
        self.host.told.call(record, times, request_id);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.concluded {
            return;
        }
        self.concluded = true;
        self.unlist();
        let end = self.exchange.lock().on_closed();
        if matches!(end, EndStep::Done) {
            return self.report();
        }
        let mut rest = Self {
            host: Arc::clone(&self.host),
            exchange: Arc::clone(&self.exchange),
            request_id: std::mem::take(&mut self.request_id),
            id: self.id,
            listed: false,
            concluded: true,
            begun: self.begun,
            first_token: self.first_token,
        };
        // Without a runtime the process is ending: the store frees the hold when it expires.
        let Some(runtime) = self.host.runtime() else {
            return;
        };
        let pending = self.host.concluding();
        runtime.spawn(async move {
            rest.settle(end).await;
            drop(pending);
        });
    }
}
