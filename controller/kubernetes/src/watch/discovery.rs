//! Which of the kinds that Tollgate reads an API server serves, and in which version.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use tollgate_crds::{KINDS, Kind};

/// A kind that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Served {
    /// Place in [`KINDS`].
    pub(crate) kind: usize,
    /// The first version of those that are read which is served.
    pub(crate) version: &'static str,
}

/// Plural names of what is served, by group and version.
type Resources = BTreeMap<(String, String), BTreeSet<String>>;

/// Asks the API server. Core kinds are served by every one.
///
/// # Errors
/// When any answer is missing: a group that cannot be asked must not look like one that is gone.
pub(crate) async fn served(client: &Client) -> Result<Vec<Served>, kube::Error> {
    let groups = client.list_api_groups().await?.groups;
    let mut resources = Resources::new();
    for group in groups {
        let versions = group.versions.into_iter().map(|version| version.version);
        for version in versions.filter(|version| is_read(&group.name, version)) {
            let path = format!("{}/{version}", group.name);
            let list = client.list_api_group_resources(&path).await?;
            let names = list.resources.into_iter().map(|resource| resource.name);
            resources.insert((group.name.clone(), version), names.collect());
        }
    }
    Ok(choose(&resources))
}

/// Whether a CRD of this name (`plural.group`) is of a kind that is read.
pub(crate) fn concerns(crd: &str) -> bool {
    KINDS.iter().any(|kind| {
        crd.strip_suffix(kind.group)
            .and_then(|it| it.strip_suffix('.'))
            == Some(kind.plural)
    })
}

fn is_read(group: &str, version: &str) -> bool {
    KINDS
        .iter()
        .any(|kind| kind.group == group && kind.versions.contains(&version))
}

fn choose(resources: &Resources) -> Vec<Served> {
    let has = |kind: &Kind, version: &str| {
        let served = resources.get(&(kind.group.to_string(), version.to_string()));
        kind.group.is_empty() || served.is_some_and(|served| served.contains(kind.plural))
    };
    let chosen = KINDS.iter().enumerate().filter_map(|(place, kind)| {
        let version = kind.versions.iter().find(|version| has(kind, version))?;
        Some(Served {
            kind: place,
            version,
        })
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(resources: &[(&str, &str, &[&str])]) -> Vec<(&'static str, &'static str)> {
        let resources = resources.iter().map(|(group, version, names)| {
            let names = names.iter().map(|name| (*name).to_string());
            (
                ((*group).to_string(), (*version).to_string()),
                names.collect(),
            )
        });
        let served = choose(&resources.collect());
        let core = |it: &Served| KINDS[it.kind].group.is_empty();
        let named = served.iter().filter(|it| !core(it));
        named.map(|it| (KINDS[it.kind].kind, it.version)).collect()
    }

    #[test]
    fn core_kinds_are_served_always() {
        let served = choose(&Resources::new());
        let kinds: Vec<_> = served.iter().map(|it| KINDS[it.kind].kind).collect();
        assert_eq!(kinds, ["Namespace", "Secret", "ConfigMap", "Service"]);
    }

    #[test]
    fn first_version_of_ours_that_is_served_is_chosen() {
        let group = "gateway.networking.k8s.io";
        assert_eq!(
            chosen(&[
                (
                    group,
                    "v1beta1",
                    &["gateways", "gateways/status", "httproutes"]
                ),
                (group, "v1", &["gateways"]),
            ]),
            [("Gateway", "v1"), ("HTTPRoute", "v1beta1")]
        );
    }

    #[test]
    fn kinds_of_the_same_name_in_two_groups_are_two() {
        assert_eq!(
            chosen(&[("gateway.envoyproxy.io", "v1alpha1", &["aigatewayroutes"])]),
            [("AIGatewayRoute", "v1alpha1")]
        );
    }

    #[test]
    fn crds_of_others_do_not_concern() {
        assert!(concerns("tokenbudgets.tollgate.dev"));
        assert!(!concerns("tokenbudgets.example.com"));
        assert!(!concerns("xtokenbudgets.tollgate.dev"));
        assert!(!concerns("services"));
    }
}
