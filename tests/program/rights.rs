//! The rights of the chart that the simulation does not use: those of the Job that updates the CRD, and those to review who looks at
//! the dashboard. The requests of the programs are these and no others.

use crate::chart_rights::{Right, Rights};
use crate::{Operator, operator};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use testkit::api_server::ApiServer;
use testkit::local::until;
use testkit::port::free_port;

const CRD: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/workerpools.workerpool.dev";

fn right(group: &str, resource: &str, verb: &str) -> Right {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

fn rights(subject: &str) -> BTreeSet<Right> {
    Rights::of(subject, "(defaults)").granted()
}

#[test]
fn the_job_of_the_crd_patches_and_gets_it() {
    let forbidden = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden"});
    let served = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "workerpools.workerpool.dev"},
        "spec": {"group": "workerpool.dev", "scope": "Namespaced", "names": {"kind": "WorkerPool", "plural": "workerpools"}, "versions": []},
        "status": {"conditions": [{"type": "Established", "status": "True"}], "acceptedNames": {"kind": "", "plural": ""}, "storedVersions": []},
    });
    let group = "apiextensions.k8s.io";
    let verbs = [("PATCH", "patch"), ("GET", "get")];
    let used = verbs.map(|(_, verb)| right(group, "customresourcedefinitions", verb));
    assert_eq!(rights("workerpool-crd"), used.into());
    for missing in ["", "PATCH", "GET"] {
        let answer = |method| {
            if method == missing {
                (method, CRD, 403, forbidden.clone())
            } else {
                (method, CRD, 200, served.clone())
            }
        };
        let server = ApiServer::start(verbs.map(|(method, _)| answer(method)));
        let (_folder, mut command) = operator(&server, &["crd", "--apply"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.success(), missing.is_empty(), "{output:?}");
    }
}

/// The answer of the dashboard to a request with a token.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let request =
        format!("GET {path} HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer good\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.contains(" 200 ").then_some(answer)
}

#[test]
fn a_viewer_is_reviewed_for_the_right_of_the_charts_viewer() {
    let review = |group: &str, kind: &str, status: Value| {
        let version = format!("{group}/v1");
        json!({"apiVersion": version, "kind": kind, "metadata": {}, "spec": {}, "status": status})
    };
    let user = json!({"authenticated": true, "user": {"username": "ana"}});
    let user = review("authentication.k8s.io", "TokenReview", user);
    let allowed = json!({"allowed": true});
    let allowed = review("authorization.k8s.io", "SubjectAccessReview", allowed);
    let tokens = "/apis/authentication.k8s.io/v1/tokenreviews";
    let accesses = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let server = ApiServer::start([
        ("POST", tokens, 201, user),
        ("POST", accesses, 201, allowed),
    ]);
    let dashboard = format!("127.0.0.1:{}", free_port());
    let address = format!("--dashboard={dashboard}");
    let _operator = Operator::start_with(&server, &[&address, "--dashboard-auth=token"]);
    until("the dashboard", || get(&dashboard, "/api/pools"));
    let reviews = server.bodies("POST");
    let kinds: BTreeSet<&str> = reviews
        .iter()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    assert_eq!(kinds, ["SubjectAccessReview", "TokenReview"].into());
    let asked = reviews.iter().map(|it| &it["spec"]["resourceAttributes"]);
    let asked = asked.filter(|attributes| attributes.is_object());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let asked = asked.map(|it| (text(&it["group"]), text(&it["resource"]), text(&it["verb"])));
    assert_eq!(rights("workerpool-viewer"), asked.collect());
    let may_review = [
        right("authentication.k8s.io", "tokenreviews", "create"),
        right("authorization.k8s.io", "subjectaccessreviews", "create"),
    ];
    let mut granted = rights("workerpool");
    granted.retain(|(group, ..)| group.starts_with("auth"));
    assert_eq!(granted, may_review.into());
}
