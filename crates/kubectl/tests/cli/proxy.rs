//! The plugin behind a proxy, as kubectl: a real proxy, with proof that the bytes went through it or past it.

use crate::commands::{run_with, two_pools};
use testkit::proxy::Proxy;

/// A kubeconfig for `server`, through `proxy` if that is not empty.
fn kubeconfig(server: &str, proxy: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: class,
          clusters: [{{name: c, cluster: {{server: '{server}', proxy-url: '{proxy}'}}}}], users: [{{name: u, user: {{}}}}],
          contexts: [{{name: class, context: {{cluster: c, user: u}}}}]}}"
    )
}

const ANSWER: &str = "has 2 WorkerPools, choose one: filters, reports";

#[rstest::rstest]
#[case("http")]
#[case("socks5")]
#[case("socks5h")]
fn proxy_of_the_kubeconfig_carries_requests(#[case] scheme: &str) {
    let api = two_pools();
    let proxy = Proxy::start(&api.address());
    // Only the proxy knows this name. As in kubectl, NO_PROXY does not concern a proxy of the kubeconfig.
    let config = kubeconfig("http://k8s.test:6443", &proxy.url(scheme));
    let output = run_with(&["stress"], Some(&config), &[("NO_PROXY", "k8s.test")]);
    assert!(output.contains(ANSWER), "{output}");
    let traffic = proxy.traffic();
    assert_eq!(traffic.asked, ["k8s.test:6443"]);
    assert!(traffic.received > 500, "{traffic:?}");
}

#[test]
fn proxy_of_the_environment_carries_requests() {
    let api = two_pools();
    let proxy = Proxy::start(&api.address());
    let url = proxy.url("http");
    let config = kubeconfig("http://k8s.test:6443", "");
    let output = run_with(&["stress"], Some(&config), &[("HTTP_PROXY", &url)]);
    assert!(output.contains(ANSWER), "{output}");
    assert_eq!(proxy.traffic().asked, ["k8s.test:6443"]);

    // Past the proxy nobody knows the name.
    for list in ["k8s.test", ".test", "k8s.test:6443", "*"] {
        let env = [("HTTP_PROXY", url.as_str()), ("NO_PROXY", list)];
        let output = run_with(&["stress"], Some(&config), &env);
        assert!(output.contains("does not answer"), "{list}: {output}");
    }
    // And this machine is never behind one.
    let direct = kubeconfig(&format!("http://{}", api.address()), "");
    let env = [("HTTP_PROXY", url.as_str()), ("HTTPS_PROXY", url.as_str())];
    let output = run_with(&["stress"], Some(&direct), &env);
    assert!(output.contains(ANSWER), "{output}");
    assert_eq!(proxy.traffic().asked.len(), 1, "{:?}", proxy.traffic());
}

#[test]
fn a_proxy_that_does_not_answer_is_named() {
    let config = kubeconfig("http://k8s.test:6443", "http://user:secret@127.0.0.1:1");
    let output = run_with(&["stress"], Some(&config), &[]);
    assert!(
        output.contains("does not answer through the proxy http://127.0.0.1:1 (proxy-url)"),
        "{output}"
    );
    assert!(!output.contains("secret"), "{output}");
}
