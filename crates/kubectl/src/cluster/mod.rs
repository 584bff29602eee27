//! The cluster of the user's kubeconfig: the client, the pools, their targets, and the messages of API errors.

pub mod dial;
pub mod events;
pub mod link;
pub mod local;
pub mod login;
pub mod missing_queue;
pub mod operator;
pub mod operator_history;
pub mod patch;
mod pool_access;
pub mod proxy;
pub mod queue_summary;
pub mod redis;
pub mod redis_probe;
pub mod redis_rights;
pub mod replay;
pub mod search;
pub mod server;
mod tls;

use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use api::WorkerPool;
use futures::TryFutureExt;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::response::StatusCause;
use kube::{Client, Config, ResourceExt};
use proxy::Proxy;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The time limit to connect to the API server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The cluster and the namespace to use.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// Namespace of the pool [default: the context's]
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// Path of the kubeconfig [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Impersonate this user, if you may
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Impersonate this group; may be repeated
    #[arg(long, global = true, value_name = "GROUP", requires = "as_user")]
    pub as_group: Vec<String>,
}

/// A client of the cluster, and the names that messages use.
#[derive(Clone)]
pub struct Cluster {
    /// The client of the API server.
    pub client: Client,
    /// The name of the kubeconfig's context.
    pub context: String,
    /// The namespace of the pool.
    pub namespace: String,
    /// Where messages are printed.
    pub out: Out,
    /// The address of the API server, for messages.
    pub server: String,
    /// Whether this is the local cluster without Kubernetes.
    pub local: bool,
    /// The proxy of the requests to the API server.
    pub proxy: Option<Proxy>,
    /// Who the user is, by the kubeconfig.
    pub credentials: AuthInfo,
}

impl Cluster {
    /// Reads the kubeconfig; does not connect yet.
    pub async fn open(args: &ClusterArgs, out: &Out) -> anyhow::Result<Self> {
        let (mut config, context, proxy) = load_config(args, out.lang).await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.default_retry = false; // it would retry for minutes without a message
        if args.as_user.is_some() {
            config.auth_info.impersonate.clone_from(&args.as_user);
            config.auth_info.impersonate_groups = Some(args.as_group.clone());
        }
        let namespace = args.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string();
        let credentials = config.auth_info.clone();
        let client =
            Client::try_from(config).with_context(|| tr!(out.lang, "cli-kubeconfig-no-client"))?;
        Ok(Self {
            client,
            context: context.unwrap_or_else(|| "in-cluster".into()),
            namespace,
            out: out.clone(),
            server: server.trim_end_matches('/').to_owned(),
            local: false,
            proxy,
            credentials,
        })
    }

