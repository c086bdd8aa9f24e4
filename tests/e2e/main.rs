//! Tests of the whole product: the binary, real Envoy, the provider simulator, official SDKs.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod http_routes;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod meters;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod process;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod rate_limit_service;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
mod sdk;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod store_failure;
#[cfg(test)]
mod usage;
