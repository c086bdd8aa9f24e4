//! Tests of the whole product: the binary, real Envoy, the provider simulator, official SDKs.
