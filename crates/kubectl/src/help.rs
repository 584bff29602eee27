//! The help in Spanish: the same command line with the texts of one table, keyed by the English text.

use clap::{Arg, ArgAction, Command};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static SPANISH: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("help.es.json")).unwrap_or_default());

/// The command with its texts in Spanish; a text that is not in the table stays English.
pub fn spanish(command: Command) -> Command {
    let about = command.get_about().map(translate);
    let long_about = command.get_long_about().map(translate);
    let after_help = command.get_after_help().map(translate);
    let mut command = command.mut_args(translate_arg).mut_subcommands(spanish);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(long_about) = long_about {
        command = command.long_about(long_about);
    }
    if let Some(after_help) = after_help {
        command = command.after_help(after_help);
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
        ("Comandos", "{subcommands}", command.has_subcommands()),
        ("Opciones", "{options}", true),
    ];
    let sections: Vec<String> = sections
        .into_iter()
        .filter(|(_, _, present)| *present)
        .map(|(title, tag, _)| format!("{title}:\n{tag}"))
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

fn translate_arg(arg: Arg) -> Arg {
    let short = arg.get_help().map(translate);
    let long = arg.get_long_help().map(translate);
    let arg = match short {
        Some(help) => arg.help(help),
        None => arg,
    };
    match long {
        Some(help) => arg.long_help(help),
        None => arg,
    }
}

fn translate(text: &clap::builder::StyledStr) -> String {
    let english = text.to_string();
    SPANISH.get(&english).cloned().unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn texts(command: &Command, all: &mut Vec<String>) {
        let texts_of_command = [
            command.get_about(),
            command.get_long_about(),
            command.get_after_help(),
        ];
        let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let arguments = visible.flat_map(|arg| [arg.get_help(), arg.get_long_help()]);
        all.extend(
            texts_of_command
                .into_iter()
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
    fn table_has_every_help_text_and_no_other() {
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
            "help.es.json has texts that are not in the help: {stale:#?}"
        );
    }

    #[test]
    fn headings_are_spanish() {
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
