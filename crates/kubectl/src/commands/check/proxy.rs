//! The check of the proxy in the environment or in the kubeconfig: whether it catches what is near.

use super::finding::{Finding, ok, warn};
use crate::cluster::Cluster;
use crate::cluster::proxy::{KUBECONFIG, bypasses, first_set, no_proxy};
use crate::text::lang::{Lang, tr};
use http::Uri;
use std::net::IpAddr;

/// The variables that name a proxy.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/// No finding without a proxy; a warning if it catches this machine or a server in a private network.
pub(super) fn proxy(
    lang: Lang,
    cluster: Option<&Cluster>,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Finding> {
    let used = cluster.and_then(|cluster| cluster.proxy.as_ref());
    let in_environment = first_set(VARIABLES, &variable);
    let caught = caught(cluster, &variable);
    if let Some((_, name)) = in_environment.filter(|_| !caught.is_empty()) {
        let used = used.filter(|proxy| proxy.source != KUBECONFIG);
        let name = used.map_or(name, |proxy| proxy.source);
        let hosts = caught.join(", ");
        let text = tr!(lang, "cli-proxy-catches", name, hosts);
        return Some(warn("proxy", text, bypass(&caught, &variable)));
    }
    let proxy = used?;
    let (name, source) = (proxy.name(), proxy.source);
    Some(ok("proxy", tr!(lang, "cli-proxy-used", name, source)))
}

/// The command that keeps requests to these hosts away from the proxy of the environment.
pub(super) fn bypass(hosts: &[String], variable: impl Fn(&str) -> Option<String>) -> String {
    let (list, name) = no_proxy(variable);
    let list = list.trim_matches([',', ' ']);
    let all: Vec<&str> = (hosts.iter().map(String::as_str))
        .chain((!list.is_empty()).then_some(list))
        .collect();
    format!("export {name}={}", all.join(","))
}

/// The near hosts that a proxy of the environment catches.
fn caught(cluster: Option<&Cluster>, variable: &impl Fn(&str) -> Option<String>) -> Vec<String> {
    let (list, _) = no_proxy(variable);
    let local = ["localhost", "127.0.0.1"].map(str::to_owned);
    let local = local.into_iter().filter(|host| {
        let uri = format!("http://{host}:8000").parse::<Uri>();
        uri.is_ok_and(|uri| !bypasses(&list, &uri))
    });
    let server = cluster.and_then(host_behind);
    let server = server.filter(|host| is_private(host));
    server.into_iter().chain(local).collect()
}

/// The host of the API server, where requests to it go through a proxy of the environment.
pub(super) fn host_behind(cluster: &Cluster) -> Option<String> {
    let proxy = cluster.proxy.as_ref()?;
    let server = cluster.server.parse::<Uri>().ok()?;
    let host = server.host().filter(|_| proxy.source != KUBECONFIG);
    host.map(str::to_owned)
}

/// Whether this is an address in a private network, or a name without a domain.
fn is_private(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_unique_local() || address.is_unicast_link_local(),
        Err(_) => !host.contains('.'),
    }
}
