//! tollgate-translate
