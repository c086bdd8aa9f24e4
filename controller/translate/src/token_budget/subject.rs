//! Who pays, and whether anybody can vouch for it.

use tollgate_bundle::Subject;
use tollgate_crds::tollgate::{SubjectKind, SubjectSource};

use crate::status::{Problem, reason};

/// Headers that hold a secret: as a subject it would stand in keys of the ledger and in answers.
const SECRET_HEADERS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
];

/// Headers that the gateway writes itself; clients' copies are removed.
const OWN_HEADERS: &str = "x-tollgate-";

/// A subject that nobody can vouch for: the budget refuses every request.
#[derive(Debug)]
pub(super) struct Doubt {
    pub(super) problem: Problem,
    /// Whether the object itself is at fault, and not what is missing around it.
    pub(super) is_mistake: bool,
}

/// The subject of a TokenBudget.
pub(super) fn build(
    kind: SubjectKind,
    source: Option<&SubjectSource>,
) -> Result<(Subject, Option<Doubt>), Problem> {
    Ok((
        match kind {
            SubjectKind::Header => return header(source),
            SubjectKind::JWTClaim => return claim(source),
            SubjectKind::ClientCertificate => Subject::ClientCertificate,
            SubjectKind::User => Subject::User,
            SubjectKind::Team => Subject::Team,
            SubjectKind::Org => Subject::Org,
            SubjectKind::Key => Subject::Key,
            SubjectKind::Shared => Subject::Shared,
            SubjectKind::Route => Subject::Route,
            SubjectKind::Model => Subject::Model,
            SubjectKind::Backend => Subject::Backend,
        },
        None,
    ))
}

fn header(source: Option<&SubjectSource>) -> Result<(Subject, Option<Doubt>), Problem> {
    let invalid = |message: String| {
        let message = format!("spec.subjectFrom.header: {message}");
        Problem::new(reason::INVALID, message)
    };
    let Some(header) = source.and_then(|source| source.header.as_deref()) else {
        return Err(invalid("is required for subject Header".to_string()));
    };
    let name = header.to_ascii_lowercase();
    if SECRET_HEADERS.contains(&name.as_str()) {
        return Err(invalid(format!(
            "{header:?} holds a secret, and a subject is shown; use subject Key"
        )));
    }
    if name.starts_with(OWN_HEADERS) {
        return Err(invalid(format!(
            "{header:?} is never there: the gateway removes {OWN_HEADERS}* of clients"
        )));
    }
    if source.and_then(|source| source.trusted) == Some(true) {
        return Ok((Subject::Header(name), None));
    }
    let why = format!("header {name} is not trusted: any client can write it");
    let message = format!(
        "spec.subjectFrom.trusted: any client can write header {name}; say true if a proxy in front sets it and removes what clients send"
    );
    let doubt = Doubt {
        problem: Problem::new(reason::FORGEABLE_SUBJECT, message),
        is_mistake: true,
    };
    Ok((Subject::Unknown(why), Some(doubt)))
}

fn claim(source: Option<&SubjectSource>) -> Result<(Subject, Option<Doubt>), Problem> {
    let Some(claim) = source.and_then(|source| source.claim.as_deref()) else {
        let message = "spec.subjectFrom.claim: is required for subject JWTClaim";
        return Err(Problem::new(reason::INVALID, message));
    };
    let provider = source.and_then(|source| source.provider.as_deref());
    let by = provider.map_or_else(String::new, |it| format!(" of provider {it}"));
    Ok(unverified(
        &format!("spec.subjectFrom.claim: {claim:?}{by}"),
        "a SecurityPolicy with JWT",
    ))
}

fn unverified(what: &str, policy: &str) -> (Subject, Option<Doubt>) {
    let message = format!("{what} needs {policy}, which this release does not read");
    let doubt = Doubt {
        problem: Problem::new(reason::SUBJECT_NOT_VERIFIED, message),
        is_mistake: false,
    };
    let why = format!("no {} is in effect", policy.trim_start_matches("a "));
    (Subject::Unknown(why), Some(doubt))
}
