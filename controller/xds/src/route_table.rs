//! The routes of a port as Envoy is told them: one resource, whose virtual hosts are encoded one by
//! one, so that of thousands those that have changed are built, encoded and hashed, and no others.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tollgate_envoy as envoy;

use envoy::route::{RouteConfiguration, VirtualHost};
use envoy::{Message, Name, well_known};

/// Number of `RouteConfiguration.virtual_hosts`, with the wire type of a message.
const VIRTUAL_HOSTS_TAG: u8 = (2 << 3) | 2;

/// A route configuration. Cheap to compare with another that has the same virtual hosts.
#[derive(Clone, Default)]
pub struct RouteTable {
    /// Without virtual hosts.
    shell: RouteConfiguration,
    hosts: Vec<Arc<EncodedHost>>,
}

/// A virtual host as it is written.
#[derive(PartialEq, Eq)]
pub(crate) struct EncodedHost {
    /// A field of the configuration: tag, length, message.
    bytes: Vec<u8>,
    digest: [u8; 16],
}

// === impl RouteTable ===

impl RouteTable {
    /// A configuration and the virtual hosts that it shall have; those that it has go first.
    pub(crate) fn new(mut shell: RouteConfiguration, hosts: Vec<Arc<EncodedHost>>) -> Self {
        let own = std::mem::take(&mut shell.virtual_hosts);
        let own = own.iter().map(|host| Arc::new(EncodedHost::new(host)));
        Self {
            hosts: own.chain(hosts).collect(),
            shell,
        }
    }

    /// The virtual hosts, in order.
    pub(crate) fn hosts(&self) -> &[Arc<EncodedHost>] {
        &self.hosts
    }

    /// The whole configuration.
    pub fn message(&self) -> RouteConfiguration {
        let hosts = self.hosts.iter();
        RouteConfiguration {
            // What was encoded here can be read here.
            virtual_hosts: hosts
                .filter_map(|host| host.bytes.split_first())
                .filter_map(|(_, host)| VirtualHost::decode_length_delimited(host).ok())
                .collect(),
            ..self.shell.clone()
        }
    }

    /// Equal for equal content.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.shell.encode_to_vec());
        for host in &self.hosts {
            digest.update(host.digest);
        }
        digest.finalize().into()
    }

    /// The resource. The order of fields in a message has no meaning.
    pub(crate) fn pack(&self) -> well_known::Any {
        let bytes: usize = self.hosts.iter().map(|host| host.bytes.len()).sum();
        let mut value = Vec::with_capacity(bytes + self.shell.encoded_len());
        value.extend(self.shell.encode_to_vec());
        for host in &self.hosts {
            value.extend_from_slice(&host.bytes);
        }
        well_known::Any {
            type_url: RouteConfiguration::type_url(),
            value,
        }
    }
}

impl From<RouteConfiguration> for RouteTable {
    fn from(message: RouteConfiguration) -> Self {
        Self::new(message, Vec::new())
    }
}

impl PartialEq for RouteTable {
    fn eq(&self, other: &Self) -> bool {
        let same = |(own, other): (&Arc<EncodedHost>, &Arc<EncodedHost>)| {
            Arc::ptr_eq(own, other) || own == other
        };
        self.shell == other.shell
            && self.hosts.len() == other.hosts.len()
            && self.hosts.iter().zip(&other.hosts).all(same)
    }
}

impl fmt::Debug for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

// === impl EncodedHost ===

impl EncodedHost {
    pub(crate) fn new(host: &VirtualHost) -> Self {
        let mut bytes = vec![VIRTUAL_HOSTS_TAG];
        bytes.extend(host.encode_length_delimited_to_vec());
        let whole: [u8; 32] = Sha256::digest(&bytes).into();
        let mut digest = [0; 16];
        digest.copy_from_slice(&whole[..16]);
        Self { bytes, digest }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tollgate_envoy as envoy;

    use envoy::Message;
    use envoy::route::{RouteConfiguration, VirtualHost};

    use super::{EncodedHost, RouteTable};

    fn host(name: &str, domains: usize) -> VirtualHost {
        VirtualHost {
            name: name.to_string(),
            domains: (0..domains).map(|at| format!("{at}.example.com")).collect(),
            ..VirtualHost::default()
        }
    }

    #[test]
    fn table_is_read_as_the_message_that_it_was_made_of() {
        // Lengths of one byte and of more; an empty one.
        let message = RouteConfiguration {
            name: "default/gateway/80".to_string(),
            virtual_hosts: vec![host("a", 1), host("b", 2000), VirtualHost::default()],
            ..RouteConfiguration::default()
        };
        let table = RouteTable::from(message.clone());
        assert_eq!(table.message(), message);
        let packed = table.pack();
        let read = RouteConfiguration::decode(packed.value.as_slice()).unwrap();
        assert_eq!(read, message);
    }

    #[test]
    fn tables_differ_where_hosts_do_and_where_their_order_does() {
        let table = |hosts: &[&str]| {
            let hosts = hosts.iter();
            let hosts = hosts.map(|name| Arc::new(EncodedHost::new(&host(name, 1))));
            RouteTable::new(RouteConfiguration::default(), hosts.collect())
        };
        assert!(table(&["a", "b"]) == table(&["a", "b"]));
        assert_eq!(table(&["a", "b"]).digest(), table(&["a", "b"]).digest());
        for other in [table(&["b", "a"]), table(&["a"]), table(&["a", "c"])] {
            assert!(table(&["a", "b"]) != other);
            assert_ne!(table(&["a", "b"]).digest(), other.digest());
        }
    }
}
