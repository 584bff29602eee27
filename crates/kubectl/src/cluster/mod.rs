//! The cluster as the user's kubeconfig shows it: the client, the pools, their targets, and its errors in words.

pub mod events;
pub mod facts;
pub mod local;
pub mod operator;
pub mod operator_history;
pub mod patch;
pub mod redis;
pub mod replay;

use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use api::WorkerPool;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

const ELSEWHERE: &str = "name another with -n, or make one: `kubectl apply -f manifests/demo.yaml`";

/// Which cluster and where in it.
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
    /// Act as this user, where you may impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Act as a member of this group; may be repeated
    #[arg(long, global = true, value_name = "GROUP", requires = "as_user")]
    pub as_group: Vec<String>,
}

/// A client and what to call things when talking of them.
#[derive(Clone)]
pub struct Cluster {
    /// Talks to the API server.
    pub client: Client,
    /// The context's name.
    pub context: String,
    /// The namespace of the pool.
    pub namespace: String,
    /// Prints.
    pub out: Out,
    /// What to call the API server.
    pub server: String,
    /// Whether it is the stand-in on this machine.
    pub local: bool,
}

impl Cluster {
    /// Reads the kubeconfig; nothing is asked of the cluster yet.
    pub async fn open(place: &ClusterArgs, out: &Out) -> anyhow::Result<Self> {
        let options = KubeConfigOptions {
            context: place.context.clone(),
            ..KubeConfigOptions::default()
        };
        let file = match &place.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let (mut config, context) = match file {
            Ok(file) => {
                let context = place
                    .context
                    .clone()
                    .or_else(|| file.current_context.clone());
                let config = Config::from_custom_kubeconfig(file, &options).await;
                (
                    config.map_err(|error| {
                        anyhow!("{error}; `kubectl config get-contexts` lists what there is")
                    })?,
                    context,
                )
            }
            // In a pod there is no kubeconfig, and its own account takes the place of one.
            Err(error) => match Config::incluster() {
                Ok(config) if place.kubeconfig.is_none() && place.context.is_none() => {
                    (config, None)
                }
                _ => bail!(
                    "no usable kubeconfig ({error}): set KUBECONFIG, or give --kubeconfig FILE"
                ),
            },
        };
        config.connect_timeout = Some(Duration::from_secs(5));
        config.default_retry = false; // it goes on for minutes without a word
        if place.as_user.is_some() {
            config.auth_info.impersonate.clone_from(&place.as_user);
            config.auth_info.impersonate_groups = Some(place.as_group.clone());
        }
        let namespace = place
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        let server = config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        let client = Client::try_from(config).context("no client can be made of the kubeconfig")?;
        Ok(Self::new(
            client,
            context.unwrap_or_else(|| "in-cluster".into()),
            namespace,
            out.clone(),
            server,
        ))
    }

    /// From its parts.
    #[must_use]
    pub fn new(
        client: Client,
        context: String,
        namespace: String,
        out: Out,
        server: String,
    ) -> Self {
        Self {
            client,
            context,
            namespace,
            out,
            server,
            local: false,
        }
    }

