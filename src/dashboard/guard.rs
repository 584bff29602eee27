//! Which requests the dashboard answers: those for a name of its own (against DNS rebinding), and none that a page of
//! another site sends.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Endings of names that only this computer or the cluster resolves.
const LOCAL: [&str; 3] = [".localhost", ".svc", ".svc.cluster.local"];

/// The names under which the dashboard may be reached. Always among them are those that no outsider can register: IP
/// addresses, names without a dot, and those of Services in the cluster.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// With further names, such as that of an Ingress.
    pub fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    fn allow(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_ip = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_local = !host.contains('.') || LOCAL.iter().any(|end| host.ends_with(end));
        is_ip || (is_local && !host.is_empty()) || self.0.contains(&host)
    }
}

/// Refuses a request that was not meant for this dashboard.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let refused = |message: String| (StatusCode::FORBIDDEN, message).into_response();
    let Some(host) = host(&request) else {
        return refused("the request names no host\n".to_owned());
    };
    if !hosts.allow(&host) {
        return refused(format!(
            "the dashboard is not known as {host:?}: add the name to dashboard.hosts of the chart, or to --dashboard-hosts\n"
        ));
    }
    if is_cross_site(request.headers()) {
        return refused("a page of another site may not read this\n".to_owned());
    }
    next.run(request).await
}

/// The host that the request is for, without its port.
fn host(request: &Request) -> Option<String> {
    let header = || request.headers().get(header::HOST)?.to_str().ok();
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => header()?.parse::<Authority>().ok()?,
    };
    (!authority.as_str().contains('@')).then(|| authority.host().to_owned())
}

/// Whether a page of another site sent it. A link from there to the page itself is a navigation, which reads nothing for
/// that site.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    is("sec-fetch-site", "cross-site") && !is("sec-fetch-mode", "navigate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_an_outsider_can_register_are_refused() {
        let hosts = Hosts::new(&["Board.example.com".to_owned()]);
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "192.168.1.7",
            "workerpool-dashboard",
            "workerpool-dashboard.ops.svc",
            "workerpool-dashboard.ops.svc.cluster.local.",
            "board.example.com",
        ] {
            assert!(hosts.allow(host), "{host}");
        }
        for host in [
            "attacker.example",
            "localhost.attacker.example",
            "127.0.0.1.nip.io",
            "",
        ] {
            assert!(!hosts.allow(host), "{host}");
        }
    }
}
