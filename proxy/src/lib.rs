//! The data plane of one gateway: renders its configuration for the Envoy beside it.