    /// The same cluster with another namespace.
    pub fn within(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self.clone()
        }
    }

    /// Awaits a response of the API server; `doing` starts the message of an error.
    pub async fn request<T>(
        &self,
        doing: &str,
        response: impl Future<Output = kube::Result<T>>,
    ) -> anyhow::Result<T> {
        let (lang, server) = (self.out.lang, &self.server);
        let what = tr!(lang, "cli-api-server", server, doing);
        let response = response.map_err(|error| self.describe_error(doing, &error));
        self.out.wait(&what, response).await
    }

    /// The message of an API error: what is wrong, where, and what to do.
    pub fn describe_error(&self, doing: &str, error: &kube::Error) -> anyhow::Error {
        let Self {
            server,
            context,
            namespace,
            ..
        } = self;
        let lang = self.out.lang;
        let text = if let kube::Error::Api(status) = error {
            match status.code {
                401 => tr!(lang, "cli-api-unauthenticated", server, context),
                403 => forbidden(lang, &status.message, namespace),
                422 => refusal(status),
                code if status.message.is_empty() => tr!(lang, "cli-api-no-message", server, code),
                _ => status.message.clone(),
            }
        } else if let Some(cause) = connection_error(lang, error) {
            let through = self.proxy.as_ref().map(|proxy| {
                let (name, source) = (proxy.name(), proxy.source);
                tr!(lang, "cli-api-through-proxy", name, source)
            });
            let through = through.unwrap_or_default();
            tr!(lang, "cli-api-silent", server, through, cause, context)
        } else {
            format!("{server}: {}", innermost(error))
        };
        anyhow!("{doing}: {text}")
    }

    /// The API of the WorkerPools in the namespace.
    pub fn pools(&self) -> Api<WorkerPool> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The pool `name`, or the only pool of the namespace.
    pub async fn pool(&self, name: Option<&str>) -> anyhow::Result<WorkerPool> {
        let namespace = &self.namespace;
        let (lang, context) = (self.out.lang, &self.context);
        let Some(pools) = self.list_pools(&ListParams::default()).await? else {
            bail!(tr!(lang, "cli-pools-no-api", context));
        };
        let all: Vec<String> = pools.iter().map(ResourceExt::name_any).collect();
        let (names, count) = (all.join(", "), all.len());
        let mut pools = pools.into_iter();
        let found = match name {
            Some(name) => pools.find(|pool| pool.name_any() == name),
            None => pools.next().filter(|_| count == 1),
        };
        found.with_context(|| match name {
            Some(name) if count == 0 => tr!(lang, "cli-pools-not-even", namespace, name),
            Some(name) => tr!(lang, "cli-pools-others", namespace, name, names),
            None if count == 0 => tr!(lang, "cli-pools-empty", namespace),
            None => tr!(lang, "cli-pools-several", namespace, count, names),
        })
    }

    /// The pool of the namespace, if it has exactly one.
    pub async fn only_pool(&self) -> anyhow::Result<Option<WorkerPool>> {
        // Two are enough to know that there are several; there may be a thousand.
        let few = ListParams::default().limit(2);
        match self.list_pools(&few).await? {
            Some(pools) if pools.len() != 1 => Ok(None),
            _ => self.pool(None).await.map(Some),
        }
    }

    /// The pools of the namespace; `None` if the API is not installed.
    async fn list_pools(&self, params: &ListParams) -> anyhow::Result<Option<Vec<WorkerPool>>> {
        let pools = self.pools();
        let list = async {
            match pools.list(params).await {
                Ok(list) => Ok(Some(list.items)),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                Err(error) => Err(error),
            }
        };
        let doing = tr!(self.out.lang, "cli-doing-list-pools");
        self.request(&doing, list).await
    }

    /// The scale of the pool's target.
    pub async fn scale(&self, pool: &WorkerPool) -> anyhow::Result<Scale> {
        let (target, name) = self.target(pool);
        let kind = &pool.spec.scale_target_ref.kind;
        let doing = tr!(self.out.lang, "cli-doing-read-scale", kind, name);
        self.request(&doing, target.get_scale(&name)).await
    }

    /// The API and the name of the pool's scale target.
    pub fn target(&self, pool: &WorkerPool) -> (Api<DynamicObject>, String) {
        let target = &pool.spec.scale_target_ref;
        let version = target.api_version.split_once('/');
        let (group, version) = version.unwrap_or(("", &target.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &target.kind));
        let api = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        (api, target.name.clone())
    }
}

/// The count of a scale's spec, which the API server leaves out where it is 0.
pub fn replicas_of(scale: &Scale) -> i32 {
    scale
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0)
}

/// The count in the spec of a target, and the default of the API server where it has none.
pub fn replicas_in(target: &DynamicObject) -> i64 {
    let replicas = target.data.pointer("/spec/replicas");
    replicas.and_then(serde_json::Value::as_i64).unwrap_or(1)
}

