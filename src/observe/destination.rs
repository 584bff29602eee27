//! Where the operator may connect to. Whoever may create a `WorkerPool` names an address, and the operator's network
//! reaches more than theirs: what is checked is the address that is connected to, after the name was resolved.

use super::dns::{Answer, ClusterDns};
use decide::Unavailable;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Why there is no connection.
#[derive(Debug)]
pub enum NotConnected {
    /// It is not allowed.
    Refused(Unavailable),
    /// It failed.
    Failed(io::Error),
}

impl From<io::Error> for NotConnected {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Destinations that an administrator allows: `[NAMESPACE=]HOST|SUFFIX|CIDR[:PORT]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The namespace of the pools that it is for; `None` is all.
    namespace: Option<String>,
    host: HostRule,
    /// `None` is any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Name(String),
    /// What a name ends with, dot included.
    Suffix(String),
    Network(IpAddr, u8),
}

/// A text that is no [`Rule`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "write [NAMESPACE=]HOST|SUFFIX|CIDR[:PORT], for example redis.example.com:6379, shop=.cache.example.com, 10.1.0.0/16 or [fd00::/8]:6379"
)]
pub struct NoRule;

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let (namespace, rest) = match text.split_once('=') {
            Some((namespace, rest)) if !namespace.is_empty() => (Some(namespace.to_owned()), rest),
            Some(_) => return Err(NoRule),
            None => (None, text),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(NoRule)?)),
            // More than one colon is an IPv6 address.
            None => match rest.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (rest, None),
            },
        };
        Ok(Self {
            namespace,
            host: host.parse()?,
            port: port.map(str::parse).transpose().map_err(|_| NoRule)?,
        })
    }
}

impl FromStr for HostRule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| NoRule)?)),
            None => (text, None),
        };
        if let Ok(ip) = address.parse::<IpAddr>() {
            let width = if ip.is_ipv4() { 32 } else { 128 };
            let bits = bits.unwrap_or(width);
            return (bits <= width)
                .then_some(Self::Network(ip, bits))
                .ok_or(NoRule);
        }
        let name = text.strip_prefix('*').unwrap_or(text).to_ascii_lowercase();
        let labels = name.strip_prefix('.').unwrap_or(&name);
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if labels.is_empty() || labels.starts_with('.') || !labels.chars().all(is_name) {
            return Err(NoRule);
        }
        Ok(if name.starts_with('.') {
            Self::Suffix(name)
        } else if text.starts_with('*') {
            return Err(NoRule);
        } else {
            Self::Name(name)
        })
    }
}

impl Rule {
    fn is_for(&self, namespace: &str, port: u16) -> bool {
        self.namespace.as_deref().is_none_or(|it| it == namespace)
            && self.port.is_none_or(|it| it == port)
    }

    fn has_name(&self, host: &str) -> bool {
        match &self.host {
            HostRule::Name(name) => name == host,
            HostRule::Suffix(suffix) => host.ends_with(suffix.as_str()),
            HostRule::Network(..) => false,
        }
    }

    fn is_network(&self) -> bool {
        matches!(self.host, HostRule::Network(..))
    }

    fn has_ip(&self, ip: IpAddr) -> bool {
        match (&self.host, ip) {
            (HostRule::Network(IpAddr::V4(net), bits), IpAddr::V4(ip)) => {
                let differs = net.to_bits() ^ ip.to_bits();
                differs.checked_shr(32 - u32::from(*bits)).unwrap_or(0) == 0
            }
            (HostRule::Network(IpAddr::V6(net), bits), IpAddr::V6(ip)) => {
                let differs = net.to_bits() ^ ip.to_bits();
                differs.checked_shr(128 - u32::from(*bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The metadata service of a cloud, beside its 169.254.169.254.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Where connections may go.
#[derive(Clone, Debug)]
pub struct Destinations {
    rules: Vec<Rule>,
    /// In a pod: the DNS of the cluster, and the host of the API server. Elsewhere there is no cluster to protect.
    pod: Option<Pod>,
}

#[derive(Clone, Debug)]
struct Pod {
    dns: ClusterDns,
    api_server: String,
}

impl Destinations {
    /// What `rules` allow. In a pod whose API server is at `api_server` also the Services of a pool's namespace;
    /// elsewhere everything, unless there are rules.
    pub fn new(rules: Vec<Rule>, api_server: Option<String>) -> Self {
        let pod = api_server.map(|api_server| Pod {
            dns: ClusterDns::of_this_pod(),
            api_server,
        });
        Self { rules, pod }
    }

    /// The addresses of `host` that a pool of `namespace` may be connected to.
    ///
    /// # Errors
    /// If there is none, or the name cannot be resolved.
    pub async fn resolve(
        &self,
        namespace: &str,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, NotConnected> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if self.rules.is_empty() && self.pod.is_none() {
            return Ok(tokio::net::lookup_host((host, port)).await?.collect());
        }
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.is_for(namespace, port))
            .collect();
        let mut is_allowed = rules.iter().any(|rule| rule.has_name(host));
        let service = match &self.pod {
            Some(pod) if !is_allowed => full_name(host, namespace, pod.dns.domain())
                .map(|name| async move { pod.dns.look_up(&name).await }),
            _ => None,
        };
        let addresses = match service {
            Some(answer) => answer.await?,
            None => Answer::Alias,
        };
        let addresses = match addresses {
            Answer::Addresses(addresses) => {
                is_allowed = true;
                addresses
            }
            Answer::Alias if is_allowed || rules.iter().any(|rule| rule.is_network()) => {
                look_up(host, port).await?
            }
            // No rule is about addresses, so there is no reason to ask where a name is.
            Answer::Alias => host.parse().into_iter().collect(),
        };
        let mut is_forbidden = false;
        let addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .map(|ip| ip.to_canonical())
            .filter(|ip| {
                let forbidden = self.is_forbidden(*ip);
                is_forbidden |= forbidden;
                !forbidden && (is_allowed || rules.iter().any(|rule| rule.has_ip(*ip)))
            })
            .map(|ip| SocketAddr::new(ip, port))
            .collect();
        if addresses.is_empty() {
            return Err(NotConnected::Refused(refusal(
                namespace,
                host,
                port,
                is_forbidden,
            )));
        }
        Ok(addresses)
    }

    /// Whether no rule can allow `ip`: what a machine or a cloud says only to itself, and the API server.
    fn is_forbidden(&self, ip: IpAddr) -> bool {
        let is_link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip == METADATA,
        };
        is_link_local
            || ip.is_unspecified()
            || ip.is_multicast()
            || self.pod.as_ref().is_some_and(|pod| {
                ip.is_loopback() || pod.api_server.parse().is_ok_and(|it: IpAddr| it == ip)
            })
    }
}

async fn look_up(host: &str, port: u16) -> io::Result<Vec<IpAddr>> {
    let addresses = tokio::net::lookup_host((host, port)).await?;
    Ok(addresses.map(|address| address.ip()).collect())
}

/// The full name in the DNS of a Service of `namespace`, or of a pod of one, if `host` is a name of such.
fn full_name(host: &str, namespace: &str, domain: &str) -> Option<String> {
    let in_domain = host
        .strip_suffix(domain)
        .and_then(|it| it.strip_suffix('.'));
    let qualified = in_domain.unwrap_or(host).strip_suffix(".svc");
    let service = qualified.unwrap_or(host).strip_suffix(namespace)?;
    let service = service.strip_suffix('.')?;
    // Without `svc` and with more labels it is a name outside of the cluster.
    if qualified.is_none() && (in_domain.is_some() || service.contains('.')) {
        return None;
    }
    let is_label = |label: &str| !label.is_empty() && label.len() <= 63;
    service
        .split('.')
        .all(is_label)
        .then(|| format!("{service}.{namespace}.svc.{domain}"))
}

fn refusal(namespace: &str, host: &str, port: u16, is_forbidden: bool) -> Unavailable {
    let host = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    if is_forbidden {
        Unavailable::AddressForbidden { host }
    } else {
        let namespace = namespace.to_owned();
        Unavailable::AddressNotAllowed { host, namespace }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dns::tests::reply;
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::UdpSocket;

    type Records = &'static [(&'static str, u16, &'static [u8])];

    /// In a pod, whose DNS gives these answers, one after the other.
    async fn in_a_pod(rules: &[&str], answers: &'static [Records]) -> Destinations {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a socket");
        let server = socket.local_addr().expect("its address");
        tokio::spawn(async move {
            let mut request = [0; 512];
            for answer in answers {
                let (length, from) = socket.recv_from(&mut request).await.expect("a question");
                let reply = reply(&request[..length], answer);
                socket.send_to(&reply, from).await.expect("an answer");
            }
        });
        let rules = rules.iter().map(|rule| rule.parse().expect("a rule"));
        Destinations {
            rules: rules.collect(),
            pod: Some(Pod {
                dns: ClusterDns::at(server),
                api_server: "10.96.0.1".to_owned(),
            }),
        }
    }

    /// The addresses, or the code of the refusal.
    async fn outcome(destinations: &Destinations, host: &str, port: u16) -> String {
        match destinations.resolve("shop", host, port).await {
            Ok(addresses) => format!("{addresses:?}"),
            Err(NotConnected::Refused(Unavailable::AddressNotAllowed { .. })) => {
                "not allowed".into()
            }
            Err(NotConnected::Refused(Unavailable::AddressForbidden { .. })) => "forbidden".into(),
            Err(other) => format!("{other:?}"),
        }
    }

    const SERVICE: Records = &[("", 1, &[10, 0, 0, 7])];
    const ALIAS: Records = &[("", 5, b"\x04evil\x00"), ("evil", 1, &[10, 0, 0, 7])];

    #[rstest::rstest]
    #[case("redis.shop.svc")]
    #[case("redis.shop")]
    #[case("Redis.Shop.svc.cluster.local.")]
    #[case("redis-0.redis.shop.svc.cluster.local")]
    #[tokio::test]
    async fn services_of_the_pools_namespace_are_allowed(#[case] host: &str) {
        let destinations = in_a_pod(&[], &[SERVICE]).await;
        assert_eq!(outcome(&destinations, host, 6379).await, "[10.0.0.7:6379]");
        let destinations = in_a_pod(&[], &[ALIAS]).await;
        assert_eq!(
            outcome(&destinations, host, 6379).await,
            "not allowed",
            "ExternalName"
        );
    }

    #[rstest::rstest]
    #[case("redis.other.svc")]
    #[case("redis.other")]
    #[case("redis.other.svc.cluster.local")]
    #[case("shop.svc")]
    #[case("redis.xshop.svc")]
    #[case("redis.shop.svc.example.com")]
    #[case("a.redis.shop")]
    #[case("example.com")]
    #[case("10.0.0.7")]
    #[case("localhost")]
    #[case("kubernetes.default.svc")]
    #[tokio::test]
    async fn nothing_else_is_allowed_nor_looked_up(#[case] host: &str) {
        let destinations = in_a_pod(&[], &[]).await;
        assert_eq!(outcome(&destinations, host, 6379).await, "not allowed");
    }

    #[rstest::rstest]
    #[case(&[169, 254, 169, 254])]
    #[case(&[127, 0, 0, 1])]
    #[case(&[10, 96, 0, 1])]
    #[case(&[0, 0, 0, 0])]
    #[tokio::test]
    async fn no_rule_and_no_service_leads_to_what_is_forbidden(#[case] ip: &'static [u8]) {
        let records: Records = Box::leak(Box::new([("", 1, ip)]));
        let answers: &'static [Records] = Box::leak(Box::new([records]));
        let destinations = in_a_pod(&["0.0.0.0/0", "::/0"], answers).await;
        assert_eq!(
            outcome(&destinations, "redis.shop.svc", 6379).await,
            "forbidden"
        );
        let literal = IpAddr::from(<[u8; 4]>::try_from(ip).expect("four bytes"));
        assert_eq!(
            outcome(&destinations, &literal.to_string(), 6379).await,
            "forbidden"
        );
        let mapped = format!("[::ffff:{literal}]");
        assert_eq!(outcome(&destinations, &mapped, 6379).await, "forbidden");
    }

    #[rstest::rstest]
    #[case("10.0.0.0/8", "10.0.0.7", 6379, true)]
    #[case("10.0.0.0/8:6380", "10.0.0.7", 6379, false)]
    #[case("10.0.0.7", "10.0.0.8", 6379, false)]
    #[case("shop=10.0.0.0/8", "10.0.0.7", 6379, true)]
    #[case("other=10.0.0.0/8", "10.0.0.7", 6379, false)]
    #[case("10.0.0.0/8", "11.0.0.7", 6379, false)]
    #[case("0.0.0.0/0", "11.0.0.7", 6379, true)]
    #[case("[fd00::/8]:6379", "[fd12::1]", 6379, true)]
    #[case("[fd00::/8]:6379", "[fd12::1]", 6380, false)]
    #[case("fd12::1", "[fd12::1]", 1, true)]
    #[tokio::test]
    async fn rules_allow_addresses(
        #[case] rule: &str,
        #[case] host: &str,
        #[case] port: u16,
        #[case] allowed: bool,
    ) {
        let destinations = in_a_pod(&[rule], &[]).await;
        let found = outcome(&destinations, host, port).await;
        assert_eq!(found != "not allowed", allowed, "{found}");
    }

    #[test]
    fn rules_allow_names() {
        let has = |rule: &str, host: &str| rule.parse::<Rule>().expect("a rule").has_name(host);
        assert!(has("redis.example.com:6379", "redis.example.com"));
        assert!(has("*.example.com", "a.example.com") && has(".example.com", "a.b.example.com"));
        assert!(!has(".example.com", "example.com") && !has(".example.com", "aexample.com"));
        assert!(!has("redis.example.com", "x.redis.example.com"));
        for text in [
            "",
            "=a",
            "a:port",
            "10.0.0.0/33",
            "a b",
            "*",
            "*a.b",
            "..",
            "[fd00::]x",
            "a/8",
        ] {
            assert_eq!(text.parse::<Rule>(), Err(NoRule), "{text}");
        }
    }

    #[tokio::test]
    async fn outside_of_a_cluster_everything_is_allowed_unless_there_are_rules() {
        let open = Destinations::new(vec![], None);
        assert_eq!(outcome(&open, "127.0.0.1", 1).await, "[127.0.0.1:1]");
        let ruled = |rule: &str| Destinations::new(vec![rule.parse().expect("a rule")], None);
        assert_eq!(
            outcome(&ruled("10.0.0.7"), "127.0.0.1", 1).await,
            "not allowed"
        );
        assert_eq!(
            outcome(&ruled("127.0.0.1"), "127.0.0.1", 1).await,
            "[127.0.0.1:1]"
        );
    }
}
