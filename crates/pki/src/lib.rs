//! Certificates by which our processes know each other: an authority, what it signs, and whose
//! certificate a peer has shown.
//!
//! Pure: PEM in, PEM out, time as a parameter. Read by `certgen`, by the controller's leader (which
//! issues the identities of fleets) and by `link` (which decides by them what a proxy is told).

#![forbid(unsafe_code)]

mod authority;
mod certificate;
mod gateway_identity;
mod identity;
mod plan;

pub use authority::{AUTHORITY_VALID_FOR, Authority, LEAF_VALID_FOR};
pub use certificate::{CertificateError, Validity, dns_names, peer_uri, peer_validity, validity};
pub use gateway_identity::{GatewayIdentity, GatewayIdentityError};
pub use identity::Identity;
pub use plan::{Found, Plan, Reason, Wanted, plan};
