//! Which requests a browser may send: the names under which the front is reached (against DNS rebinding), and the pages
//! that may change something (against cross-site requests).

use super::{Front, HttpError};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// What a response's page may do: nothing but what comes from this server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// The names under which the front may be reached.
///
/// An attacker's page can reach a private server by a name that it makes point there. So the names are those that no
/// outsider can register: IP addresses, `localhost`, names without a dot, and those of Services in the cluster.
pub struct Hosts {
    allowed: Vec<String>,
    /// Endings of names that only this computer or the cluster resolves.
    suffixes: Vec<String>,
    /// The pod's namespace: `filter-front.demo` is a Service in `demo`.
    namespace: Option<String>,
}

impl Hosts {
    /// `allowed` are further names; `resolv_conf` is the resolver's configuration, which in a pod names its namespace.
    pub fn new(allowed: &[String], resolv_conf: &str) -> Self {
        let mut suffixes = vec![
            ".localhost".into(),
            ".svc".into(),
            ".svc.cluster.local".into(),
        ];
        let search = resolv_conf
            .lines()
            .find_map(|it| it.trim().strip_prefix("search "));
        let first = search.and_then(|it| it.split_whitespace().next());
        let pod = first.and_then(|it| it.split_once(".svc."));
        suffixes.extend(pod.map(|(_, domain)| format!(".svc.{domain}")));
        Self {
            allowed: allowed.iter().map(|it| it.to_ascii_lowercase()).collect(),
            suffixes,
            namespace: pod.map(|(namespace, _)| namespace.to_owned()),
        }
    }

    fn is_listed(&self, host: &str) -> bool {
        self.allowed.contains(&normalized(host))
    }

    fn is_allowed(&self, host: &str) -> bool {
        let name = normalized(host);
        let is_ip = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let Some((first, rest)) = name.split_once('.') else {
            return is_ip || !name.is_empty();
        };
        is_ip
            || self.allowed.contains(&name)
            || self.namespace.as_deref() == Some(rest)
            || (!first.is_empty() && self.suffixes.iter().any(|it| name.ends_with(it)))
    }

    /// Refuses a request that was not meant for this server, or that another site's page sent to change something.
    fn check(
        &self,
        method: &Method,
        authority: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(), HttpError> {
        let authority = authority.or_else(|| text(headers, &header::HOST));
        let authority = authority.and_then(|it| it.parse::<Authority>().ok());
        let Some(authority) = authority.filter(|it| !it.as_str().contains('@')) else {
            return Err(HttpError::bad_request("the request names no host").at("header Host"));
        };
        if !self.is_allowed(authority.host()) {
            let message = format!("this server is not known as {:?}", authority.host());
            return Err(forbidden(message, "Host", authority.host()));
        }
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(());
        }
        if let Some(origin) = text(headers, &header::ORIGIN) {
            let page = origin
                .split_once("://")
                .and_then(|(_, it)| it.parse::<Authority>().ok());
            let is_ours = page.as_ref().is_some_and(|page| {
                page.as_str().eq_ignore_ascii_case(authority.as_str())
                    || self.is_listed(page.host())
            });
            let name = page.as_ref().map_or("NAME", |it| it.host());
            if !is_ours {
                return Err(forbidden(
                    format!("a page of {origin:?} may not do this"),
                    "Origin",
                    name,
                ));
            }
        } else if text(headers, &HeaderName::from_static("sec-fetch-site")) == Some("cross-site") {
            return Err(forbidden(
                "a page of another site may not do this".into(),
                "Sec-Fetch-Site",
                "NAME",
            ));
        }
        Ok(())
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|it| it.to_str().unwrap_or_default())
}

/// Lower case, without the dot that may end a full name.
fn normalized(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn forbidden(message: String, header: &str, name: &str) -> HttpError {
    HttpError::new(StatusCode::FORBIDDEN, message)
        .at(format!("header {header}"))
        .hint(format!(
            "if that is right, start the server with --allowed-host {name} (or ALLOWED_HOSTS)"
        ))
}

/// Checks a request's origin, and protects the response.
pub async fn guard(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let authority = request
        .uri()
        .authority()
        .map(axum::http::uri::Authority::as_str);
    let checked = front
        .hosts
        .check(request.method(), authority, request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const POD: &str = "# by the kubelet\nsearch demo.svc.corp.example svc.corp.example corp.example\nnameserver 10.0.0.10";

    #[rstest]
    #[case::localhost("localhost:8001", true)]
    #[case::ipv4("192.168.1.20:8001", true)]
    #[case::ipv6("[fd00::1]:8001", true)]
    #[case::service("filter-front", true)]
    #[case::namespace("filter-front.demo:8001", true)]
    #[case::other_namespace("filter-front.app", false)]
    #[case::svc("filter-front.app.svc", true)]
    #[case::cluster_domain("filter-front.app.svc.corp.example.", true)]
    #[case::default_domain("filter-front.app.svc.cluster.local", true)]
    #[case::listed("Gallery.School.example", true)]
    #[case::rebound("evil.example:8001", false)]
    #[case::ends_alike("evil-gallery.school.example", false)]
    #[case::no_service("evil.example.demo", false)]
    #[case::bare_suffix(".svc", false)]
    #[case::user("localhost@evil.example", false)]
    #[case::empty("", false)]
    fn only_names_that_no_outsider_can_register(#[case] host: &str, #[case] allowed: bool) {
        let hosts = Hosts::new(&["gallery.school.example".into()], POD);
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        let checked = hosts.check(&Method::GET, None, &headers);
        assert_eq!(checked.is_ok(), allowed, "{checked:?}");
    }

    #[rstest]
    #[case::own_page(header::ORIGIN, "http://localhost:8001", true)]
    #[case::behind_tls(header::ORIGIN, "https://localhost:8001", true)]
    #[case::listed(header::ORIGIN, "https://school.example", true)]
    #[case::other_port(header::ORIGIN, "http://localhost:3000", false)]
    #[case::other_site(header::ORIGIN, "https://evil.example", false)]
    #[case::hidden(header::ORIGIN, "null", false)]
    #[case::no_browser(header::ACCEPT, "*/*", true)]
    #[case::site(HeaderName::from_static("sec-fetch-site"), "cross-site", false)]
    fn other_sites_change_nothing(
        #[case] name: HeaderName,
        #[case] value: &str,
        #[case] allowed: bool,
    ) {
        let hosts = Hosts::new(&["school.example".into()], "");
        let mut headers =
            HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost:8001"))]);
        headers.insert(name, value.parse().unwrap());
        assert_eq!(hosts.check(&Method::POST, None, &headers).is_ok(), allowed);
        assert!(hosts.check(&Method::GET, None, &headers).is_ok());
    }
}
