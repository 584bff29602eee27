//! The proxy for requests to the API server, chosen as kubectl chooses it: the kubeconfig's `proxy-url` first, else
//! `HTTPS_PROXY` or `HTTP_PROXY` by the scheme of the server, unless `NO_PROXY` names it or it is on this machine.

use crate::text::lang::{Lang, tr};
use anyhow::{Context, bail};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::net::IpAddr;

/// A proxy, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its URL, which may hold a password: use [`Self::name`] in messages.
    pub url: Uri,
    /// `proxy-url` of the kubeconfig, or the name of an environment variable.
    pub source: &'static str,
}

/// The source of a proxy that the kubeconfig names.
pub const KUBECONFIG: &str = "proxy-url";

impl Proxy {
    /// The proxy for requests to `server`; `None` connects directly.
    pub fn choose(
        lang: Lang,
        kubeconfig_url: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
        server: &Uri,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(url) = kubeconfig_url.filter(|url| !url.is_empty()) {
            // As in kubectl, NO_PROXY does not concern it.
            return Self::parse(lang, url, KUBECONFIG).map(Some);
        }
        let names = if server.scheme_str() == Some("http") {
            ["HTTP_PROXY", "http_proxy"]
        } else {
            ["HTTPS_PROXY", "https_proxy"]
        };
        let Some((url, source)) = first_set(names, &variable) else {
            return Ok(None);
        };
        if is_loopback(server) || bypasses(&no_proxy(&variable).0, server) {
            return Ok(None);
        }
        Self::parse(lang, &url, source).map(Some)
    }

    fn parse(lang: Lang, url: &str, source: &'static str) -> anyhow::Result<Self> {
        let url = url.replacen("socks5h://", "socks5://", 1); // the proxy resolves names in both
        let scheme = if url.contains("://") { "" } else { "http://" };
        // No error prints the value, which may hold a password.
        let url = format!("{scheme}{url}").parse::<Uri>();
        let url = url.with_context(|| tr!(lang, "cli-proxy-source-no-url", source))?;
        match url.scheme_str() {
            Some("socks5") if url.authority().is_some_and(|it| it.as_str().contains('@')) => {
                bail!(tr!(lang, "cli-proxy-socks-password", source))
            }
            Some("http" | "https" | "socks5") => Ok(Self { url, source }),
            _ => bail!(tr!(lang, "cli-proxy-scheme", source)),
        }
    }

    /// Scheme, host and port, without a password.
    pub fn name(&self) -> String {
        let scheme = self.url.scheme_str().unwrap_or("http");
        let host = self.url.host().unwrap_or_default();
        let port = self.url.port_u16().map(|port| format!(":{port}"));
        format!("{scheme}://{host}{}", port.unwrap_or_default())
    }
}

