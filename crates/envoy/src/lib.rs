//! tollgate-envoy
