//! Shell completion through kubectl: kubectl runs `kubectl_complete-workerpool` from PATH with the words typed so far,
//! and the program prints the candidates, including the names of objects in the cluster. A symbolic link with that
//! name to this program is enough.

use super::cluster::{Cluster, ClusterArgs, read_kubeconfig};
use crate::text::output::{Color, Out};
use clap::builder::Str;
use clap::{Arg, ArgAction, Command};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::time::Duration;
use tokio::time::timeout;

/// The name of the program that kubectl runs for completion.
pub const NAME: &str = "kubectl_complete-workerpool";
/// Short, since the user waits at the prompt.
const TIMEOUT: Duration = Duration::from_secs(2);
/// kubectl's directive that the shell completes no file names.
const NO_FILES: &str = ":4";
/// kubectl's directive that the shell completes file names.
const FILES: &str = ":0";

/// What can be completed at the cursor.
#[derive(Debug, PartialEq, Eq)]
enum Candidates {
    /// One of these values, each with its help.
    OneOf(Vec<(String, String)>),
    Pool,
    Namespace,
    Context,
    File,
    Anything,
}

/// Prints the candidates for the last of `words`, which is being typed.
pub async fn print_candidates(command: Command, words: &[String], out: &Out) -> anyhow::Result<()> {
    let (candidates, cluster_args) = candidates_after(command, words);
    let typed = words.last().map_or("", String::as_str);
    let plain = |names: Vec<String>| {
        let names = names.into_iter();
        names.map(|name| (name, String::new())).collect()
    };
    let names = match &candidates {
        Candidates::OneOf(values) => values.clone(),
        Candidates::Context => plain(contexts(&cluster_args)),
        Candidates::Pool | Candidates::Namespace => {
            let pools = candidates == Candidates::Pool;
            let names = timeout(TIMEOUT, names_in_cluster(&cluster_args, pools)).await;
            plain(names.ok().and_then(Result::ok).unwrap_or_default())
        }
        Candidates::File | Candidates::Anything => Vec::new(),
    };
    for (name, help) in names {
        if name.starts_with(typed) {
            let help = help.lines().next().map(|help| format!("\t{help}"));
            out.data(&(name + &help.unwrap_or_default()))?;
        }
    }
    let directive = match candidates {
        Candidates::File => FILES,
        _ => NO_FILES,
    };
    Ok(out.data(directive)?)
}

/// What can follow `words`, and the cluster arguments among them.
fn candidates_after(mut command: Command, words: &[String]) -> (Candidates, ClusterArgs) {
    command.build();
    let mut cluster_args = ClusterArgs::default();
    let mut current = &command;
    let mut position = 0;
    let (typed, before) = words
        .split_last()
        .map_or(("", words), |(last, before)| (last.as_str(), before));
    // The flag whose value comes next.
    let mut pending_flag: Option<&Arg> = None;
    for word in before {
        if let Some(flag) = pending_flag.take() {
            set_cluster_arg(&mut cluster_args, flag.get_id().as_str(), word);
        } else if let Some(name) = word.strip_prefix('-') {
            let name = name.trim_start_matches('-');
            let value = name.split_once('=');
            let name = value.map_or(name, |(name, _)| name);
            let takes_value =
                |flag: &Arg| matches!(flag.get_action(), ArgAction::Set | ArgAction::Append);
            let mut flags = current.get_arguments();
            let flag = flags.find(|flag| has_name(flag, name) && takes_value(flag));
            match (flag, value) {
                (Some(flag), Some((_, value))) => {
                    set_cluster_arg(&mut cluster_args, flag.get_id().as_str(), value);
                }
                (flag, _) => pending_flag = flag,
            }
        } else if let Some(found) = current.find_subcommand(word) {
            (current, position) = (found, 0);
        } else {
            position += 1;
        }
    }
    let candidates = match pending_flag {
        Some(flag) => candidates_for(flag),
        None if typed.starts_with('-') => Candidates::OneOf(flags(current)),
        None if current.has_subcommands() => Candidates::OneOf(subcommands(current)),
        None => current
            .get_positionals()
            .nth(position)
            .map_or(Candidates::Anything, candidates_for),
    };
    (candidates, cluster_args)
}

