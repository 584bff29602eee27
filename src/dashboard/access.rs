//! Who may see which pools: with a token, those that its user may get in the cluster.

use crate::turns::PerName;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most streams of one user, or without users of one address, which a class may share: others must find some left.
const MAX_STREAMS: usize = 100;

/// Asks the cluster about a token.
pub trait Reviewer: Send + Sync {
    /// The user of the token, and whether it may get the `WorkerPool`s of a namespace, or of all.
    ///
    /// # Errors
    /// It is not a token of this cluster, or the cluster does not answer.
    fn review(
        &self,
        token: &str,
        namespace: Option<&str>,
    ) -> BoxFuture<'static, Result<Review, Refusal>>;
}

/// What the cluster says about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The name of its user.
    pub user: String,
    /// Whether the user may get the pools.
    pub allowed: bool,
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has no token, or not one of this cluster.
    Unauthenticated,
    /// Its user may not see this.
    Forbidden(String),
    /// The cluster does not say who the user is, and why.
    Unavailable(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, "Bearer")],
                "this dashboard shows what your account may get in the cluster: open it by `kubectl workerpool dashboard`, or send `Authorization: Bearer TOKEN`\n".to_owned(),
            )
                .into_response(),
            Self::Forbidden(user) => (
                StatusCode::FORBIDDEN,
                format!("{user:?} may not get workerpools here\n"),
            )
                .into_response(),
            Self::Unavailable(error) => (StatusCode::SERVICE_UNAVAILABLE, error + "\n").into_response(),
        }
    }
}

/// Who may see the dashboard.
#[derive(Clone)]
pub enum Access {
    /// Whoever reaches it sees everything.
    Everyone,
    /// Whoever sends a token sees what this lets its user see.
    Token(Arc<dyn Reviewer>),
}

/// Who sent a request.
#[derive(Clone)]
pub(super) struct Viewer {
    /// `None` where everyone sees everything.
    login: Option<(Arc<str>, Arc<dyn Reviewer>)>,
    /// The user, or without users the address.
    client: String,
    /// Whether it may see the pools of all namespaces.
    sees_all: bool,
}

impl Viewer {
    pub(super) fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether it may see the pools of this namespace now.
    pub(super) async fn may_see(&self, namespace: &str) -> Result<bool, Refusal> {
        match &self.login {
            Some((token, reviewer)) if !self.sees_all => {
                let review = reviewer.review(token, Some(namespace)).await?;
                Ok(review.allowed)
            }
            _ => Ok(true),
        }
    }

    /// Refuses a request about a pool of a namespace that it may not see.
    pub(super) async fn require(&self, namespace: &str) -> Result<(), Refusal> {
        if self.may_see(namespace).await? {
            return Ok(());
        }
        Err(Refusal::Forbidden(self.client.clone()))
    }

    /// Whether it may still see all namespaces, or still not; `None` where there are no tokens.
    pub(super) async fn review(&self) -> Option<Result<bool, Refusal>> {
        let (token, reviewer) = self.login.as_ref()?;
        let review = reviewer.review(token, None).await;
        Some(review.map(|review| review.allowed))
    }
}

/// Adds the [`Viewer`] to a request, or refuses it.
pub(super) async fn authenticate(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let address = address.map(|ConnectInfo(address)| address.ip().to_string());
    let viewer = match access {
        Access::Everyone => Ok(Viewer {
            login: None,
            client: address.unwrap_or_default(),
            sees_all: true,
        }),
        Access::Token(reviewer) => log_in(request.headers(), reviewer).await,
    };
    match viewer {
        Ok(viewer) => {
            request.extensions_mut().insert(viewer);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn log_in(headers: &HeaderMap, reviewer: Arc<dyn Reviewer>) -> Result<Viewer, Refusal> {
    let header = headers.get(header::AUTHORIZATION);
    let token = header
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(Refusal::Unauthenticated)?;
    let Review { user, allowed } = reviewer.review(token, None).await?;
    Ok(Viewer {
        login: Some((token.into(), reviewer)),
        client: user,
        sees_all: allowed,
    })
}

/// The streams that each client may still open.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<PerName<Semaphore>>);

impl Streams {
    /// One more stream of this viewer, until the result is dropped; `None` if it has too many.
    pub(super) fn open(&self, viewer: &Viewer) -> Option<OwnedSemaphorePermit> {
        let left = self.0.get(&viewer.client, || Semaphore::new(MAX_STREAMS));
        left.try_acquire_owned().ok()
    }
}
