//! Key names: `tg1:{PREFIX}:a:BUDGET|WINDOW|ZONE|SUBJECT` for an account, `…:h:ID` for a hold,
//! `…:x` for the set of live holds, `…:n` for when the first of them may expire.
//!
//! `1` is the version of what stands in them: releases that disagree use keys of their own.

use std::{borrow::Cow, sync::Arc};

use tollgate_budget::{Account, HoldId};
use tollgate_bundle::WindowKind;

/// Names the keys of one prefix.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    root: String,
}

/// What an account's name says: all of an [`Account`] but the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) subject: String,
    pub(crate) budget: String,
    pub(crate) window: WindowKind,
    pub(crate) time_zone: String,
}

// === impl Keys ===

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            root: format!("tg1:{{{prefix}}}:"),
        }
    }

    pub(crate) fn account(&self, name: &str) -> String {
        [&self.root, "a:", name].concat()
    }

    pub(crate) fn hold(&self, id: HoldId) -> String {
        format!("{}h:{id}", self.root)
    }

    pub(crate) fn live(&self) -> String {
        [&self.root, "x"].concat()
    }

    pub(crate) fn next(&self) -> String {
        [&self.root, "n"].concat()
    }

    /// A pattern for the keys of a budget's accounts.
    pub(crate) fn accounts_of(&self, budget: &str) -> String {
        let mut pattern = self.account("");
        for c in escape(budget).chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push_str("|*");
        pattern
    }
}

// === impl Name ===

impl Name {
    /// The end of an account's key. The subject comes last: it may hold any character.
    pub(crate) fn of(account: &Account) -> String {
        let mut name = String::with_capacity(
            account.budget.len() + account.subject.len() + account.time_zone.len() + 16,
        );
        name.push_str(&escape(&account.budget));
        name.push('|');
        match account.window {
            WindowKind::Second => name.push('s'),
            WindowKind::Minute => name.push('m'),
            WindowKind::Hour => name.push('h'),
            WindowKind::Day => name.push('d'),
            WindowKind::Week => name.push('w'),
            WindowKind::Month => name.push('M'),
            WindowKind::Year => name.push('y'),
            WindowKind::Lifetime => name.push('l'),
            WindowKind::Sliding(span_ms) => {
                name.push('r');
                name.push_str(&span_ms.to_string());
            }
        }
        name.push('|');
        name.push_str(&escape(&account.time_zone));
        name.push('|');
        name.push_str(&account.subject);
        name
    }

    /// Reads a name; none where it is not one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(4, '|');
        let (budget, window) = (parts.next()?, parts.next()?);
        let (time_zone, subject) = (parts.next()?, parts.next()?);
        let window = match window {
            "s" => WindowKind::Second,
            "m" => WindowKind::Minute,
            "h" => WindowKind::Hour,
            "d" => WindowKind::Day,
            "w" => WindowKind::Week,
            "M" => WindowKind::Month,
            "y" => WindowKind::Year,
            "l" => WindowKind::Lifetime,
            sliding => WindowKind::Sliding(sliding.strip_prefix('r')?.parse().ok()?),
        };
        Some(Self {
            budget: unescape(budget),
            window,
            time_zone: unescape(time_zone),
            subject: subject.to_owned(),
        })
    }

    pub(crate) fn into_account(self, limit: u64) -> Account {
        Account {
            budget: Arc::from(self.budget),
            subject: Arc::from(self.subject),
            window: self.window,
            time_zone: Arc::from(self.time_zone),
            limit,
        }
    }
}

/// Without `|`.
fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['|', '%']) {
        Cow::Owned(text.replace('%', "%25").replace('|', "%7C"))
    } else {
        Cow::Borrowed(text)
    }
}

fn unescape(text: &str) -> String {
    text.replace("%7C", "|").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(budget: &str, subject: &str, window: WindowKind) -> Account {
        Account {
            budget: Arc::from(budget),
            subject: Arc::from(subject),
            window,
            time_zone: Arc::from("Europe/Madrid"),
            limit: 7,
        }
    }

    #[test]
    fn name_of_any_account_reads_back() {
        for budget in ["default/daily", "a|b%7C", "", "%25|"] {
            for subject in ["user:alice", "a|b|c|d", "", "é\n\0"] {
                for window in [WindowKind::Month, WindowKind::Sliding(3_600_000)] {
                    let account = account(budget, subject, window);
                    let name = Name::parse(&Name::of(&account)).expect("a name");
                    assert_eq!(name.into_account(7), account);
                }
            }
        }
    }

    #[test]
    fn names_of_different_accounts_differ() {
        let a = account("x|d|UTC|s", "t", WindowKind::Day);
        let b = account("x", "d|UTC|s|t", WindowKind::Day);
        assert_ne!(Name::of(&a), Name::of(&b));
    }

    #[test]
    fn keys_share_one_hash_tag_and_name_the_version() {
        let keys = Keys::new("shop");
        let all = [
            keys.account(&Name::of(&account("b", "s", WindowKind::Day))),
            keys.hold(HoldId(0xab)),
            keys.live(),
            keys.next(),
        ];
        assert_eq!(all[0], "tg1:{shop}:a:b|d|Europe/Madrid|s");
        assert!(all.iter().all(|key| key.starts_with("tg1:{shop}:")));
    }

    #[test]
    fn pattern_of_a_budget_escapes_what_globs_mean() {
        let keys = Keys::new("p");
        assert_eq!(keys.accounts_of("a*[b]|c"), r"tg1:{p}:a:a\*\[b\]%7Cc|*");
    }

    #[test]
    fn text_that_is_no_name_is_refused() {
        for text in ["", "a|d|UTC", "a|q|UTC|s", "a|rx|UTC|s"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
