//! tollgate-harness
