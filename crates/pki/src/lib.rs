//! Certificates by which our processes know each other.