/// The value of the first variable that is set and not empty, with its name.
pub fn first_set<const N: usize>(
    names: [&'static str; N],
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(String, &'static str)> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let mut names = names.into_iter();
    names.find_map(|name| Some((set(name)?, name)))
}

/// The hosts that need no proxy, and the variable that names them.
pub fn no_proxy(variable: impl Fn(&str) -> Option<String>) -> (String, &'static str) {
    first_set(["NO_PROXY", "no_proxy"], variable).unwrap_or((String::new(), "NO_PROXY"))
}

/// Whether `no_proxy` names the host of `server`, with its port if it names one.
pub fn bypasses(no_proxy: &str, server: &Uri) -> bool {
    let default_port = if server.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let port = server.port_u16().unwrap_or(default_port).to_string();
    // The library knows no ports: an entry with another port than the server's does not concern it.
    let concerning = |entry| match str::rsplit_once(entry, ':') {
        Some((host, of_host)) if !host.contains(':') || host.ends_with(']') => {
            (of_host == port).then_some(host)
        }
        _ => Some(entry),
    };
    let entries = no_proxy.split(',').map(str::trim).filter_map(concerning);
    let entries = entries.map(|entry| entry.strip_prefix("*.").unwrap_or(entry));
    let entries = entries.collect::<Vec<_>>().join(",");
    let matcher = Matcher::builder().all("http://proxy").no(entries).build();
    matcher.intercept(server).is_none()
}

/// Whether the server is on this machine, which needs no proxy.
pub fn is_loopback(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("https://k8s:6443", &[], None, "")]
    #[case("https://k8s:6443", &[("HTTPS_PROXY", "http://p:3128")], Some("http://p:3128"), "HTTPS_PROXY")]
    #[case("https://k8s:6443", &[("https_proxy", "p:3128")], Some("http://p:3128/"), "https_proxy")]
    #[case("https://k8s:6443", &[("HTTP_PROXY", "http://p:3128")], None, "")]
    #[case("http://k8s:8080", &[("HTTP_PROXY", "http://p:3128")], Some("http://p:3128"), "HTTP_PROXY")]
    #[case("https://k8s:6443", &[("HTTPS_PROXY", "socks5h://p:1080")], Some("socks5://p:1080"), "HTTPS_PROXY")]
    // This machine is never behind a proxy, as in Go's ProxyFromEnvironment.
    #[case("https://127.0.0.1:6443", &[("HTTPS_PROXY", "http://p:3128")], None, "")]
    #[case("https://localhost:6443", &[("HTTPS_PROXY", "http://p:3128")], None, "")]
    #[case("https://[::1]:6443", &[("HTTPS_PROXY", "http://p:3128")], None, "")]
    fn chooses_a_proxy_as_kubectl_does(
        #[case] server: &str,
        #[case] set: &[(&str, &str)],
        #[case] url: Option<&str>,
        #[case] source: &'static str,
    ) {
        let variable = |name: &str| set.iter().find(|(key, _)| *key == name);
        let variable = |name: &str| variable(name).map(|(_, value)| (*value).to_owned());
        let server = server.parse().expect("a URL");
        let proxy = Proxy::choose(Lang::EN, None, variable, &server).expect("usable");
        let url = url.map(|url| url.parse().expect("a URL"));
        assert_eq!(proxy, url.map(|url| Proxy { url, source }));
    }

    #[rstest::rstest]
    #[case("k8s.example.com", "https://k8s.example.com:6443", true)]
    #[case("example.com", "https://k8s.example.com:6443", true)]
    #[case(".example.com,", "https://k8s.example.com:6443", true)]
    #[case("*.example.com", "https://k8s.example.com:6443", true)]
    #[case("localhost, 10.0.0.0/8", "https://10.99.0.1:6443", true)]
    #[case("10.99.0.1:6443", "https://10.99.0.1:6443", true)]
    #[case("10.99.0.1:443", "https://10.99.0.1:6443", false)]
    #[case("fd00::/8", "https://[fd00::1]:6443", true)]
    #[case("ample.com", "https://example.com", false)]
    #[case("*", "https://example.com", true)]
    #[case("", "https://example.com", false)]
    fn no_proxy_names_hosts_and_ports(
        #[case] list: &str,
        #[case] server: &str,
        #[case] bypassed: bool,
    ) {
        assert_eq!(bypasses(list, &server.parse().expect("a URL")), bypassed);
    }

    #[test]
    fn kubeconfig_proxy_ignores_no_proxy() {
        let all = |name: &str| (name == "NO_PROXY").then(|| "*".to_owned());
        let server = "https://k8s".parse().expect("a URL");
        let proxy = Proxy::choose(Lang::EN, Some("http://user:secret@p:8080"), all, &server);
        let proxy = proxy.expect("usable").expect("a proxy");
        assert_eq!(proxy.name(), "http://p:8080");
        assert_eq!(proxy.source, KUBECONFIG);
    }

    #[test]
    fn errors_do_not_show_a_password() {
        let server: Uri = "https://k8s".parse().expect("a URL");
        for url in ["socks5://u:secret@p", "ftp://u:secret@p", "u:se cret@p"] {
            let error = Proxy::choose(Lang::EN, Some(url), |_| None, &server).expect_err("refused");
            assert!(!format!("{error:#}").contains("cret"), "{error:#}");
        }
    }
}
