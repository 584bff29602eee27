//! Who the user of a token is, and which pools that user may get: the API server's reviews, remembered for a short time.

use crate::dashboard::{Refusal, Review, Reviewer};
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long an answer is used: so long does it take until a right that is taken away has an effect.
const REMEMBERED: Duration = Duration::from_secs(30);
/// The most tokens in memory.
const MAX_TOKENS: usize = 1_000;
/// How many questions to the API server may be open: whoever sends wrong tokens only delays others who log in.
const AT_ONCE: usize = 4;

/// Asks the API server.
#[derive(Clone)]
pub(super) struct Reviews(Arc<Inner>);

struct Inner {
    client: Client,
    /// Where the client's connections are driven, which scales use too: the dashboard's thread has to keep out of that.
    runtime: Handle,
    /// By a hash of the token with a secret key: the tokens themselves are not kept.
    known: Mutex<HashMap<u64, Known>>,
    hasher: RandomState,
    asking: Semaphore,
}

/// What is known about a token.
#[derive(Clone)]
struct Known {
    /// `None` if it is not a token of this cluster.
    user: Option<UserInfo>,
    since: Instant,
    /// Whether the user may get the pools of a namespace, or of all (`None`).
    allowed: HashMap<Option<String>, bool>,
}

impl Reviews {
    pub(super) fn new(client: Client) -> Self {
        Self(Arc::new(Inner {
            client,
            runtime: Handle::current(),
            known: Mutex::default(),
            hasher: RandomState::new(),
            asking: Semaphore::new(AT_ONCE),
        }))
    }
}

impl Reviewer for Reviews {
    fn review(
        &self,
        token: &str,
        namespace: Option<&str>,
    ) -> BoxFuture<'static, Result<Review, Refusal>> {
        let inner = Arc::clone(&self.0);
        let (token, namespace) = (token.to_owned(), namespace.map(str::to_owned));
        Box::pin(async move { inner.review(&token, namespace).await })
    }
}

impl Inner {
    async fn review(&self, token: &str, namespace: Option<String>) -> Result<Review, Refusal> {
        let hash = self.hasher.hash_one(token);
        let mut known = match self.remembered(hash) {
            Some(known) => known,
            None => Known {
                user: self.user(token).await?,
                since: Instant::now(),
                allowed: HashMap::new(),
            },
        };
        let answer = match (&known.user, known.allowed.get(&namespace)) {
            (None, _) => Err(Refusal::Unauthenticated),
            (Some(user), Some(allowed)) => Ok(review(user, *allowed)),
            (Some(user), None) => {
                let allowed = self.may_get(user, namespace.clone()).await?;
                let answer = review(user, allowed);
                known.allowed.insert(namespace, allowed);
                Ok(answer)
            }
        };
        self.remember(hash, known);
        answer
    }

    fn remembered(&self, hash: u64) -> Option<Known> {
        let known = self.known.lock().ok()?;
        let known = known.get(&hash)?;
        (known.since.elapsed() < REMEMBERED).then(|| known.clone())
    }

    fn remember(&self, hash: u64, new: Known) {
        let Ok(mut known) = self.known.lock() else {
            return;
        };
        if known.len() >= MAX_TOKENS && !known.contains_key(&hash) {
            known.retain(|_, known| known.since.elapsed() < REMEMBERED);
            if known.len() >= MAX_TOKENS {
                known.clear();
            }
        }
        known.insert(hash, new);
    }

