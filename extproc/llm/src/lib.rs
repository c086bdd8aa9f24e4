//! tollgate-llm
