//! What a controller's certificates must become: the authority's, and the server's.
//!
//! Fed with what there is, by `certgen` and by whoever renews. A server's certificate is kept when the
//! authority changes, as long as it is good: proxies learn of the new authority first.

use std::{fmt, time::SystemTime};

use tollgate_secret::Secret;

use crate::{
    AUTHORITY_VALID_FOR, Authority, CertificateError, Identity, LEAF_VALID_FOR, certificate,
};

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The authority: certificates, and the key of the first one.
    pub authority: Option<(String, Secret<String>)>,
    /// The server's.
    pub server: Option<Identity>,
}

/// What must be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name of a new authority.
    pub common_name: String,
    /// Names of the server.
    pub dns_names: Vec<String>,
}

/// What must be written; `None`: it can stay as it is.
#[derive(Debug)]
pub struct Plan {
    /// The authority that signs from now on.
    pub authority: Authority,
    /// Why the authority must be written.
    pub write_authority: Option<Reason>,
    /// What the server shows from now on, and why it must be written.
    pub write_server: Option<(Identity, Reason)>,
}

/// Why something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is none.
    Missing,
    /// Two thirds of its life are over.
    Old,
    /// It cannot be read, or its key is another one's.
    Unusable,
    /// It is for other names.
    OtherNames,
    /// None of the authorities has signed it.
    OtherAuthority,
    /// It stays; the list of authorities beside it is another one.
    OtherTrust,
}

/// Says what must be written.
///
/// # Errors
///
/// Where there is an authority that cannot be used: it is not replaced, since every proxy trusts it.
pub fn plan(found: &Found, wanted: &Wanted, now: SystemTime) -> Result<Plan, CertificateError> {
    let (authority, write_authority) = match &found.authority {
        None => {
            let new = Authority::new(&wanted.common_name, AUTHORITY_VALID_FOR, now)?;
            (new, Some(Reason::Missing))
        }
        Some((trust_pem, key_pem)) => {
            let authority = Authority::from_pem(trust_pem, key_pem)?;
            if authority.validity().renew_at() <= now {
                let next = authority.succeeded(AUTHORITY_VALID_FOR, now)?;
                (next, Some(Reason::Old))
            } else {
                (authority, None)
            }
        }
    };
    let write_server = match server_reason(found.server.as_ref(), &authority, wanted, now) {
        None => None,
        Some(Reason::OtherTrust) => found.server.clone().map(|it| {
            let ca_pem = authority.trust_pem().to_string();
            (Identity { ca_pem, ..it }, Reason::OtherTrust)
        }),
        Some(reason) => {
            let made = authority.issue_server(&wanted.dns_names, LEAF_VALID_FOR, now)?;
            Some((made, reason))
        }
    };
    Ok(Plan {
        authority,
        write_authority,
        write_server,
    })
}

