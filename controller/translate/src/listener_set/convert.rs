//! Listeners of a ListenerSet are those of a Gateway in all but the names of their types.

use crate::k8s;
use crate::k8s::listener_set as set;

/// The same listener as a Gateway would write it.
pub(super) fn listener(listener: &set::ListenerSetListeners) -> k8s::GatewayListeners {
    let set::ListenerSetListeners {
        allowed_routes,
        hostname,
        name,
        port,
        protocol,
        tls,
    } = listener;
    k8s::GatewayListeners {
        allowed_routes: allowed_routes.as_ref().map(self::allowed_routes),
        hostname: hostname.clone(),
        name: name.clone(),
        port: *port,
        protocol: protocol.clone(),
        tls: tls.as_ref().map(self::tls),
    }
}

fn tls(tls: &set::ListenerSetListenersTls) -> k8s::GatewayListenersTls {
    let set::ListenerSetListenersTls {
        certificate_refs,
        mode,
        options,
    } = tls;
    let reference = |reference: &set::ListenerSetListenersTlsCertificateRefs| {
        let set::ListenerSetListenersTlsCertificateRefs {
            group,
            kind,
            name,
            namespace,
        } = reference.clone();
        k8s::GatewayListenersTlsCertificateRefs {
            group,
            kind,
            name,
            namespace,
        }
    };
    k8s::GatewayListenersTls {
        certificate_refs: certificate_refs
            .as_ref()
            .map(|references| references.iter().map(reference).collect()),
        mode: mode.as_ref().map(|mode| match mode {
            set::ListenerSetListenersTlsMode::Terminate => k8s::TlsMode::Terminate,
            set::ListenerSetListenersTlsMode::Passthrough => k8s::TlsMode::Passthrough,
        }),
        options: options.clone(),
    }
}

fn allowed_routes(
    allowed: &set::ListenerSetListenersAllowedRoutes,
) -> k8s::GatewayListenersAllowedRoutes {
    let set::ListenerSetListenersAllowedRoutes { kinds, namespaces } = allowed;
    let kind = |kind: &set::ListenerSetListenersAllowedRoutesKinds| {
        let set::ListenerSetListenersAllowedRoutesKinds { group, kind } = kind.clone();
        k8s::GatewayListenersAllowedRoutesKinds { group, kind }
    };
    k8s::GatewayListenersAllowedRoutes {
        kinds: kinds.as_ref().map(|kinds| kinds.iter().map(kind).collect()),
        namespaces: namespaces.as_ref().map(self::namespaces),
    }
}

fn namespaces(
    namespaces: &set::ListenerSetListenersAllowedRoutesNamespaces,
) -> k8s::GatewayListenersAllowedRoutesNamespaces {
    let set::ListenerSetListenersAllowedRoutesNamespaces { from, selector } = namespaces;
    k8s::GatewayListenersAllowedRoutesNamespaces {
        from: from.as_ref().map(|from| match from {
            set::ListenerSetListenersAllowedRoutesNamespacesFrom::All => k8s::From::All,
            set::ListenerSetListenersAllowedRoutesNamespacesFrom::Selector => k8s::From::Selector,
            set::ListenerSetListenersAllowedRoutesNamespacesFrom::Same => k8s::From::Same,
        }),
        selector: selector.as_ref().map(self::selector),
    }
}

fn selector(selector: &set::ListenerSetListenersAllowedRoutesNamespacesSelector) -> k8s::Selector {
    let set::ListenerSetListenersAllowedRoutesNamespacesSelector {
        match_expressions,
        match_labels,
    } = selector;
    let expressions = match_expressions.iter().flatten().map(|expression| {
        let set::ListenerSetListenersAllowedRoutesNamespacesSelectorMatchExpressions {
            key,
            operator,
            values,
        } = expression.clone();
        k8s::SelectorExpression {
            key,
            operator,
            values,
        }
    });
    k8s::Selector {
        match_expressions: Some(expressions.collect()),
        match_labels: match_labels.clone(),
    }
}

/// The selector of `Gateway.spec.allowedListeners`, as one of `allowedRoutes`.
pub(super) fn allowed_selector(selector: &k8s::AllowedListenersSelector) -> k8s::Selector {
    let k8s::AllowedListenersSelector {
        match_expressions,
        match_labels,
    } = selector;
    let expressions = match_expressions.iter().flatten().map(|expression| {
        let k8s::AllowedListenersExpression {
            key,
            operator,
            values,
        } = expression.clone();
        k8s::SelectorExpression {
            key,
            operator,
            values,
        }
    });
    k8s::Selector {
        match_expressions: Some(expressions.collect()),
        match_labels: match_labels.clone(),
    }
}
