//! Reasons of conditions. Those of Gateway API keep its spelling (v1.5, `conditions` of each
//! kind); those that only we have are marked.

/// A Gateway without an address so far.
pub const ADDRESS_NOT_ASSIGNED: &str = "AddressNotAssigned";
/// An address that a Gateway asks for and cannot have.
pub const ADDRESS_NOT_USABLE: &str = "AddressNotUsable";
/// A `parametersRef` that leads nowhere, or to what cannot be.
pub const INVALID_PARAMETERS: &str = "InvalidParameters";
/// No proxy runs.
pub const NO_RESOURCES: &str = "NoResources";
/// It is being made.
pub const PENDING: &str = "Pending";
/// The object is valid and taken.
pub const ACCEPTED: &str = "Accepted";
/// A reference leads to an object that does not exist.
pub const BACKEND_NOT_FOUND: &str = "BackendNotFound";
/// Ours: a ConfigMap that does not exist.
pub const CONFIG_MAP_NOT_FOUND: &str = "ConfigMapNotFound";
/// Two objects claim the same thing.
pub const CONFLICTED: &str = "Conflicted";
/// Ours: a subject that any client can claim to be.
pub const FORGEABLE_SUBJECT: &str = "ForgeableSubject";
/// Another listener has the same port and host name.
pub const HOSTNAME_CONFLICT: &str = "HostnameConflict";
/// Filters of one rule exclude each other.
pub const INCOMPATIBLE_FILTERS: &str = "IncompatibleFilters";
/// The object, or a part of it, is not valid.
pub const INVALID: &str = "Invalid";
/// Ours: TLS to a backend that cannot be spoken.
pub const INVALID_BACKEND_TLS: &str = "InvalidBackendTLS";
/// A reference to certificates that leads nowhere.
pub const INVALID_CA_CERTIFICATE_REF: &str = "InvalidCACertificateRef";
/// A reference names a kind that cannot stand there.
pub const INVALID_KIND: &str = "InvalidKind";
/// A listener asks for kinds of routes that it cannot serve.
pub const INVALID_ROUTE_KINDS: &str = "InvalidRouteKinds";
/// No listener of the Gateway is valid.
pub const LISTENERS_NOT_VALID: &str = "ListenersNotValid";
/// The listener collides with no other.
pub const NO_CONFLICTS: &str = "NoConflicts";
/// The host names of the route and of the listener have nothing in common.
pub const NO_MATCHING_LISTENER_HOSTNAME: &str = "NoMatchingListenerHostname";
/// The parent has no such listener, or does not exist.
pub const NO_MATCHING_PARENT: &str = "NoMatchingParent";
/// Ours: a budget that no rule is held against, a policy whose routes nothing serves.
pub const NO_MATCHING_ROUTE: &str = "NoMatchingRoute";
/// No reference of a policy leads to a certificate to trust.
pub const NO_VALID_CA_CERTIFICATE: &str = "NoValidCACertificate";
/// The listener does not take this route.
pub const NOT_ALLOWED_BY_LISTENERS: &str = "NotAllowedByListeners";
/// Another Gateway has the port.
pub const PORT_UNAVAILABLE: &str = "PortUnavailable";
/// Ours: a model that a price table does not know.
pub const PRICE_MISSING: &str = "PriceMissing";
/// The data plane was told.
pub const PROGRAMMED: &str = "Programmed";
/// Listeners on one port speak protocols that exclude each other.
pub const PROTOCOL_CONFLICT: &str = "ProtocolConflict";
/// A reference into another namespace that no ReferenceGrant there permits.
pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
/// Every reference leads to an object.
pub const RESOLVED_REFS: &str = "ResolvedRefs";
/// Ours: a Secret that is missing or has no usable key.
pub const SECRET_NOT_FOUND: &str = "SecretNotFound";
/// A port that the object does not have.
pub const PORT_NOT_FOUND: &str = "PortNotFound";
/// Ours: budgets are to be kept, and there is no store that all proxies share.
pub const STORE_MISSING: &str = "StoreMissing";
/// A policy names an object, or a part of one, that does not exist.
pub const TARGET_NOT_FOUND: &str = "TargetNotFound";
/// Ours: a subject that some callers do not have.
pub const SUBJECT_MISSING: &str = "SubjectMissing";
/// Ours: a subject that nothing in this configuration verifies.
pub const SUBJECT_NOT_VERIFIED: &str = "SubjectNotVerified";
/// Ours: a budget names what has no meter.
pub const UNMETERED_ENDPOINT: &str = "UnmeteredEndpoint";
/// A protocol that this version does not serve.
pub const UNSUPPORTED_PROTOCOL: &str = "UnsupportedProtocol";
/// A value that this version does not serve.
pub const UNSUPPORTED_VALUE: &str = "UnsupportedValue";
/// Ours: a limit that refuses every request.
pub const ZERO_LIMIT: &str = "ZeroLimit";
/// Clients without a valid certificate are let in.
pub const CONFIGURATION_CHANGED: &str = "ConfigurationChanged";
/// A certificate of a listener that is missing or cannot be used.
pub const INVALID_CERTIFICATE_REF: &str = "InvalidCertificateRef";
/// A reference to certificates of authorities names a kind that holds none.
pub const INVALID_CA_CERTIFICATE_KIND: &str = "InvalidCACertificateKind";
/// The certificate for backends is missing or cannot be used.
pub const INVALID_CLIENT_CERTIFICATE_REF: &str = "InvalidClientCertificateRef";
/// A listener of the Gateway refers to what is not there.
pub const LISTENERS_NOT_RESOLVED: &str = "ListenersNotResolved";
/// The Gateway does not take this ListenerSet.
pub const NOT_ALLOWED: &str = "NotAllowed";
/// Two listeners of a port have certificates for the same host.
pub const OVERLAPPING_CERTIFICATES: &str = "OverlappingCertificates";
/// Two listeners of a port have host names of which one covers the other.
pub const OVERLAPPING_HOSTNAMES: &str = "OverlappingHostnames";
/// The Gateway of a ListenerSet is not accepted.
pub const PARENT_NOT_ACCEPTED: &str = "ParentNotAccepted";
/// An address of a kind that no Gateway can have.
pub const UNSUPPORTED_ADDRESS: &str = "UnsupportedAddress";
/// The Gateway of a ListenerSet is not programmed.
pub const PARENT_NOT_PROGRAMMED: &str = "ParentNotProgrammed";
