//! The plugin behind a proxy, as kubectl: a real proxy, with proof that the bytes went through it or past it.

use crate::commands::{POOLS, list, pool, run_with};
use std::process::Command;
use testkit::api_server::ApiServer;
use testkit::local::{Local, http, until};
use testkit::proxy::Proxy;

/// A kubeconfig for `server`, through `proxy` if that is not empty.
fn kubeconfig(server: &str, proxy: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: class,
          clusters: [{{name: c, cluster: {{server: '{server}', proxy-url: '{proxy}'}}}}], users: [{{name: u, user: {{}}}}],
          contexts: [{{name: class, context: {{cluster: c, user: u}}}}]}}"
    )
}

/// An API server with two pools, which `stress` names.
fn api_server() -> ApiServer {
    let pools = list(&[pool("filters", "redis://r"), pool("reports", "redis://r")]);
    ApiServer::start([("GET", POOLS, 200, pools)])
}

const ANSWER: &str = "has 2 WorkerPools, choose one: filters, reports";

#[rstest::rstest]
#[case("http")]
#[case("socks5")]
#[case("socks5h")]
fn proxy_of_the_kubeconfig_carries_requests(#[case] scheme: &str) {
    let api = api_server();
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
    let api = api_server();
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

#[rstest::rstest]
#[case("http")]
#[case("socks5")]
fn port_forward_goes_through_the_proxy(#[case] scheme: &str) {
    let local = Local::new();
    // The local cluster itself is not looked for behind a proxy.
    let mut start = local.command(&["metrics", "--local"]);
    let started = start
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    assert!(started.output().unwrap().status.success());
    let info = local.cluster_info();
    let proxy = Proxy::start(&format!("127.0.0.1:{}", info["port"]));
    let server = format!("http://k8s.test:6443/{}", info["secret"].as_str().unwrap());
    let config = local.home().join("config");
    std::fs::write(&config, kubeconfig(&server, &proxy.url(scheme))).unwrap();
    let port = testkit::local::free_port();
    let mut dashboard = Command::new(testkit::kubectl())
        .args(["dashboard", "--no-open", "--port", &port.to_string()])
        .env("KUBECONFIG", &config)
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    let (code, _) = until("the dashboard", || {
        http(&address, "GET", "/api/pools", "", "")
    });
    testkit::local::signal(dashboard.id(), "TERM");
    dashboard.wait().unwrap();
    let traffic = proxy.traffic();
    assert!(
        code == 200 && traffic.asked.iter().all(|it| it == "k8s.test:6443"),
        "{traffic:?}"
    );
    // One connection for the requests, and at least one for the forward.
    assert!(traffic.asked.len() >= 2, "{traffic:?}");
}