    /// The user of a token, `None` if the API server does not accept it.
    async fn user(&self, token: &str) -> Result<Option<UserInfo>, Refusal> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let status = self.ask(&review).await?.status.unwrap_or_default();
        let is_valid = status.authenticated == Some(true);
        Ok(status.user.filter(|_| is_valid))
    }

    async fn may_get(&self, user: &UserInfo, namespace: Option<String>) -> Result<bool, Refusal> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: user.username.clone(),
                uid: user.uid.clone(),
                groups: user.groups.clone(),
                extra: user.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(api::GROUP.to_owned()),
                    resource: Some("workerpools".to_owned()),
                    verb: Some("get".to_owned()),
                    namespace,
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let status = self.ask(&review).await?.status;
        Ok(status.is_some_and(|status| status.allowed))
    }

    async fn ask<K>(&self, review: &K) -> Result<K, Refusal>
    where
        K: kube::Resource<DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::Serialize
            + serde::de::DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let unavailable = |text: &str| Refusal::Unavailable(text.to_owned());
        let _permit = self.asking.acquire().await;
        let reviews: Api<K> = Api::all(self.client.clone());
        let review = review.clone();
        let asked = async move { reviews.create(&PostParams::default(), &review).await };
        match self.runtime.spawn(asked).await {
            Ok(Ok(review)) => Ok(review),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(unavailable(
                "the operator may not review tokens: bind its service account to the ClusterRole system:auth-delegator, or install it with dashboard.auth=none",
            )),
            _ => Err(unavailable("the API server does not review tokens now")),
        }
    }
}

fn review(user: &UserInfo, allowed: bool) -> Review {
    Review {
        user: user.username.clone().unwrap_or_default(),
        allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    /// An API server that knows the token `good`, whose user may get the pools of `shop`; with a list of its requests.
    fn server(reviews_allowed: bool) -> (Client, Arc<Mutex<Vec<String>>>) {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let service = tower::service_fn(move |request: Request<Body>| {
            let log = Arc::clone(&log);
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect_bytes().await?;
                let mut review: Value = serde_json::from_slice(&body)?;
                let spec = review["spec"].clone();
                log.lock().expect("no panic").push(spec.to_string());
                review["status"] = if path.ends_with("tokenreviews") {
                    let user = json!({"username": "ana", "groups": ["class"], "uid": "7", "extra": {"k": ["v"]}});
                    let good = spec["token"] == "good";
                    json!({"authenticated": good, "user": if good { user } else { json!({}) }})
                } else {
                    assert_eq!(spec["groups"], json!(["class"]));
                    let attributes = &spec["resourceAttributes"];
                    let is_get =
                        attributes["resource"] == "workerpools" && attributes["verb"] == "get";
                    json!({"allowed": is_get && attributes["namespace"] == "shop"})
                };
                let (code, body) = if reviews_allowed {
                    (201, review)
                } else {
                    (
                        403,
                        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "", "status": "Failure"}),
                    )
                };
                let response = Response::builder().status(code);
                Ok::<_, tower::BoxError>(response.body(Body::from(body.to_string().into_bytes()))?)
            }
        });
        (Client::new(service, "default"), requests)
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_the_clusters_and_remembered_for_half_a_minute() {
        let (client, requests) = server(true);
        let reviews = Reviews::new(client);
        let review = |allowed| {
            Ok(Review {
                user: "ana".to_owned(),
                allowed,
            })
        };
        for _ in 0..3 {
            assert_eq!(reviews.review("good", None).await, review(false));
            assert_eq!(reviews.review("good", Some("shop")).await, review(true));
            assert_eq!(reviews.review("good", Some("post")).await, review(false));
            let forged = reviews.review("forged", None).await;
            assert_eq!(forged, Err(Refusal::Unauthenticated));
        }
        // Two tokens, and three questions about the user of one.
        assert_eq!(requests.lock().expect("no panic").len(), 5);
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(reviews.review("good", Some("shop")).await, review(true));
        assert_eq!(requests.lock().expect("no panic").len(), 7);
    }

    #[tokio::test]
    async fn tokens_do_not_pile_up() {
        let (client, _) = server(true);
        let reviews = Reviews::new(client);
        for token in 0..MAX_TOKENS + 10 {
            let _ = reviews.review(&token.to_string(), None).await;
        }
        let known = reviews.0.known.lock().expect("no panic");
        assert!(known.len() <= MAX_TOKENS, "{}", known.len());
    }

    #[tokio::test]
    async fn without_the_right_to_review_the_dashboard_says_which_is_missing() {
        let (client, _) = server(false);
        let refused = Reviews::new(client).review("good", None).await;
        let Err(Refusal::Unavailable(text)) = refused else {
            panic!("{refused:?}");
        };
        assert!(text.contains("system:auth-delegator"), "{text}");
    }
}
