//! The name in a client's certificate, from the header by which the proxy tells it.
//!
//! The proxy removes what clients write into that header and sets it only where it has verified
//! the certificate (`xds`, `listener`).

/// Header by which the proxy tells of the certificate (Envoy, "x-forwarded-client-cert").
pub(crate) const HEADER: &str = "x-forwarded-client-cert";

/// Fields that name the client, the best first: a URI (SPIFFE id), a host name, the subject.
const NAMES: [&str; 3] = ["URI", "DNS", "Subject"];

/// The name: of the last element, which the nearest proxy wrote, the best field that is not
/// empty. `None` where there is none, or the header is malformed.
pub(crate) fn name(header: &str) -> Option<String> {
    let mut fields = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        fields.push((key, value));
        rest = match after.as_bytes().first() {
            None => "",
            Some(b';') => after.get(1..)?,
            Some(b',') => {
                fields.clear();
                after.get(1..)?
            }
            Some(_) => return None,
        };
    }
    NAMES.iter().find_map(|name| {
        let mut of_name = fields.iter().filter(|(key, _)| key == name);
        of_name
            .find(|(_, value)| !value.is_empty())
            .map(|(_, value)| value.clone())
    })
}

/// A value, plain or in quotes with backslashes before quotes, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.to_string(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn best_field_names_the_client() {
        let all =
            r#"Hash=ab;Subject="CN=a,O=\"b;c\"";URI=spiffe://x/a;DNS=a.example;DNS=b.example"#;
        assert_eq!(name(all).as_deref(), Some("spiffe://x/a"));
        let some = r#"Hash=ab;Subject="CN=a,O=\"b;c\"";URI=;DNS=a.example;DNS=b.example"#;
        assert_eq!(name(some).as_deref(), Some("a.example"));
        let subject = r#"Hash=ab;Subject="CN=a,O=\"b;c\"";URI="#;
        assert_eq!(name(subject).as_deref(), Some(r#"CN=a,O="b;c""#));
    }

    #[test]
    fn nearest_proxy_is_believed() {
        let two = "URI=spiffe://x/far,URI=spiffe://x/near";
        assert_eq!(name(two).as_deref(), Some("spiffe://x/near"));
        assert_eq!(name("URI=spiffe://x/far,Hash=ab"), None);
    }

    #[test]
    fn without_a_name_there_is_nobody() {
        for text in [
            "",
            "Hash=ab",
            "URI=",
            "nonsense",
            "URI=\"open",
            "URI=\"a\"b",
            "URI=\"a\\",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_name_or_none(text in ".*") {
            let _ = name(&text);
        }
    }
}
