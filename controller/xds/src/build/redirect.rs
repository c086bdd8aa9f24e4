//! Redirects, as Gateway API's HTTPRequestRedirectFilter defines them.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    RedirectAction,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
};

use super::http_manager::Scheme;
use super::rewrite::{self, PathChange};

pub(super) fn build_redirect(
    redirect: &ir::Redirect,
    matched: &ir::PathMatch,
    client_side: (u16, Scheme),
) -> RedirectAction {
    let ir::Redirect {
        scheme,
        hostname,
        path,
        port: _,
        status,
    } = redirect;
    RedirectAction {
        host_redirect: hostname.clone().unwrap_or_default(),
        port_redirect: build_port(redirect, client_side),
        response_code: build_status(*status).into(),
        scheme_rewrite_specifier: scheme.clone().map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier: path.as_ref().and_then(|path| build_path(path, matched)),
        ..RedirectAction::default()
    }
}

/// The port that `Location` shows; 0 leaves the host as it is. The scheme's own port is left out
/// where the host that remains has no other: a client of port 8080 writes that into its `Host`.
fn build_port(redirect: &ir::Redirect, (listener_port, client_scheme): (u16, Scheme)) -> u32 {
    let scheme = match redirect.scheme.as_deref() {
        Some("https") => Scheme::Https,
        Some(_) => Scheme::Http,
        None => client_scheme,
    };
    let port = redirect.port.unwrap_or(match redirect.scheme {
        Some(_) => scheme.port(),
        None => listener_port,
    });
    let host_without_port = redirect.hostname.is_some() || listener_port == client_scheme.port();
    if port == scheme.port() && host_without_port {
        return 0;
    }
    port.into()
}

fn build_path(path: &ir::PathRewrite, matched: &ir::PathMatch) -> Option<PathRewriteSpecifier> {
    if let ir::PathRewrite::Full(full) = path {
        return Some(PathRewriteSpecifier::PathRedirect(full.clone()));
    }
    Some(match rewrite::build_path_change(path, matched)? {
        PathChange::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix),
        PathChange::Regex(change) => PathRewriteSpecifier::RegexRewrite(change),
    })
}

fn build_status(status: u16) -> RedirectResponseCode {
    match status {
        301 => RedirectResponseCode::MovedPermanently,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        // Gateway API's default.
        _ => RedirectResponseCode::Found,
    }
}
