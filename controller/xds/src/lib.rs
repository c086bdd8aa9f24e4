//! tollgate-xds
