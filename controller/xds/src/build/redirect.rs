//! Redirects, as Gateway API's HTTPRequestRedirectFilter defines them.

use tollgate_envoy as envoy;
use tollgate_ir as ir;

use envoy::route::{
    RedirectAction,
    redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
};

use super::rewrite::{self, PathChange};

pub(super) fn build_redirect(
    redirect: &ir::Redirect,
    matched: &ir::PathMatch,
    listener_port: u16,
) -> RedirectAction {
    let ir::Redirect {
        scheme,
        hostname,
        path,
        port,
        status,
    } = redirect;
    RedirectAction {
        host_redirect: hostname.clone().unwrap_or_default(),
        port_redirect: build_port(scheme.as_deref(), *port, listener_port),
        response_code: build_status(*status).into(),
        scheme_rewrite_specifier: scheme.clone().map(SchemeRewriteSpecifier::SchemeRedirect),
        path_rewrite_specifier: path.as_ref().and_then(|path| build_path(path, matched)),
        ..RedirectAction::default()
    }
}

/// The port that `Location` shows; 0 is none, which is how the scheme's own port is written.
fn build_port(scheme: Option<&str>, port: Option<u16>, listener_port: u16) -> u32 {
    let own = match scheme {
        Some("https") => 443,
        _ => 80,
    };
    let port = port.unwrap_or(if scheme.is_some() { own } else { listener_port });
    if port == own { 0 } else { port.into() }
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