/// The client's configuration, the context's name, and the proxy.
async fn load_config(
    args: &ClusterArgs,
    lang: Lang,
) -> anyhow::Result<(Config, Option<String>, Option<Proxy>)> {
    match read_kubeconfig(args) {
        Ok(file) => {
            let context = args.context.clone().or(file.current_context.clone());
            let proxy_url = context.as_ref().and_then(|name| proxy_url(&file, name));
            let options = KubeConfigOptions {
                context: args.context.clone(),
                ..KubeConfigOptions::default()
            };
            let config = Config::from_custom_kubeconfig(file, &options).await;
            let mut config = config.map_err(|error| {
                anyhow!(match error {
                    KubeconfigError::ParseNoProxy(error) => tr!(lang, "cli-proxy-no-list", error),
                    KubeconfigError::ParseProxyUrl(error) => tr!(lang, "cli-proxy-no-url", error),
                    error => tr!(lang, "cli-kubeconfig-error", error),
                })
            })?;
            // The library sends even requests to this machine through the proxy, and matches NO_PROXY by port.
            let variable = |name: &str| std::env::var(name).ok();
            let proxy = Proxy::choose(lang, proxy_url.as_deref(), variable, &config.cluster_url)?;
            config.proxy_url = proxy.as_ref().map(|proxy| proxy.url.clone());
            Ok((config, context, proxy))
        }
        // A pod has no kubeconfig but a service account.
        Err(error) => match Config::incluster() {
            Ok(config) if args.kubeconfig.is_none() && args.context.is_none() => {
                Ok((config, None, None))
            }
            _ => bail!(tr!(lang, "cli-kubeconfig-unusable", error)),
        },
    }
}

/// The user's kubeconfig.
pub fn read_kubeconfig(args: &ClusterArgs) -> Result<Kubeconfig, KubeconfigError> {
    match &args.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    }
}

/// The proxy that the kubeconfig names for the cluster of `context`.
fn proxy_url(file: &Kubeconfig, context: &str) -> Option<String> {
    let named = file.contexts.iter().find(|it| it.name == context)?;
    let cluster = &named.context.as_ref()?.cluster;
    let cluster = file.clusters.iter().find(|it| it.name == *cluster)?;
    cluster.cluster.as_ref()?.proxy_url.clone()
}

/// The denied permission in a message of the API server, and how to get it.
fn forbidden(lang: Lang, message: &str, namespace: &str) -> String {
    let denied = message.split_once(" cannot ").and_then(|(_, rest)| {
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, _) = rest.split_once('"')?;
        Some(tr!(lang, "cli-api-denied", verb, resource))
    });
    let denied = denied.unwrap_or_else(|| tr!(lang, "cli-api-forbidden", message));
    tr!(lang, "cli-api-ask-for-edit", denied, namespace)
}

/// The messages of a rejected object, one per cause, without the API server's prefixes.
fn refusal(status: &kube::core::Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut messages: Vec<String> = causes.map(refused_value).collect();
    messages.dedup();
    // After an invalid field the API server adds that it did not check the remaining rules.
    messages.retain(|line| !line.starts_with("some validation rules were not checked"));
    if messages.is_empty() {
        status.message.clone()
    } else {
        messages.join("; ")
    }
}

/// The field that is refused, unless it is the whole spec, and why.
fn refused_value(cause: &StatusCause) -> String {
    let StatusCause { field, message, .. } = cause;
    let rest = message.strip_prefix("Invalid value: ");
    let value = rest.and_then(|rest| rest.split_once(": "));
    let plain = match value.filter(|(value, _)| value.starts_with('"')) {
        Some((_, why)) => why,
        None => rest.unwrap_or(message),
    };
    match field.as_str() {
        "" | "spec" | "<nil>" => plain.to_owned(),
        field => format!("{field}: {plain}"),
    }
}

/// The cause if there was no response; `None` for another error.
fn connection_error(lang: Lang, error: &kube::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = None;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            last = Some(match error.kind() {
                io::ErrorKind::ConnectionRefused => tr!(lang, "cli-connection-refused"),
                io::ErrorKind::TimedOut => no_answer(lang, CONNECT_TIMEOUT),
                _ => error.to_string(),
            });
        }
        cause = error.source();
    }
    last.or_else(|| {
        let lost = matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_));
        lost.then(|| innermost(error).to_string())
    })
}

/// The text on a server or program that does not answer within `limit`.
pub fn no_answer(lang: Lang, limit: Duration) -> String {
    let seconds = limit.as_secs();
    tr!(lang, "cli-no-answer", seconds)
}

/// The last source of an error.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}
