//! The Redis of a pool as its spec names it, with what the Secrets and `ConfigMaps` of its namespace hold.

use super::Cluster;
use crate::text::lang::tr;
use anyhow::{Context, bail};
use api::{KeySelector, SentinelSpec, WorkerPool};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt};
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use redis_source::{Access, HostPort, Servers, TlsMaterial};

/// The port of a Redis, and of a Sentinel.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Reads what the pool refers to. No error prints an address, which may contain a password.
pub(super) async fn access(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<Access> {
    let (spec, lang, name) = (&pool.spec.redis, cluster.out.lang, pool.name_any());
    let url = match (&spec.address, &spec.address_from) {
        (Some(address), _) => Some(address.clone()),
        (None, Some(from)) => Some(text(cluster, &from.secret_key_ref).await?),
        (None, None) => None,
    };
    let unreadable = || tr!(lang, "cli-redis-address-unreadable", name);
    let all = |addresses: &[String], port| {
        let parse = |it: &String| HostPort::parse(it, Some(port)).with_context(unreadable);
        addresses.iter().map(parse).collect::<Result<_, _>>()
    };
    let (servers, mut settings, is_secure) = match (url, &spec.sentinel, &spec.cluster) {
        (Some(url), ..) => {
            let (server, settings, is_secure) = parse(&url).with_context(unreadable)?;
            (Servers::One(server), settings, is_secure)
        }
        (None, Some(sentinel), _) => {
            let servers = Servers::Sentinel {
                sentinels: all(&sentinel.addresses, SENTINEL_PORT)?,
                master: sentinel.master.clone(),
                settings: of_sentinels(cluster, sentinel).await?,
            };
            (servers, RedisConnectionInfo::default(), false)
        }
        (None, None, Some(nodes)) => {
            let servers = Servers::Cluster(all(&nodes.addresses, PORT)?);
            (servers, RedisConnectionInfo::default(), false)
        }
        (None, None, None) => bail!(tr!(lang, "cli-redis-no-address", name)),
    };
    if let Some(user) = &spec.username {
        settings = settings.set_username(user);
    }
    if let Some(from) = &spec.password_from {
        settings = settings.set_password(text(cluster, &from.secret_key_ref).await?);
    }
    if let Some(database) = spec.database {
        settings = settings.set_db(database.into());
    }
    let tls = if spec.tls.is_some() {
        Some(material(cluster, pool).await?)
    } else {
        is_secure.then(TlsMaterial::default)
    };
    Ok(Access {
        servers,
        settings: settings.set_skip_set_lib_name(),
        tls,
    })
}

/// The login of the Sentinels.
async fn of_sentinels(
    cluster: &Cluster,
    sentinel: &SentinelSpec,
) -> anyhow::Result<RedisConnectionInfo> {
    let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = &sentinel.username {
        settings = settings.set_username(user);
    }
    if let Some(from) = &sentinel.password_from {
        settings = settings.set_password(text(cluster, &from.secret_key_ref).await?);
    }
    Ok(settings)
}

/// Server, login and database of an address, and whether it speaks TLS; `None` where the certificate would not be checked,
/// too.
fn parse(url: &str) -> Option<(HostPort, RedisConnectionInfo, bool)> {
    let info = url.into_connection_info().ok()?;
    let (host, port, is_secure) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => (host, *port, false),
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            ..
        } => (host, *port, true),
        _ => return None,
    };
    let server = HostPort::new(host, port)?;
    Some((server, info.redis_settings().clone(), is_secure))
}

async fn material(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<TlsMaterial> {
    let spec = pool.spec.redis.tls.clone().unwrap_or_default();
    let ca = spec.ca_from.unwrap_or_default();
    let ca = match (&ca.secret_key_ref, &ca.config_map_key_ref) {
        (Some(key), _) => Some(of_secret(cluster, key).await?),
        (None, Some(key)) => Some(of_config_map(cluster, key).await?),
        (None, None) => None,
    };
    let client = match (&spec.certificate_from, &spec.key_from) {
        (Some(certificate), Some(key)) => Some((
            of_secret(cluster, &certificate.secret_key_ref).await?,
            of_secret(cluster, &key.secret_key_ref).await?,
        )),
        _ => None,
    };
    Ok(TlsMaterial {
        ca,
        client,
        server_name: spec.server_name,
    })
}

/// A value of a Secret that is text, without what an editor adds at its end.
async fn text(cluster: &Cluster, selector: &KeySelector) -> anyhow::Result<String> {
    let (lang, KeySelector { name, key }) = (cluster.out.lang, selector);
    let text = String::from_utf8(of_secret(cluster, selector).await?).ok();
    let text = text.with_context(|| tr!(lang, "cli-redis-secret-not-text", name, key))?;
    Ok(text.trim().to_owned())
}

async fn of_secret(cluster: &Cluster, key: &KeySelector) -> anyhow::Result<Vec<u8>> {
    let KeySelector { name, key } = key;
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = tr!(cluster.out.lang, "cli-doing-read-secret", name);
    let secret = cluster.request(&doing, secrets.get(name)).await?;
    let value = secret.data.unwrap_or_default().remove(key);
    let value = value.map(|bytes| bytes.0);
    let kind = "Secret";
    value.with_context(|| tr!(cluster.out.lang, "cli-redis-key-missing", kind, name, key))
}

async fn of_config_map(cluster: &Cluster, key: &KeySelector) -> anyhow::Result<Vec<u8>> {
    let KeySelector { name, key } = key;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = tr!(cluster.out.lang, "cli-doing-read-config-map", name);
    let mut map = cluster.request(&doing, maps.get(name)).await?;
    let text = map.data.as_mut().and_then(|data| data.remove(key));
    let bytes = map.binary_data.and_then(|mut data| data.remove(key));
    let value = text.map(String::into_bytes).or(bytes.map(|it| it.0));
    let kind = "ConfigMap";
    value.with_context(|| tr!(cluster.out.lang, "cli-redis-key-missing", kind, name, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_turns_verification_off_is_none() {
        assert!(parse("rediss://redis:6379").is_some_and(|(.., is_secure)| is_secure));
        assert!(parse("redis://redis:6379/2").is_some_and(|(_, settings, _)| settings.db() == 2));
        let insecure = "rediss://redis:6379/#insecure";
        for url in [insecure, "http://redis", "redis:/canary"] {
            assert!(parse(url).is_none(), "{url}");
        }
    }
}
