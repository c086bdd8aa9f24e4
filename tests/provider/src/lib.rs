//! tollgate-provider
