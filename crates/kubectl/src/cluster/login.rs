//! The token that a dashboard with a login gets: the user's own, or where the kubeconfig has none (a client certificate)
//! a short-lived one of the chart's account for viewers.

use super::Cluster;
use crate::text::lang::tr;
use anyhow::{Context, anyhow};
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Config;
use kube::api::{Api, PostParams};
use kube::client::{Body, ConfigExt};
use kube::config::AuthInfo;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::{BoxError, Layer, ServiceExt, service_fn};

/// How long a token of the chart's account is valid, in seconds.
const LIFETIME: i64 = 3_600;
/// How long a token is used; a login program is then asked for the next one.
const USED: Duration = Duration::from_mins(5);

/// The `Authorization` header of requests to the dashboard of the operator `name` in `namespace`.
pub struct Login {
    cluster: Cluster,
    namespace: String,
    account: String,
    current: Mutex<Option<(HeaderValue, Instant)>>,
}

impl Login {
    pub fn new(cluster: &Cluster, namespace: &str, operator: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            account: format!("{operator}-viewer"),
            current: Mutex::default(),
        }
    }

    /// The header's value.
    pub async fn header(&self) -> anyhow::Result<HeaderValue> {
        let mut current = self.current.lock().await;
        if let Some((header, since)) = &*current
            && since.elapsed() < USED
        {
            return Ok(header.clone());
        }
        let lang = self.cluster.out.lang;
        let own = of_kubeconfig(&self.cluster.credentials).await;
        let own = own.map_err(|error| anyhow!(tr!(lang, "cli-login-failed", error)))?;
        let header = match own {
            Some(header) => header,
            None => self.of_account().await?,
        };
        *current = Some((header.clone(), Instant::now()));
        Ok(header)
    }

    /// A token of the chart's account.
    async fn of_account(&self) -> anyhow::Result<HeaderValue> {
        let Self {
            namespace, account, ..
        } = self;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.cluster.client.clone(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(LIFETIME),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let params = PostParams::default();
        let created = accounts.create_token_request(account, &params, &request);
        let created = created.await.map_err(|error| {
            let doing = tr!(self.cluster.out.lang, "cli-doing-token", account, namespace);
            self.cluster.describe_error(&doing, &error)
        })?;
        let token = created
            .status
            .with_context(|| tr!(self.cluster.out.lang, "cli-login-no-token", account))?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.token))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The header that requests to the API server have; `None` where the user has a client certificate.
async fn of_kubeconfig(credentials: &AuthInfo) -> Result<Option<HeaderValue>, BoxError> {
    let mut config = Config::new(http::Uri::from_static("https://localhost"));
    config.auth_info = credentials.clone();
    let Some(layer) = config.auth_layer()? else {
        return Ok(None);
    };
    // The layer that authenticates requests to the API server, around a service that answers with what it has added.
    let service = layer.layer(service_fn(|request: Request<Body>| async move {
        let mut response = Response::new(());
        *response.headers_mut() = request.headers().clone();
        Ok::<_, BoxError>(response)
    }));
    let response: BoxFuture<'static, _> = Box::pin(service.oneshot(Request::new(Body::empty())));
    Ok(response.await?.headers().get(AUTHORIZATION).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::config::ExecConfig;

    #[tokio::test]
    async fn the_users_token_is_sent_where_there_is_one() {
        let token = AuthInfo {
            token: Some("of-a-file".to_owned().into()),
            ..AuthInfo::default()
        };
        let header = of_kubeconfig(&token).await.unwrap();
        assert_eq!(header.unwrap(), "Bearer of-a-file");
        let certificate = AuthInfo {
            client_certificate_data: Some("eA==".to_owned()),
            client_key_data: Some("eA==".to_owned().into()),
            ..AuthInfo::default()
        };
        assert_eq!(of_kubeconfig(&certificate).await.unwrap(), None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_login_program_is_asked_for_its_token() {
        let credential = r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "of-a-program"}}"#;
        let program = AuthInfo {
            exec: Some(ExecConfig {
                api_version: Some("client.authentication.k8s.io/v1".to_owned()),
                command: Some("echo".to_owned()),
                args: Some(vec![credential.to_owned()]),
                ..ExecConfig::default()
            }),
            ..AuthInfo::default()
        };
        let header = of_kubeconfig(&program).await.unwrap();
        assert_eq!(header.unwrap(), "Bearer of-a-program");
    }
}
