//! The Kubernetes API: what is watched, what is written.
