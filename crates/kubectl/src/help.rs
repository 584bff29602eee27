//! The help in other languages: the same command line with the texts of one table, keyed by the English text.

use crate::text::lang::{Lang, tr};
use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A language's help texts by the English text.
type Table = BTreeMap<String, String>;

/// The tables by the code of their language. A language without one has the help in English.
static TABLES: LazyLock<BTreeMap<&str, Table>> = LazyLock::new(|| {
    let files = [("es", include_str!("help.es.json"))];
    let table = |file| serde_json::from_str(file).unwrap_or_default();
    BTreeMap::from(files.map(|(code, file)| (code, table(file))))
});

/// The command with its texts in a language; a text that is not in the table stays English.
pub fn translated(command: Command, lang: Lang) -> Command {
    match TABLES.get(lang.code()) {
        Some(table) => translate(command, lang, table),
        None => command,
    }
}

fn translate(command: Command, lang: Lang, table: &Table) -> Command {
    let text = |text: &StyledStr| translate_text(text, table);
    let about = command.get_about().map(text);
    let long_about = command.get_long_about().map(text);
    let after_help = command.get_after_help().map(text);
    let mut command = command
        .mut_args(|arg| translate_arg(arg, table))
        .mut_subcommands(|command| translate(command, lang, table));
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
        .help(tr!(lang, "cli-help-this"));
    let sections = [
        (
            tr!(lang, "cli-help-arguments"),
            "{positionals}",
            command.get_positionals().next().is_some(),
        ),
        (
            tr!(lang, "cli-help-commands"),
            "{subcommands}",
            command.has_subcommands(),
        ),
        (tr!(lang, "cli-help-options"), "{options}", true),
    ];
    let sections: Vec<String> = sections
        .into_iter()
        .filter(|(_, _, present)| *present)
        .map(|(title, tag, _)| format!("{title}:\n{tag}"))
        .collect();
    let usage = tr!(lang, "cli-help-usage");
    let template = format!(
        "{{about-with-newline}}\n{usage}: {{usage}}\n\n{}{{after-help}}\n",
        sections.join("\n\n")
    );
    command
        .disable_help_flag(true)
        .arg(help)
        .help_template(template)
}

fn translate_arg(arg: Arg, table: &Table) -> Arg {
    let text = |text: &StyledStr| translate_text(text, table);
    let short = arg.get_help().map(text);
    let long = arg.get_long_help().map(text);
    let arg = match short {
        Some(help) => arg.help(help),
        None => arg,
    };
    match long {
        Some(help) => arg.long_help(help),
        None => arg,
    }
}

fn translate_text(text: &StyledStr, table: &Table) -> String {
    let english = text.to_string();
    table.get(&english).cloned().unwrap_or(english)
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
    fn each_table_has_every_help_text_and_no_other() {
        let mut all = Vec::new();
        texts(&super::super::Cli::command(), &mut all);
        for (code, table) in &*TABLES {
            assert!(Lang::of(code).is_some(), "no language {code}");
            let missing: Vec<_> = all
                .iter()
                .filter(|text| !table.contains_key(*text))
                .collect();
            assert!(missing.is_empty(), "help.{code}.json lacks: {missing:#?}");
            let stale: Vec<_> = table.keys().filter(|text| !all.contains(text)).collect();
            assert!(
                stale.is_empty(),
                "help.{code}.json has texts that are not in the help: {stale:#?}"
            );
        }
    }

    #[test]
    fn headings_are_spanish() {
        let mut command = translated(
            super::super::Cli::command(),
            Lang::of("es").expect("Spanish"),
        );
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
