//! tollgate-e2e
