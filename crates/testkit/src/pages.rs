//! The commands on the pages of this repository, and the test that runs each. The first word after `sh` on the fence of
//! a code block names that test: `` ```sh class ``. See `tests/commands.md` for the words, and for every command.

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// A line of a shell block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The page, relative to the root of the repository.
    pub page: String,
    /// Counted from 1.
    pub number: usize,
    /// The first word of the mark, without its colon; empty if the block has none.
    pub runner: String,
    /// What follows it: which sequence, or why no test runs it.
    pub detail: String,
    /// The command without its comment.
    pub line: String,
}

/// Every command of every page, in the order of the pages.
pub fn commands() -> Vec<Command> {
    pages()
        .iter()
        .flat_map(|page| parse(page, &fs::read_to_string(root().join(page)).expect(page)))
        .collect()
}

/// The commands that the test `runner` runs. It runs them all, so that a new line needs no second place.
pub fn commands_of(runner: &str) -> Vec<Command> {
    let mut commands = commands();
    commands.retain(|command| command.runner == runner);
    assert!(!commands.is_empty(), "no command is marked {runner}");
    commands
}

/// The pages, README first, as paths relative to the root of the repository.
pub fn pages() -> Vec<String> {
    let mut pages: Vec<String> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
        .map(str::to_owned)
        .into();
    for folder in ["charts", "docs", "examples"] {
        let mut found = Vec::new();
        find(&root().join(folder), &mut found);
        found.sort();
        pages.extend(found.iter().map(|path| {
            let path = path.strip_prefix(root()).expect("below the root");
            path.to_str().expect("UTF-8").to_owned()
        }));
    }
    pages
}

fn find(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            find(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// The commands of one page. In a `console` block they follow a dollar sign.
pub fn parse(page: &str, text: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut block: Option<(&str, &str)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let command = match (line.strip_prefix("```"), block) {
            (Some(_), Some(_)) => {
                block = None;
                continue;
            }
            (Some(info), None) => {
                block = Some(info.split_once(' ').unwrap_or((info, "")));
                continue;
            }
            (None, Some(("sh" | "bash" | "shell", _))) => line,
            (None, Some(("console", _))) => line.strip_prefix("$ ").unwrap_or_default(),
            _ => continue,
        };
        let command = command.split(" #").next().unwrap_or_default().trim();
        if command.is_empty() || command.starts_with('#') {
            continue;
        }
        let mark = block.map_or("", |(_, mark)| mark.trim());
        let (runner, detail) = mark.split_once([' ', ':']).unwrap_or((mark, ""));
        commands.push(Command {
            page: page.to_owned(),
            number: index + 1,
            runner: runner.to_owned(),
            detail: detail.trim().to_owned(),
            line: command.to_owned(),
        });
    }
    commands
}