fn has_name(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name)
        || arg
            .get_short()
            .is_some_and(|short| name.chars().eq([short]))
}

fn set_cluster_arg(cluster_args: &mut ClusterArgs, flag: &str, value: &str) {
    match flag {
        "namespace" => cluster_args.namespace = Some(value.to_owned()),
        "context" => cluster_args.context = Some(value.to_owned()),
        "kubeconfig" => cluster_args.kubeconfig = Some(value.into()),
        _ => {}
    }
}

fn candidates_for(arg: &Arg) -> Candidates {
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let values = values.iter();
        let values = values.map(|value| (value.get_name().to_owned(), help(value.get_help())));
        return Candidates::OneOf(values.collect());
    }
    let hint = arg.get_value_names().and_then(|names| names.first());
    match (arg.get_id().as_str(), hint.map(Str::as_str)) {
        ("name", _) => Candidates::Pool,
        ("namespace", _) => Candidates::Namespace,
        ("context", _) => Candidates::Context,
        ("replicas", _) => Candidates::OneOf(vec![("auto".into(), String::new())]),
        (_, Some("FILE")) => Candidates::File,
        _ => Candidates::Anything,
    }
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let flag = |arg: &Arg| Some((format!("--{}", arg.get_long()?), help(arg.get_help())));
    visible.filter_map(flag).collect()
}

fn subcommands(command: &Command) -> Vec<(String, String)> {
    let visible = command.get_subcommands().filter(|it| !it.is_hide_set());
    let named = visible.map(|it| (it.get_name().to_owned(), help(it.get_about())));
    named.collect()
}

fn help(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn contexts(cluster_args: &ClusterArgs) -> Vec<String> {
    let file = read_kubeconfig(cluster_args).unwrap_or_default();
    file.contexts.into_iter().map(|it| it.name).collect()
}

/// The names of the pools of the namespace, or else of all namespaces.
async fn names_in_cluster(cluster_args: &ClusterArgs, pools: bool) -> anyhow::Result<Vec<String>> {
    let cluster = Cluster::open(cluster_args, &Out::new(Color::Never, super::Lang::EN)).await?;
    let all = ListParams::default();
    if pools {
        let list = cluster.pools().list(&all).await?;
        return Ok(list.iter().map(ResourceExt::name_any).collect());
    }
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    let list = namespaces.list(&all).await?;
    Ok(list.iter().map(ResourceExt::name_any).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lang::Lang;
    use clap::CommandFactory;

    fn after(line: &str) -> (Candidates, ClusterArgs) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        candidates_after(super::super::Cli::command(), &words)
    }

    fn names(candidates: Candidates) -> Vec<String> {
        let Candidates::OneOf(values) = candidates else {
            panic!("{candidates:?}")
        };
        values.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn completes_commands_flags_and_values() {
        assert!(names(after("").0).contains(&"explain".to_owned()));
        assert!(names(after("explain --").0).contains(&"--why-not".to_owned()));
        assert_eq!(names(after("metrics -o ").0), ["text", "json"]);
        let codes: Vec<_> = Lang::codes().collect();
        assert_eq!(names(after("--lang ").0), codes);
        assert_eq!(names(after("scale filters ").0), ["auto"]);
    }

    #[test]
    fn completes_names_of_the_given_cluster() {
        let (candidates, cluster_args) = after("-n shop --context=kind-kind explain fil");
        assert_eq!(candidates, Candidates::Pool);
        assert_eq!(cluster_args.namespace.as_deref(), Some("shop"));
        assert_eq!(cluster_args.context.as_deref(), Some("kind-kind"));
        for (line, expected) in [
            ("explain --why-not 7 ", Candidates::Pool), // 7 is the value of the flag
            ("metrics -n ", Candidates::Namespace),
            ("--context ", Candidates::Context),
            ("--kubeconfig ", Candidates::File),
            ("metrics filters ", Candidates::Anything),
        ] {
            assert_eq!(after(line).0, expected, "{line}");
        }
    }
}
