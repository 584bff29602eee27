//! The help in Spanish: the same command line with other words, from one table keyed by the English.

use clap::{Arg, ArgAction, Command};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static SPANISH: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("help.es.json")).unwrap_or_default());

/// The command with every text in Spanish that the table has.
#[must_use]
pub fn spanish(command: Command) -> Command {
    let long = command.get_long_about().map(say);
    let (about, foot) = (
        command.get_about().map(say),
        command.get_after_help().map(say),
    );
    let mut command = command.mut_args(argument).mut_subcommands(spanish);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(long) = long {
        command = command.long_about(long);
    }
    if let Some(foot) = foot {
        command = command.after_help(foot);
    }
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help("Muestra esta ayuda");
    let sections = [
        (
            "Argumentos",
            "{positionals}",
            command.get_positionals().next().is_some(),
        ),
        ("Órdenes", "{subcommands}", command.has_subcommands()),
        ("Opciones", "{options}", true),
    ];
    let sections: Vec<String> = sections
        .into_iter()
        .filter(|(_, _, there)| *there)
        .map(|(title, place, _)| format!("{title}:\n{place}"))
        .collect();
    let template = format!(
        "{{about-with-newline}}\nUso: {{usage}}\n\n{}{{after-help}}\n",
        sections.join("\n\n")
    );
    command
        .disable_help_flag(true)
        .arg(help)
        .help_template(template)
}

fn argument(arg: Arg) -> Arg {
    let (short, long) = (arg.get_help().map(say), arg.get_long_help().map(say));
    let arg = match short {
        Some(help) => arg.help(help),
        None => arg,
    };
    match long {
        Some(help) => arg.long_help(help),
        None => arg,
    }
}

fn say(text: &clap::builder::StyledStr) -> String {
    let english = text.to_string();
    SPANISH.get(&english).cloned().unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn texts(command: &Command, all: &mut Vec<String>) {
        let own = [
            command.get_about(),
            command.get_long_about(),
            command.get_after_help(),
        ];
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let arguments = shown.flat_map(|arg| [arg.get_help(), arg.get_long_help()]);
        all.extend(
            own.into_iter()
                .chain(arguments)
                .flatten()
                .map(ToString::to_string),
        );
        command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .for_each(|command| texts(command, all));
    }

    #[test]
    fn every_text_of_the_help_is_said_in_spanish_and_no_other_is() {
        let mut all = Vec::new();
        texts(&super::super::Cli::command(), &mut all);
        let missing: Vec<_> = all
            .iter()
            .filter(|text| !SPANISH.contains_key(*text))
            .collect();
        assert!(missing.is_empty(), "help.es.json lacks: {missing:#?}");
        let stale: Vec<_> = SPANISH.keys().filter(|text| !all.contains(text)).collect();
        assert!(
            stale.is_empty(),
            "help.es.json has what nobody says: {stale:#?}"
        );
    }

    #[test]
    fn the_help_itself_is_in_spanish() {
        let mut command = spanish(super::super::Cli::command());
        let help = command
            .find_subcommand_mut("explain")
            .expect("explain")
            .render_help()
            .to_string();
        for word in ["Uso: ", "Argumentos:", "Opciones:", "Muestra esta ayuda"] {
            assert!(help.contains(word), "{help}");
        }
        assert!(!help.contains("Usage"), "{help}");
        command.debug_assert();
    }
}
