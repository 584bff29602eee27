//! The help in other languages: the same command line with the texts of one table, keyed by the English text.

use crate::text::lang::{Lang, tr};
use clap::builder::{Resettable, StyledStr};
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
    let about = translate_text(command.get_about(), table);
    let long_about = translate_text(command.get_long_about(), table);
    let after_help = translate_text(command.get_after_help(), table);
    let command = command
        .mut_args(|arg| translate_arg(arg, table))
        .mut_subcommands(|command| translate(command, lang, table))
        .about(about)
        .long_about(long_about)
        .after_help(after_help);
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help(tr!(lang, "cli-help-this"));
    let usage = tr!(lang, "cli-help-usage");
    let mut sections = vec![format!("{{about-with-newline}}\n{usage}: {{usage}}")];
    if command.get_positionals().next().is_some() {
        let title = tr!(lang, "cli-help-arguments");
        sections.push(format!("{title}:\n{{positionals}}"));
    }
    if command.has_subcommands() {
        let title = tr!(lang, "cli-help-commands");
        sections.push(format!("{title}:\n{{subcommands}}"));
    }
    let title = tr!(lang, "cli-help-options");
    sections.push(format!("{title}:\n{{options}}{{after-help}}\n"));
    command
        .disable_help_flag(true)
        .arg(help)
        .help_template(sections.join("\n\n"))
}

fn translate_arg(arg: Arg, table: &Table) -> Arg {
    let short = translate_text(arg.get_help(), table);
    let long = translate_text(arg.get_long_help(), table);
    arg.help(short).long_help(long)
}

fn translate_text(text: Option<&StyledStr>, table: &Table) -> Resettable<StyledStr> {
    let text = text.map(|text| {
        let english = text.to_string();
        table.get(&english).cloned().unwrap_or(english).into()
    });
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn texts(command: &Command, all: &mut Vec<String>) {
        let visible = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let mut found: Vec<_> = visible
            .flat_map(|arg| [arg.get_help(), arg.get_long_help()])
            .collect();
        found.extend([command.get_about(), command.get_long_about()]);
        found.push(command.get_after_help());
        all.extend(found.into_iter().flatten().map(ToString::to_string));
        let visible = command.get_subcommands().filter(|it| !it.is_hide_set());
        visible.for_each(|command| texts(command, all));
    }

    #[test]
    fn each_table_has_every_help_text_and_no_other() {
        let mut all = Vec::new();
        texts(&super::super::Cli::command(), &mut all);
        for (code, table) in &*TABLES {
            assert!(Lang::of(code).is_some(), "no language {code}");
            let is_missing = |text: &&String| !table.contains_key(*text);
            let missing: Vec<_> = all.iter().filter(is_missing).collect();
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
        let spanish = Lang::of("es").expect("Spanish");
        let mut command = translated(super::super::Cli::command(), spanish);
        let explain = command.find_subcommand_mut("explain").expect("explain");
        let help = explain.render_help().to_string();
        for word in ["Uso: ", "Argumentos:", "Opciones:", "Muestra esta ayuda"] {
            assert!(help.contains(word), "{help}");
        }
        assert!(!help.contains("Usage"), "{help}");
        command.debug_assert();
    }
}
