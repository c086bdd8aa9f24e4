//! tollgate-crds
