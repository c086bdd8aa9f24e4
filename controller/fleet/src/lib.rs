//! Pure: the Kubernetes objects by which a gateway runs.
