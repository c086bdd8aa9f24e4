//! What the proxy is told of a call that is over, for rate limits and access logs.

use super::Exchange;

impl Exchange {
    /// The costs of the rule, by their keys: none until the call is over, and none of a call that
    /// no provider answered.
    pub fn costs(&self) -> Vec<(&str, u64)> {
        match (&self.chat, self.final_usage) {
            (Some(chat), Some(usage)) if !chat.costs.is_empty() => {
                chat.costs.of(chat.names(), usage)
            }
            _ => Vec::new(),
        }
    }
}
