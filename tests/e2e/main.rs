//! Tests of the whole product: the binary, real Envoy, the provider simulator, official SDKs.
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod stage;