    /// The same in another namespace.
    #[must_use]
    pub fn within(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self.clone()
        }
    }

    /// Asks the API server; its errors come back as sentences that begin with `doing`.
    pub async fn request<T>(
        &self,
        doing: &str,
        answer: impl Future<Output = kube::Result<T>>,
    ) -> anyhow::Result<T> {
        let whom = format!("the API server {} ({doing})", self.server);
        self.out
            .wait(&whom, async {
                answer
                    .await
                    .map_err(|error| self.describe_error(doing, &error))
            })
            .await
    }

    /// An error of the API server in words: what is wrong, where, what to do.
    #[must_use]
    pub fn describe_error(&self, doing: &str, error: &kube::Error) -> anyhow::Error {
        let Self {
            server,
            context,
            namespace,
            ..
        } = self;
        if let kube::Error::Api(status) = error {
            return match status.code {
                401 => anyhow!(
                    "{doing}: {server} does not know who you are; log in again, or choose another --context than {context}"
                ),
                403 => anyhow!("{doing}: {}", forbidden(&status.message, namespace)),
                422 => anyhow!("{doing}: {}", refusal(status)),
                code if status.message.is_empty() => {
                    anyhow!("{doing}: {server} answers {code} and no word more")
                }
                _ => anyhow!("{doing}: {}", status.message),
            };
        }
        if let Some(cause) = refused_or_lost(error) {
            return anyhow!(
                "{doing}: the API server {server} does not answer ({cause}); is the cluster running, and is {context} the context you mean? `kubectl config get-contexts` lists them"
            );
        }
        anyhow!("{doing} at {server}: {}", innermost(error))
    }

    /// The pools of the namespace.
    #[must_use]
    pub fn pools(&self) -> Api<WorkerPool> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The pool `name`, or the only one there is.
    pub async fn pool(&self, name: Option<&str>) -> anyhow::Result<WorkerPool> {
        let namespace = &self.namespace;
        let Some(pools) = self
            .request(
                "reading the WorkerPools",
                self.list_pools(&ListParams::default()),
            )
            .await?
        else {
            bail!(
                "this cluster ({}) does not know WorkerPools: install them with `helm install workerpool charts/workerpool`",
                self.context
            );
        };
        let there = pools
            .iter()
            .map(ResourceExt::name_any)
            .collect::<Vec<_>>()
            .join(", ");
        match name {
            Some(name) => {
                pools.into_iter().find(|pool| pool.name_any() == name).ok_or_else(|| match &*there {
                    "" => anyhow!(
                        "there is no WorkerPool {name} in namespace {namespace}, nor any other; {ELSEWHERE}"
                    ),
                    _ => {
                        anyhow!("there is no WorkerPool {name} in namespace {namespace}; there are: {there}")
                    }
                })
            }
            None if pools.len() > 1 => {
                bail!("namespace {namespace} has {} WorkerPools, name the one you mean: {there}", pools.len())
            }
            None => pools
                .into_iter()
                .next()
                .ok_or_else(|| anyhow!("there is no WorkerPool in namespace {namespace}; {ELSEWHERE}")),
        }
    }

    /// The only pool there is, if there is exactly one.
    pub async fn only_pool(&self) -> anyhow::Result<Option<WorkerPool>> {
        // Two are as many as there need be to know: there may be a thousand.
        let few = ListParams::default().limit(2);
        match self
            .request("reading the WorkerPools", self.list_pools(&few))
            .await?
        {
            Some(pools) if pools.len() != 1 => Ok(None),
            _ => self.pool(None).await.map(Some),
        }
    }

    /// `None` where the API is not installed.
    async fn list_pools(&self, params: &ListParams) -> kube::Result<Option<Vec<WorkerPool>>> {
        match self.pools().list(params).await {
            Ok(list) => Ok(Some(list.items)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the pool scales: its API and its name.
    #[must_use]
    pub fn target(&self, pool: &WorkerPool) -> (Api<DynamicObject>, String) {
        let target = &pool.spec.scale_target_ref;
        let (group, version) = target
            .api_version
            .split_once('/')
            .unwrap_or(("", &target.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &target.kind));
        (
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource),
            target.name.clone(),
        )
    }
}

/// What is not allowed, without the server's wrapping.
fn forbidden(message: &str, namespace: &str) -> String {
    let right = message.split_once(" cannot ").and_then(|(_, rest)| {
        let (verb, rest) = rest.split_once(" resource \"")?;
        Some(format!("you may not {verb} {}", rest.split_once('"')?.0))
    });
    let right = right.unwrap_or_else(|| format!("it is forbidden ({message})"));
    format!(
        "{right}; an administrator can give you the role `edit` in namespace {namespace}, which allows it"
    )
}

/// What admission says against an object, without the server's wrapping: a line per cause.
fn refusal(status: &kube::core::Status) -> String {
    let causes = status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .map(|cause| {
            let message = cause.message.as_str();
            let plain = message
                .strip_prefix("Invalid value: ")
                .map_or(message, |rest| {
                    rest.split_once(": ")
                        .filter(|(value, _)| value.starts_with('"'))
                        .map_or(rest, |(_, said)| said)
                });
            if cause.field.is_empty() || cause.field == "spec" || cause.field == "<nil>" {
                plain.to_owned()
            } else {
                format!("{}: {plain}", cause.field)
            }
        });
    let mut said: Vec<String> = causes.collect();
    said.dedup();
    // With an invalid field the server adds that it could not check the rest.
    said.retain(|line| !line.starts_with("some validation rules were not checked"));
    if said.is_empty() {
        status.message.clone()
    } else {
        said.join("; ")
    }
}

/// The plain cause, where nobody answers at all.
fn refused_or_lost(error: &kube::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = None;
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            last = Some(match error.kind() {
                io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
                io::ErrorKind::TimedOut => "no answer in 5 s".to_owned(),
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

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}
