//! Who may see which pools.

use super::feed::{Action, pool};
use super::sim_queue::Workload;
use super::{DEADLINE, Site, row, site, site_for};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::Instant;
use workerpool_operator::dashboard::{Access, Refusal, Review, Reviewer};

/// The namespaces that a token's user may see; `None` among them stands for all.
struct Rights(HashMap<&'static str, Vec<Option<&'static str>>>);

impl Reviewer for Rights {
    fn review(
        &self,
        token: &str,
        namespace: Option<&str>,
    ) -> BoxFuture<'static, Result<Review, Refusal>> {
        let review = self.0.get(token).ok_or(Refusal::Unauthenticated);
        let review = review.map(|seen| Review {
            user: token.to_owned(),
            allowed: seen.contains(&None) || seen.contains(&namespace),
        });
        Box::pin(async move { review })
    }
}

/// A site with the pool `filters` in `shop` and `mail` in `post`. The token `admin` sees both, `tenant` only `post`.
async fn two_tenants() -> Site {
    let rights = Rights(HashMap::from([
        ("admin", vec![None]),
        ("tenant", vec![Some("post")]),
        ("stranger", vec![]),
    ]));
    site_for(Access::Token(Arc::new(rights)), |feed| {
        for (name, namespace) in [("filters", "shop"), ("mail", "post")] {
            let mut pool = pool(name, &json!({}));
            pool.metadata.namespace = Some(namespace.to_owned());
            feed.add(&pool, Workload::Quiet, 3_600_000, Some(3));
        }
    })
    .await
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

#[tokio::test]
async fn nothing_is_shown_without_a_token() {
    let site = two_tenants().await;
    for path in [
        "/",
        "/api/stream",
        "/api/pools",
        "/api/pools/post/mail",
        "/api/pools/post/mail/workers",
    ] {
        for headers in [
            String::new(),
            bearer("forged"),
            "authorization: Basic dGVuYW50\r\n".to_owned(),
        ] {
            let (head, body) = site.get(path, &headers).await;
            assert!(head.starts_with("http/1.1 401"), "{path} {headers}: {head}");
            let body = String::from_utf8(body).expect("UTF-8");
            assert!(body.contains("kubectl workerpool dashboard"), "{body}");
        }
    }
}

#[tokio::test]
async fn each_sees_what_the_cluster_lets_them_get() {
    let site = two_tenants().await;
    for (token, expected) in [
        ("admin", &["filters", "mail"][..]),
        ("tenant", &["mail"]),
        ("stranger", &[]),
    ] {
        let (head, body) = site.get("/api/pools", &bearer(token)).await;
        assert!(head.starts_with("http/1.1 200"), "{token}: {head}");
        let pools: Vec<Value> = serde_json::from_slice(&body).expect("JSON");
        let names = pools.iter().filter_map(|pool| pool["name"].as_str());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{token}");
    }
    for path in ["", "/steps", "/workers", "/what-if", "/why-not?workers=5"] {
        let path = format!("/api/pools/shop/filters{path}");
        let (head, body) = site.get(&path, &bearer("tenant")).await;
        assert!(head.starts_with("http/1.1 403"), "{path}: {head}");
        assert_eq!(body, b"\"tenant\" may not get workerpools here\n");
        let (head, _) = site.get(&path, &bearer("admin")).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    }
}

#[tokio::test]
async fn a_stream_has_no_trace_of_what_its_viewer_may_not_see() {
    let site = two_tenants().await;
    let mut tenant = site.viewer_with(&bearer("tenant")).await;
    let mut admin = site.viewer_with(&bearer("admin")).await;
    let full = tenant.next(|_| true).await;
    assert_eq!(full["pools"].as_array().map(Vec::len), Some(1), "{full}");
    let own = row(&full, "mail").expect("mail")["id"].clone();
    let all = admin.next(|_| true).await;
    assert_eq!(all["pools"].as_array().map(Vec::len), Some(2), "{all}");

    // What happens to the other's pool reaches the administrator alone; then something happens to the tenant's.
    let scaled =
        |message: &Value, name| row(message, name).is_some_and(|row| row["decision"]["to"] == 5);
    site.act(Action::Push("filters".into(), 30));
    admin.next(|message| scaled(message, "filters")).await;
    site.act(Action::Push("post/mail".into(), 30));
    let seen = RefCell::new(Vec::new());
    let matches = |message: &Value| {
        seen.borrow_mut().push(message.clone());
        scaled(message, "mail")
    };
    tenant.next(matches).await;
    for message in seen.take() {
        let entries = |list: &str| message[list].as_array().cloned().unwrap_or_default();
        let rows = ["pools", "samples"].map(entries).concat();
        let ids = rows.iter().map(|row| row["id"].clone());
        let ids = ids.chain(["unchanged", "deleted"].map(entries).concat());
        assert!(ids.into_iter().all(|id| id == own), "{message}");
        assert!(!message.to_string().contains("filters"), "{message}");
    }
}

#[tokio::test]
async fn one_client_cannot_take_all_streams() {
    let site = site().await;
    let mut viewers = Vec::new();
    for _ in 0..100 {
        viewers.push(site.viewer().await);
    }
    let (head, _) = site.get("/api/stream", "").await;
    assert!(head.starts_with("http/1.1 429"), "{head}");
    viewers.pop();
    // The server notices that a viewer has gone when it next writes to it.
    let end = Instant::now() + DEADLINE;
    loop {
        let (head, _) = site.open("/api/stream", "").await;
        if head.starts_with("http/1.1 200") {
            return;
        }
        assert!(Instant::now() < end, "{head}");
    }
}
