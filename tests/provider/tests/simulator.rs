//! Drives a simulator over real connections.

#[cfg(test)]
mod simulator {
    pub(crate) mod anthropic;
    pub(crate) mod client;
    pub(crate) mod faults;
    pub(crate) mod lifecycle;
    pub(crate) mod openai;
    pub(crate) mod sdk;
    pub(crate) mod tally;
}
