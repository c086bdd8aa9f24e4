//! Where Redis is: what a URL says.
//!
//! `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `rediss://…` (TLS), `unix://PATH[?db=N]` (also
//! `redis+unix://`), `redis-cluster://HOST[:PORT],…` and `rediss-cluster://…`,
//! `redis-sentinel://HOST[:PORT],…/MASTER[/DB]` and `rediss-sentinel://…`.

use std::{fmt, path::PathBuf};

use tollgate_secret::Secret;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// Hosts named in one URL.
const HOSTS_MAX: usize = 64;

/// Where Redis is and who we are there. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) tls: bool,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret<String>>,
}

/// Which kind of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Standalone {
        host: Host,
        db: i64,
    },
    Unix {
        path: PathBuf,
        db: i64,
    },
    Cluster {
        seeds: Vec<Host>,
    },
    Sentinel {
        sentinels: Vec<Host>,
        master: String,
        db: i64,
    },
}

/// A host and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// A URL breaks a rule. Its password is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("redis url `{shown}`: {rule}")]
pub struct InvalidUrl {
    /// The URL with `*****` for user and password.
    shown: String,
    /// What it must be.
    rule: &'static str,
}

// === impl Address ===

impl Address {
    /// Reads a URL.
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidUrl> {
        parse(url).map_err(|rule| InvalidUrl {
            shown: redact(url),
            rule,
        })
    }
}

/// As a URL, without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        let hosts = |hosts: &[Host]| {
            let hosts: Vec<_> = hosts.iter().map(Host::to_string).collect();
            hosts.join(",")
        };
        match &self.place {
            Place::Standalone { host, db } => write!(f, "redis{s}://{host}/{db}"),
            Place::Unix { path, db } => write!(f, "unix://{}?db={db}", path.display()),
            Place::Cluster { seeds } => write!(f, "redis{s}-cluster://{}", hosts(seeds)),
            Place::Sentinel {
                sentinels,
                master,
                db,
            } => write!(f, "redis{s}-sentinel://{}/{master}/{db}", hosts(sentinels)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

fn parse(url: &str) -> Result<Address, &'static str> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or("it begins with a scheme, like `redis://host:6379/0`")?;
    if rest.contains('#') {
        return Err("it has no fragment (`#…`); write `%23` for `#` in a password");
    }
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    if scheme == "unix" || scheme == "redis+unix" {
        return parse_unix(rest, query);
    }
    if query.is_some() {
        return Err("only `unix://` has a query (`?db=N`); write `%3F` for `?` in a password");
    }
    let (kind, tls) = match scheme {
        "redis" => ("", false),
        "rediss" => ("", true),
        "redis-cluster" => ("cluster", false),
        "rediss-cluster" => ("cluster", true),
        "redis-sentinel" => ("sentinel", false),
        "rediss-sentinel" => ("sentinel", true),
        _ => {
            return Err(
                "its scheme is one of redis, rediss, unix, redis+unix, redis-cluster, \
                        rediss-cluster, redis-sentinel, rediss-sentinel",
            );
        }
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path),
        None => (rest, ""),
    };
    // Else a part of a password would pass for the name of a master.
    if path.contains('@') {
        return Err("write `%2F` for `/` in a password, and `%40` for `@` in a master's name");
    }
    let (user, password, hosts) = parse_user(authority)?;
    let place = match kind {
        "cluster" => {
            if !matches!(path, "" | "0") {
                return Err("a cluster has no database but 0");
            }
            Place::Cluster {
                seeds: parse_hosts(hosts, REDIS_PORT)?,
            }
        }
        "sentinel" => {
            let (master, db) = path.split_once('/').unwrap_or((path, ""));
            if master.is_empty() {
                return Err("sentinels need the master's name: `redis-sentinel://h1,h2/NAME`");
            }
            Place::Sentinel {
                sentinels: parse_hosts(hosts, SENTINEL_PORT)?,
                master: decode(master)?,
                db: parse_db(db)?,
            }
        }
        _ => Place::Standalone {
            host: parse_host(hosts, REDIS_PORT)?,
            db: parse_db(path)?,
        },
    };
    Ok(Address {
        place,
        tls,
        user,
        password,
    })
}

/// `[USER:PASSWORD@]PATH[?db=N]`.
fn parse_unix(rest: &str, query: Option<&str>) -> Result<Address, &'static str> {
    let (user, password, path) = match rest.split_once('@') {
        Some((before, _)) if !before.contains('/') => parse_user(rest)?,
        _ => (None, None, rest),
    };
    if !path.starts_with('/') {
        return Err("the path of a socket is absolute: `unix:///run/redis.sock`");
    }
    let db = match query {
        None => 0,
        Some(query) => parse_db(query.strip_prefix("db=").ok_or("its query is `db=N`")?)?,
    };
    Ok(Address {
        place: Place::Unix {
            path: PathBuf::from(decode(path)?),
            db,
        },
        tls: false,
        user,
        password,
    })
}

type User<'a> = (Option<String>, Option<Secret<String>>, &'a str);

/// `[USER[:PASSWORD]@]REST`.
fn parse_user(authority: &str) -> Result<User<'_>, &'static str> {
    let Some((user, rest)) = authority.rsplit_once('@') else {
        return Ok((None, None, authority));
    };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let name = Some(decode(name)?).filter(|name| !name.is_empty());
    let password = Some(decode(password)?).filter(|password| !password.is_empty());
    Ok((name, password.map(Secret::new), rest))
}

