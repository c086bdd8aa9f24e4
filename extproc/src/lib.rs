//! tollgate-extproc
