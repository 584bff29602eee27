//! Against a scripted API server: the exact requests that the operator sends, and how it classifies errors.

use api::Key;
use decide::victims::PodStage;
use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use messages::Params;
use serde_json::{Value, json};
use std::time::Duration;
use tower_test::mock::{self, Handle};
use workerpool_operator::act::{self, Scaled};
use workerpool_operator::observe::{pods, target};
use workerpool_operator::report::{EventNote, events};
use workerpool_operator::run::crd::lacking;

type Server = Handle<Request<Body>, Response<Body>>;
/// Method, path with query, and body.
type Call = (String, String, Value);

fn scripted_server() -> (Client, Server) {
    let (service, handle) = mock::pair::<Request<Body>, Response<Body>>();
    (Client::new(service, "default"), handle)
}

/// Answers the one expected request, and returns it.
async fn answer(mut server: Server, status: StatusCode, body: Value) -> Call {
    let (request, respond) = tokio::time::timeout(Duration::from_mins(1), server.next_request())
        .await
        .expect("a request in time")
        .expect("a request");
    let (parts, sent) = request.into_parts();
    let sent = sent.collect_bytes().await.expect("a body");
    let response = Response::builder()
        .status(status)
        .body(Body::from(body.to_string().into_bytes()));
    respond.send_response(response.expect("a response"));
    let sent = if sent.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&sent).expect("JSON")
    };
    (
        parts.method.to_string(),
        parts.uri.path_and_query().expect("a path").to_string(),
        sent,
    )
}

async fn scale(status: StatusCode, body: Value) -> (Result<Scaled, act::Error>, Call) {
    let (client, server) = scripted_server();
    let resource = target::resource("apps/v1", "Deployment");
    let object = Key::new("shop", "worker");
    tokio::join!(
        act::scale(client, &resource, &object, 7),
        answer(server, status, body)
    )
}

#[tokio::test]
async fn fields_that_the_installed_crd_lacks_are_found() {
    let (client, server) = scripted_server();
    let crd = serde_json::to_value(api::crd()).expect("JSON");
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    schema["x-kubernetes-group-version-kind"] =
        json!([{"group": "workerpool.dev", "kind": "WorkerPool", "version": "v1alpha1"}]);
    let fields = schema.pointer_mut("/properties/status/properties");
    let fields = fields.and_then(Value::as_object_mut);
    fields.expect("fields").remove("history");
    let document = json!({"components": {"schemas": {
        "io.k8s.ObjectMeta": {"type": "object"}, "dev.workerpool.v1alpha1.WorkerPool": schema}}});
    let (lacking, (method, path, _)) =
        tokio::join!(lacking(client), answer(server, StatusCode::OK, document));
    assert_eq!(lacking.expect("an answer"), ["status.history"]);
    assert_eq!(
        (method.as_str(), path.as_str()),
        ("GET", "/openapi/v3/apis/workerpool.dev/v1alpha1")
    );
}

fn error_status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code})
}

#[tokio::test]
async fn scale_is_one_apply_of_the_subresource() {
    let confirmed = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "worker", "resourceVersion": "42"}, "spec": {"replicas": 7}});
    let (outcome, (method, path, body)) = scale(StatusCode::OK, confirmed).await;
    assert_eq!(
        outcome.expect("written"),
        Scaled {
            replicas: 7,
            version: 42
        }
    );
    assert_eq!(method, "PATCH");
    assert!(
        path.starts_with("/apis/apps/v1/namespaces/shop/deployments/worker/scale?"),
        "{path}"
    );
    assert!(
        path.contains("force=true") && path.contains("fieldManager=workerpool-operator"),
        "{path}"
    );
    assert_eq!(
        body,
        json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "worker"}, "spec": {"replicas": 7}})
    );
}

#[rstest::rstest]
#[case(404, "NotFound", 10_000)]
#[case(403, "Forbidden", 10_000)]
#[case(409, "Conflict", 200)]
#[case(500, "InternalError", 200)]
#[tokio::test]
async fn api_error_has_a_pause_and_keeps_its_message(
    #[case] code: u16,
    #[case] reason: &str,
    #[case] pause: u64,
) {
    let status = StatusCode::from_u16(code).expect("a code");
    let (outcome, _) = scale(status, error_status(code, reason, "the server's message")).await;
    let error = outcome.expect_err("an error");
    assert_eq!(error.to_string(), "the server's message");
    for (attempt, pause) in [(1, pause), (50, 10_000)] {
        let (shortest, found) = (Duration::from_millis(pause), error.backoff(attempt));
        assert!(
            (shortest..=shortest * 3 / 2).contains(&found),
            "{attempt}: {found:?}"
        );
    }
}

#[tokio::test]
async fn pods_are_listed_from_the_watch_cache() {
    let (client, server) = scripted_server();
    let pod = json!({"metadata": {"name": "w-1"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}});
    let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]});
    let (pods, (method, path, _)) = tokio::join!(
        pods::list(client, "shop", "app=w"),
        answer(server, StatusCode::OK, list)
    );
    assert_eq!(pods.expect("a list")[0].stage, PodStage::NotReady);
    assert_eq!(
        (method.as_str(), path.split('?').next()),
        ("GET", Some("/api/v1/namespaces/shop/pods"))
    );
    assert!(
        path.contains("labelSelector=app%3Dw") && path.contains("resourceVersion=0"),
        "{path}"
    );
}

#[tokio::test]
async fn a_pod_that_no_longer_exists_is_not_marked() {
    let (client, server) = scripted_server();
    let marks = [("w-1".to_owned(), true)];
    let not_found = error_status(404, "NotFound", "pods \"w-1\" not found");
    let (outcome, (method, path, body)) = tokio::join!(
        act::mark(client, "shop", &marks),
        answer(server, StatusCode::NOT_FOUND, not_found)
    );
    outcome.expect("it is skipped");
    assert_eq!(
        (method.as_str(), path.split('?').next(), body),
        ("PATCH", Some("/api/v1/namespaces/shop/pods/w-1"), json!({}))
    );
}

#[tokio::test]
async fn event_is_a_separate_object_with_the_message() {
    let (client, server) = scripted_server();
    let note = EventNote {
        pool: Key::new("shop", "filters"),
        uid: "uid".to_owned(),
        reason: "QueueTooLong",
        message: "a message".to_owned(),
        params: Params::from_iter([("min".to_owned(), json!(3))]),
        from: 5,
        to: 7,
        warning: false,
    };
    let now = jiff::Timestamp::from_second(1_700_000_000).expect("a time");
    let created = json!({"metadata": {"name": "x"}});
    let (outcome, (method, path, body)) = tokio::join!(
        events::publish(client, &note, "here", now),
        answer(server, StatusCode::CREATED, created)
    );
    outcome.expect("published");
    assert_eq!(
        (method.as_str(), path.split('?').next()),
        (
            "POST",
            Some("/apis/events.k8s.io/v1/namespaces/shop/events")
        )
    );
    assert_eq!(
        (&body["reason"], &body["type"], &body["regarding"]["uid"]),
        (&json!("QueueTooLong"), &json!("Normal"), &json!("uid"))
    );
    assert_eq!(body["note"], json!(note.message));
    let params = &body["metadata"]["annotations"]["workerpool.dev/params"];
    assert_eq!(
        serde_json::from_str::<Value>(params.as_str().expect("a text")).expect("JSON"),
        json!({"from": 5, "to": 7, "params": {"min": 3}})
    );
}
