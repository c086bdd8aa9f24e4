//! Opens connections of each kind, with TLS where asked for.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, RedisConnectionInfo, RedisError, TlsCertificates, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::{sync::Mutex, time::timeout};
use tollgate_secret::Secret;

use super::{Connection, describe};
use crate::address::{Address, Host, Place};

/// Calls in flight on one connection; more wait for their turn.
const IN_FLIGHT_MAX: usize = 4_096;
/// How a cluster client repeats what a node redirected or lost.
const CLUSTER_RETRIES: u32 = 4;
const CLUSTER_RETRY_WAIT_MS_MAX: u64 = 50;

/// Knows how to connect.
pub(crate) struct Opener {
    address: Address,
    client: AnyClient,
    connect_timeout: Duration,
}

enum AnyClient {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinel(Box<Mutex<SentinelClient>>),
}

/// What was given cannot make a client: the certificate authorities are not PEM.
#[derive(Debug, thiserror::Error)]
#[error("redis {address}: {reason}")]
pub struct Unopenable {
    address: String,
    reason: String,
}

// === impl Opener ===

impl Opener {
    pub(crate) fn new(
        mut address: Address,
        password: Option<Secret<String>>,
        ca_pem: Option<&str>,
        connect_timeout: Duration,
    ) -> Result<Self, Unopenable> {
        if address.tls {
            // An error means that the process has chosen one already.
            let _chosen = rustls::crypto::aws_lc_rs::default_provider().install_default();
        }
        address.password = password.or(address.password);
        let client = client(&address, ca_pem, connect_timeout).map_err(|error| Unopenable {
            address: address.to_string(),
            reason: describe(&error),
        })?;
        Ok(Self {
            address,
            client,
            connect_timeout,
        })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection that has answered once, or why there is none.
    pub(super) async fn open(&self) -> Result<Connection, String> {
        let opening = async {
            let mut connection = self.connect().await.map_err(|error| describe(&error))?;
            self.try_out(&mut connection).await?;
            self.look_at_memory_policy(&mut connection).await;
            Ok(connection)
        };
        match timeout(self.connect_timeout, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(format!(
                "no connection within {} ms",
                self.connect_timeout.as_millis()
            )),
        }
    }

    async fn connect(&self) -> Result<Connection, RedisError> {
        // Timeouts are the link's business.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(None)
            .set_concurrency_limit(IN_FLIGHT_MAX);
        match &self.client {
            AnyClient::Single(client) => client
                .get_multiplexed_async_connection_with_config(&config)
                .await
                .map(Connection::Single),
            AnyClient::Cluster(client) => {
                client.get_async_connection().await.map(Connection::Cluster)
            }
            AnyClient::Sentinel(client) => client
                .lock()
                .await
                .get_async_connection_with_config(&config)
                .await
                .map(Connection::Single),
        }
    }

    /// Whether the connection leads to a server that takes writes.
    pub(super) async fn try_out(&self, connection: &mut Connection) -> Result<(), String> {
        match &self.client {
            AnyClient::Cluster(_) => {
                let ping = redis::cmd("PING");
                connection.send(&ping).await.map_err(|e| describe(&e))?;
            }
            AnyClient::Single(_) | AnyClient::Sentinel(_) => {
                let answer = connection.send(&redis::cmd("ROLE")).await;
                match answer.map(|role| is_replica(&role)) {
                    Ok(true) => return Err("the server is a replica".to_owned()),
                    Ok(false) => {}
                    // A user may be allowed the ledger's own commands only.
                    Err(error) if error.code() == Some("NOPERM") => {}
                    Err(error) => return Err(describe(&error)),
                }
            }
        }
        Ok(())
    }

    /// A server that evicts keys forgets what was spent; whoever runs it should know.
    async fn look_at_memory_policy(&self, connection: &mut Connection) {
        let Connection::Single(single) = connection else {
            return;
        };
        let mut info = redis::cmd("INFO");
        let Ok(text) = info.arg("memory").query_async::<String>(single).await else {
            return;
        };
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        };
        let bounded = value("maxmemory").is_some_and(|bytes| bytes.trim() != "0");
        let policy = value("maxmemory_policy").unwrap_or("noeviction");
        if bounded && policy.trim() != "noeviction" {
            tracing::warn!(
                redis = %self.address,
                policy,
                "the budget store may evict what was spent; set maxmemory-policy to noeviction"
            );
        }
    }
}

/// Without the client, which knows the password.
impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Opener").field(&self.address).finish()
    }
}

fn is_replica(role: &redis::Value) -> bool {
    let redis::Value::Array(parts) = role else {
        return false;
    };
    matches!(parts.first(), Some(redis::Value::BulkString(name)) if name.as_slice() != b"master")
}

fn client(
    address: &Address,
    ca_pem: Option<&str>,
    connect_timeout: Duration,
) -> Result<AnyClient, RedisError> {
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: ca_pem.map(|pem| pem.as_bytes().to_vec()),
    };
    let single = |addr: ConnectionAddr, db: i64| -> Result<Client, RedisError> {
        let info = info(addr, address, db)?;
        if address.tls {
            Client::build_with_tls(info, certificates.clone())
        } else {
            Client::open(info)
        }
    };
    Ok(match &address.place {
        Place::Standalone { host, db } => {
            AnyClient::Single(Box::new(single(tcp(host, address.tls), *db)?))
        }
        Place::Unix { path, db } => {
            AnyClient::Single(Box::new(single(ConnectionAddr::Unix(path.clone()), *db)?))
        }
        Place::Cluster { seeds } => {
            let seeds: Vec<ConnectionInfo> = (seeds.iter())
                .map(|seed| info(tcp(seed, address.tls), address, 0))
                .collect::<Result<_, _>>()?;
            let mut builder = ClusterClient::builder(seeds)
                .connection_timeout(connect_timeout)
                .connection_concurrency_limit(IN_FLIGHT_MAX)
                .retries(CLUSTER_RETRIES)
                .min_retry_wait(1)
                .max_retry_wait(CLUSTER_RETRY_WAIT_MS_MAX);
            if address.tls {
                builder = builder.tls(TlsMode::Secure).certs(certificates);
            }
            AnyClient::Cluster(Box::new(builder.build()?))
        }
        Place::Sentinel {
            sentinels,
            master,
            db,
        } => {
            let sentinels = sentinels.iter().map(|host| tcp(host, address.tls));
            let mut builder =
                SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
                    .set_client_to_redis_db(*db);
            if address.tls {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
            if let Some(user) = &address.user {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = &address.password {
                builder = builder.set_client_to_redis_password(password.expose());
            }
            AnyClient::Sentinel(Box::new(Mutex::new(builder.build()?)))
        }
    })
}

fn tcp(host: &Host, tls: bool) -> ConnectionAddr {
    let (host, port) = (host.name.clone(), host.port);
    if tls {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

fn info(addr: ConnectionAddr, address: &Address, db: i64) -> Result<ConnectionInfo, RedisError> {
    let mut settings = RedisConnectionInfo::default()
        .set_db(db)
        .set_protocol(ProtocolVersion::RESP2);
    if let Some(user) = &address.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &address.password {
        settings = settings.set_password(password.expose());
    }
    Ok(addr.into_connection_info()?.set_redis_settings(settings))
}
