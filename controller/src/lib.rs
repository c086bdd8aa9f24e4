//! tollgate-controller