fn parse_hosts(hosts: &str, default_port: u16) -> Result<Vec<Host>, &'static str> {
    let hosts: Vec<Host> = (hosts.split(','))
        .map(|host| parse_host(host, default_port))
        .collect::<Result<_, _>>()?;
    if hosts.len() > HOSTS_MAX {
        return Err("it names at most 64 hosts");
    }
    Ok(hosts)
}

/// `HOST[:PORT]`, `[IPV6][:PORT]`.
fn parse_host(text: &str, default_port: u16) -> Result<Host, &'static str> {
    let (name, port) = if let Some(rest) = text.strip_prefix('[') {
        let (name, rest) = rest
            .split_once(']')
            .ok_or("an IPv6 address ends with `]`")?;
        match rest.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None if rest.is_empty() => (name, None),
            None => return Err("after `]` comes `:PORT` or nothing"),
        }
    } else {
        match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        }
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if name.is_empty() || !name.chars().all(legal) {
        return Err("it names a host (several, divided by commas, for a cluster or sentinels)");
    }
    let port = match port {
        None => default_port,
        Some(port) => match port.parse() {
            Ok(port @ 1..) => port,
            _ => return Err("ports are 1 to 65535"),
        },
    };
    Ok(Host {
        name: name.to_owned(),
        port,
    })
}

fn parse_db(text: &str) -> Result<i64, &'static str> {
    match text {
        "" => Ok(0),
        _ => match text.parse::<u16>() {
            Ok(db) => Ok(i64::from(db)),
            Err(_) => Err("a database is a number from 0 on"),
        },
    }
}

/// Resolves `%40` and the like.
fn decode(text: &str) -> Result<String, &'static str> {
    const RULE: &str = "`%` is followed by two hexadecimal digits, which make UTF-8";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(RULE)?;
        rest = after;
        let digit = |d: u8| char::from(d).to_digit(16).ok_or(RULE);
        let value = digit(digits[0])? * 16 + digit(digits[1])?;
        bytes.push(u8::try_from(value).map_err(|_| RULE)?);
    }
    String::from_utf8(bytes).map_err(|_| RULE)
}

/// A URL as written, but for what may be a user and a password.
fn redact(url: &str) -> String {
    let is_scheme = |text: &str| {
        (text.bytes())
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let scheme = url.split_once("://").filter(|(text, _)| is_scheme(text));
    match (scheme, url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://*****@{rest}"),
        (None, Some((_, rest))) => format!("*****@{rest}"),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: u16) -> Host {
        Host {
            name: name.to_owned(),
            port,
        }
    }

    #[test]
    fn urls_of_every_form_are_read() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://u:p@h:1/3", "redis://h:1/3"),
            ("rediss://:p@[::1]:2", "rediss://[::1]:2/0"),
            ("unix:///run/r.sock", "unix:///run/r.sock?db=0"),
            ("redis+unix://u:p@/r.sock?db=2", "unix:///r.sock?db=2"),
            ("redis-cluster://a,b:7", "redis-cluster://a:6379,b:7"),
            ("rediss-cluster://u:p@a", "rediss-cluster://a:6379"),
            (
                "redis-sentinel://a,b/m",
                "redis-sentinel://a:26379,b:26379/m/0",
            ),
            ("rediss-sentinel://a:1/m/4", "rediss-sentinel://a:1/m/4"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), shown);
        }
        let address = Address::parse("redis://al%40x:s%2Fe%3Ac@h").expect("a url");
        assert_eq!(address.user.as_deref(), Some("al@x"));
        assert_eq!(address.password, Some(Secret::new("s/e:c".to_owned())));
        assert_eq!(
            address.place,
            Place::Standalone {
                host: host("h", 6379),
                db: 0
            }
        );
    }

    #[test]
    fn wrong_urls_are_refused_with_the_rule_and_without_the_password() {
        for (url, rule) in [
            ("localhost:6379", "begins with a scheme"),
            ("http://u:geheim@h", "its scheme is one of"),
            ("u:geheim@h", "begins with a scheme"),
            ("redis:/u:geheim@h://x", "its scheme is one of"),
            ("redis://", "names a host"),
            ("redis://u:geheim@h:99999", "ports are 1 to 65535"),
            ("redis://u:geheim@h:0", "ports are"),
            ("redis://u:geheim@h/x", "a database is"),
            ("redis://u:geheim%2@h", "two hexadecimal digits"),
            ("redis://u:geheim%ff@h", "make UTF-8"),
            ("redis://a,b", "names a host"),
            ("redis://[::1", "ends with `]`"),
            ("redis://h?x=1", "only `unix://` has a query"),
            ("redis://u:gehe#im@h", "no fragment"),
            ("redis-sentinel://u:1/geheim@h/m", "`%2F` for `/`"),
            ("redis://u:1/geheim@h", "`%2F` for `/`"),
            ("redis-cluster://a/1", "no database but 0"),
            ("redis-sentinel://a", "master's name"),
            ("unix://run/r.sock", "absolute"),
            ("unix:///r.sock?x=1", "`db=N`"),
        ] {
            let error = Address::parse(url).expect_err(url).to_string();
            assert!(error.contains(rule), "{url}: {error}");
            assert!(!error.contains("gehe"), "{error}");
        }
    }

    #[test]
    fn address_prints_no_password() {
        let address = Address::parse("redis://u:geheim@h").expect("a url");
        assert!(!format!("{address} {address:?} {address:#?}").contains("geheim"));
    }
}
