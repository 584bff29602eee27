//! Completion as kubectl asks for it: a program `kubectl_complete-workerpool` on PATH is given the words typed so far and
//! prints what may follow, names of live objects among them. A link by that name to this program is enough.

use super::cluster::{Cluster, ClusterArgs};
use crate::text::output::{Color, Out};
use clap::{Arg, ArgAction, Command};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::config::Kubeconfig;
use std::time::Duration;
use tokio::time::timeout;

/// The name under which kubectl looks for it.
pub const NAME: &str = "kubectl_complete-workerpool";
/// A person waits with a finger on the key.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The shell is to propose no files, or just those (kubectl's directives).
const NO_FILES: &str = ":4";
const FILES: &str = ":0";

/// What may stand where the cursor is.
#[derive(Debug, PartialEq, Eq)]
enum Candidates {
    /// One of these, each with its help.
    One(Vec<(String, String)>),
    Pool,
    Namespace,
    Context,
    File,
    Anything,
}

/// Answers for `words`, the last of which is being typed.
pub async fn answer(command: Command, words: &[String], out: &Out) -> anyhow::Result<()> {
    let (wanted, place) = wanted(command, words);
    let typed = words.last().map_or("", String::as_str);
    let plain = |names: Vec<String>| {
        names
            .into_iter()
            .map(|name| (name, String::new()))
            .collect()
    };
    let proposals = match &wanted {
        Candidates::One(all) => all.clone(),
        Candidates::Context => plain(contexts(&place)),
        Candidates::Pool | Candidates::Namespace => {
            let live = timeout(TIMEOUT, live(&place, wanted == Candidates::Pool)).await;
            plain(live.ok().and_then(Result::ok).unwrap_or_default())
        }
        Candidates::File | Candidates::Anything => Vec::new(),
    };
    for (name, help) in proposals
        .into_iter()
        .filter(|(name, _)| name.starts_with(typed))
    {
        let help = help.lines().next().unwrap_or_default();
        out.data(&if help.is_empty() {
            name
        } else {
            format!("{name}\t{help}")
        })?;
    }
    Ok(out.data(if wanted == Candidates::File {
        FILES
    } else {
        NO_FILES
    })?)
}

/// What is wanted after `words`, and the place that they name.
fn wanted(mut command: Command, words: &[String]) -> (Candidates, ClusterArgs) {
    command.build();
    let mut place = ClusterArgs::default();
    let (mut current, mut position) = (&command, 0);
    let (typed, before) = words
        .split_last()
        .map_or(("", words), |(last, before)| (last.as_str(), before));
    let mut open: Option<&Arg> = None;
    for word in before {
        if let Some(flag) = open.take() {
            note(&mut place, flag.get_id().as_str(), word);
        } else if let Some(name) = word.strip_prefix('-') {
            let (name, value) = name
                .split_once('=')
                .map_or((name, None), |(name, value)| (name, Some(value)));
            let flag = current
                .get_arguments()
                .find(|arg| is_called(arg, name.trim_start_matches('-')));
            match (
                flag.filter(|flag| matches!(flag.get_action(), ArgAction::Set | ArgAction::Append)),
                value,
            ) {
                (Some(flag), Some(value)) => note(&mut place, flag.get_id().as_str(), value),
                (flag, _) => open = flag,
            }
        } else if let Some(found) = current.find_subcommand(word) {
            (current, position) = (found, 0);
        } else {
            position += 1;
        }
    }
    let wanted = match open {
        Some(flag) => of_value(flag),
        None if typed.starts_with('-') => Candidates::One(flags(current)),
        None if current.has_subcommands() => Candidates::One(subcommands(current)),
        None => current
            .get_positionals()
            .nth(position)
            .map_or(Candidates::Anything, of_value),
    };
    (wanted, place)
}

fn is_called(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name)
        || arg
            .get_short()
            .is_some_and(|short| name.chars().eq([short]))
}

fn note(place: &mut ClusterArgs, flag: &str, value: &str) {
    match flag {
        "namespace" => place.namespace = Some(value.to_owned()),
        "context" => place.context = Some(value.to_owned()),
        "kubeconfig" => place.kubeconfig = Some(value.into()),
        _ => {}
    }
}

fn of_value(arg: &Arg) -> Candidates {
    let values = arg.get_possible_values();
    if !values.is_empty() {
        let help = |value: &clap::builder::PossibleValue| {
            value
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        return Candidates::One(
            values
                .iter()
                .map(|value| (value.get_name().to_owned(), help(value)))
                .collect(),
        );
    }
    let hint = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map(clap::builder::Str::as_str);
    match (arg.get_id().as_str(), hint) {
        ("name", _) => Candidates::Pool,
        ("namespace", _) => Candidates::Namespace,
        ("context", _) => Candidates::Context,
        ("replicas", _) => Candidates::One(vec![("auto".into(), String::new())]),
        (_, Some("FILE")) => Candidates::File,
        _ => Candidates::Anything,
    }
}

fn flags(command: &Command) -> Vec<(String, String)> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let flag = |arg: &Arg| Some((format!("--{}", arg.get_long()?), help(arg.get_help())));
    shown.filter_map(flag).collect()
}

fn subcommands(command: &Command) -> Vec<(String, String)> {
    let shown = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    shown
        .map(|command| (command.get_name().to_owned(), help(command.get_about())))
        .collect()
}

fn help(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn contexts(place: &ClusterArgs) -> Vec<String> {
    let file = match &place.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    file.map(|file| {
        file.contexts
            .into_iter()
            .map(|context| context.name)
            .collect()
    })
    .unwrap_or_default()
}

async fn live(place: &ClusterArgs, pools: bool) -> anyhow::Result<Vec<String>> {
    let cluster = Cluster::open(place, &Out::new(Color::Never, super::Lang::En)).await?;
    if pools {
        let list = cluster.pools().list(&ListParams::default()).await?;
        return Ok(list.iter().map(ResourceExt::name_any).collect());
    }
    let all: Api<Namespace> = Api::all(cluster.client.clone());
    Ok(all
        .list(&ListParams::default())
        .await?
        .iter()
        .map(ResourceExt::name_any)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn after(line: &str) -> (Candidates, ClusterArgs) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        wanted(super::super::Cli::command(), &words)
    }

    fn names(wanted: Candidates) -> Vec<String> {
        let Candidates::One(all) = wanted else {
            panic!("{wanted:?}")
        };
        all.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn commands_flags_and_values_are_known() {
        assert!(names(after("").0).contains(&"explain".to_owned()));
        assert!(names(after("explain --").0).contains(&"--why-not".to_owned()));
        assert_eq!(names(after("metrics -o ").0), ["text", "json"]);
        assert_eq!(names(after("--lang ").0), ["en", "es"]);
        assert_eq!(names(after("scale filters ").0), ["auto"]);
    }

    #[test]
    fn names_are_those_of_the_place_that_is_named() {
        let (wanted, place) = after("-n shop --context=kind-kind explain fil");
        assert_eq!(
            (wanted, place.namespace.as_deref(), place.context.as_deref()),
            (Candidates::Pool, Some("shop"), Some("kind-kind"))
        );
        assert_eq!(
            after("explain --why-not 7 ").0,
            Candidates::Pool,
            "7 is the flag's"
        );
        assert_eq!(after("metrics -n ").0, Candidates::Namespace);
        assert_eq!(after("--context ").0, Candidates::Context);
        assert_eq!(after("--kubeconfig ").0, Candidates::File);
        assert_eq!(after("metrics filters ").0, Candidates::Anything);
    }
}