fn server_reason(
    server: Option<&Identity>,
    authority: &Authority,
    wanted: &Wanted,
    now: SystemTime,
) -> Option<Reason> {
    let Some(server) = server else {
        return Some(Reason::Missing);
    };
    let Ok(validity) = server.validity() else {
        return Some(Reason::Unusable);
    };
    if !certificate::fits(&server.chain_pem, &server.key_pem) {
        return Some(Reason::Unusable);
    }
    if !certificate::is_signed_by_any(&server.chain_pem, authority.trust_pem()) {
        return Some(Reason::OtherAuthority);
    }
    if validity.renew_at() <= now {
        return Some(Reason::Old);
    }
    if certificate::dns_names(&server.chain_pem).ok().as_ref() != Some(&wanted.dns_names) {
        return Some(Reason::OtherNames);
    }
    (server.ca_pem != authority.trust_pem()).then_some(Reason::OtherTrust)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there was none",
            Self::Old => "two thirds of its life were over",
            Self::Unusable => "it could not be read, or its key was another one's",
            Self::OtherNames => "it was for other names",
            Self::OtherAuthority => "none of the authorities had signed it",
            Self::OtherTrust => "the authorities have changed; the certificate stays",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Found, Plan, Reason, Wanted, plan};
    use crate::{Authority, CertificateError};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn wanted() -> Wanted {
        Wanted {
            common_name: "tollgate".into(),
            dns_names: vec!["a.b.svc".into()],
        }
    }

    fn reasons(plan: &Plan) -> (Option<Reason>, Option<Reason>) {
        let server = plan.write_server.as_ref();
        (plan.write_authority, server.map(|(_, reason)| *reason))
    }

    /// What there is once a plan is carried out.
    fn done(plan: Plan, before: Found) -> Found {
        let authority = &plan.authority;
        Found {
            authority: Some((authority.trust_pem().to_string(), authority.key_pem())),
            server: plan.write_server.map(|(it, _)| it).or(before.server),
        }
    }

    fn settled() -> Found {
        let plan = plan(&Found::default(), &wanted(), now()).unwrap();
        assert_eq!(
            reasons(&plan),
            (Some(Reason::Missing), Some(Reason::Missing))
        );
        done(plan, Found::default())
    }

    #[test]
    fn what_is_made_once_is_kept() {
        let found = settled();
        assert_eq!(
            reasons(&plan(&found, &wanted(), now()).unwrap()),
            (None, None)
        );
        let later = now() + 59 * DAY;
        assert_eq!(
            reasons(&plan(&found, &wanted(), later).unwrap()),
            (None, None)
        );
    }

    #[test]
    fn a_server_certificate_is_renewed_after_two_thirds_or_for_other_names() {
        let found = settled();
        let later = plan(&found, &wanted(), now() + 61 * DAY).unwrap();
        assert_eq!(reasons(&later), (None, Some(Reason::Old)));
        let names = Wanted {
            dns_names: vec!["c.d.svc".into()],
            ..wanted()
        };
        let other = plan(&found, &names, now()).unwrap();
        assert_eq!(reasons(&other), (None, Some(Reason::OtherNames)));
    }

    #[test]
    fn an_authority_near_its_end_is_followed_by_one_that_proxies_learn_of_first() {
        let mut found = settled();
        let late = now() + 2500 * DAY;
        // The server's is of those days.
        let fresh = plan(&found, &wanted(), late - 100 * DAY).unwrap();
        found = done(fresh, found);
        let fresh = plan(&found, &wanted(), late - 50 * DAY).unwrap();
        let before = found.server.clone().unwrap();
        assert_eq!(
            reasons(&fresh),
            (Some(Reason::Old), Some(Reason::OtherTrust))
        );
        found = done(fresh, found);
        let server = found.server.clone().unwrap();
        assert_eq!(server.chain_pem, before.chain_pem);
        assert_eq!(server.ca_pem, found.authority.as_ref().unwrap().0);
        assert_eq!(server.ca_pem.matches("BEGIN").count(), 2);
        let again = plan(&found, &wanted(), late - 50 * DAY).unwrap();
        assert_eq!(reasons(&again), (None, None));
        let renewed = plan(&found, &wanted(), late).unwrap();
        assert_eq!(reasons(&renewed), (None, Some(Reason::Old)));
    }

    #[test]
    fn a_server_certificate_of_a_stranger_or_with_another_key_is_replaced() {
        let (mut found, other) = (settled(), settled());
        let mine = found.server.clone();
        found.server = other.server;
        let replaced = plan(&found, &wanted(), now()).unwrap();
        assert_eq!(reasons(&replaced), (None, Some(Reason::OtherAuthority)));
        let theirs = found.server.take().unwrap();
        let mut mine = mine.unwrap();
        mine.key_pem = theirs.key_pem;
        found.server = Some(mine);
        let replaced = plan(&found, &wanted(), now()).unwrap();
        assert_eq!(reasons(&replaced), (None, Some(Reason::Unusable)));
    }

    #[test]
    fn an_authority_that_cannot_be_used_is_not_replaced() {
        let mut found = settled();
        let other = Authority::new("other", DAY, now()).unwrap();
        found.authority.as_mut().unwrap().1 = other.key_pem();
        let refused = plan(&found, &wanted(), now());
        assert!(matches!(refused, Err(CertificateError::KeyMismatch { .. })));
    }
}
