//! The check of the kubeconfig's contexts: none, a wrong one, or one of another cluster than the one with the pools.

use super::finding::{Finding, fail};
use super::setup::{KIND_CONTEXT, Setup};
use super::{CONTEXTS, host, ports, proxy};
use crate::cluster::{Cluster, ClusterArgs, read_kubeconfig};
use crate::text::lang::{Lang, tr};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The contexts of the user's kubeconfig; none if it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contexts {
    names: Vec<String>,
    current: Option<String>,
    /// The context of `--context`.
    chosen: Option<String>,
}

impl Contexts {
    pub(super) fn read(args: &ClusterArgs) -> Self {
        let file = read_kubeconfig(args).unwrap_or_default();
        Self {
            names: file.contexts.into_iter().map(|it| it.name).collect(),
            current: file.current_context.filter(|name| !name.is_empty()),
            chosen: args.context.clone(),
        }
    }

    /// The command that uses the kind cluster of the demo instead; `None` if there is none, or it is used.
    pub(super) fn kind(&self, used: &str) -> Option<String> {
        let other = self.names.iter().find(|name| *name == KIND_CONTEXT)?;
        (used != other).then(|| self.switch(other))
    }

    fn switch(&self, name: &str) -> String {
        if self.chosen.is_some() {
            format!("kubectl workerpool check --context {name}")
        } else {
            format!("kubectl config use-context {name}")
        }
    }
}

/// The findings if no cluster can be opened: the cause, and how to get one.
pub(super) async fn no_cluster(
    lang: Lang,
    args: &ClusterArgs,
    contexts: &Contexts,
    error: &anyhow::Error,
) -> Vec<Finding> {
    let all = contexts.names.join(", ");
    let kind = contexts.names.iter().find(|name| *name == KIND_CONTEXT);
    let best = kind.or(contexts.names.first());
    match (&contexts.chosen, best.map(|name| contexts.switch(name))) {
        (Some(chosen), Some(fix)) if !contexts.names.contains(chosen) => {
            let text = tr!(lang, "cli-context-unknown", chosen, all);
            vec![fail("cluster", text, fix)]
        }
        (None, Some(fix)) if contexts.current.is_none() => {
            let text = tr!(lang, "cli-context-none", all);
            vec![fail("cluster", text, fix)]
        }
        (_, Some(_)) => vec![fail("cluster", format!("{error:#}"), CONTEXTS)],
        (_, None) => no_kubeconfig(lang, args, error).await,
    }
}

/// The findings before a cluster is made: what it needs, and the command that makes it.
async fn no_kubeconfig(lang: Lang, args: &ClusterArgs, error: &anyhow::Error) -> Vec<Finding> {
    let setup = Setup::without_cluster(lang);
    let (programs, ports) = tokio::join!(host::programs(lang, &setup), ports::ports(lang, &setup));
    let proxy = proxy::proxy(lang, None, |name| std::env::var(name).ok());
    let file = kubeconfig_path(args);
    let text = match &file {
        Some(file) if file.exists() => format!("{error:#}"),
        Some(file) => {
            let file = file.display();
            tr!(lang, "cli-context-no-file", file)
        }
        None => tr!(lang, "cli-context-no-cluster"),
    };
    let fix = if is_running() {
        "eval \"$(make -s env)\"".to_owned()
    } else {
        let everything = setup.everything();
        tr!(lang, "cli-context-fix", everything)
    };
    let cluster = fail("cluster", text, fix);
    (programs.into_iter().chain(ports).chain(proxy))
        .chain([cluster])
        .collect()
}

/// The file that holds the kubeconfig, or would.
fn kubeconfig_path(args: &ClusterArgs) -> Option<PathBuf> {
    let first = |list| std::env::split_paths(&list).next();
    let in_home = || {
        let home = variable("HOME").or_else(|| variable("USERPROFILE"))?;
        Some(Path::new(&home).join(".kube/config"))
    };
    let named = args.kubeconfig.clone();
    named
        .or_else(|| variable("KUBECONFIG").and_then(first))
        .or_else(in_home)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether a cluster of `make` runs whose kubeconfig is not the user's.
fn is_running() -> bool {
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&variable("HOME")?).join(".cache")));
    cache.is_some_and(|cache| {
        let testbed = cache.join("workerpool-testbed");
        testbed.join("kind.conf").exists() || testbed.join("run/workerpool/up").exists()
    })
}

/// The failure if this cluster has no WorkerPools, but the kubeconfig names the one that the demo made.
pub(super) fn foreign_cluster(cluster: &Cluster, contexts: &Contexts) -> Option<Finding> {
    if cluster.local {
        return None;
    }
    let fix = contexts.kind(&cluster.context)?;
    let context = &cluster.context;
    let (lang, kind_context) = (cluster.out.lang, KIND_CONTEXT);
    let text = tr!(lang, "cli-context-other-cluster", context, kind_context);
    Some(fail("context", text, fix))
}
