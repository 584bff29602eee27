//! What holds for the file of every language.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use messages::LANGUAGES;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A file's texts, each with the parameters (`$name`) and the other texts (`name`) that it uses.
type Texts = BTreeMap<String, BTreeSet<String>>;

/// The texts of a file: `key`, and `key.attribute`.
fn texts(code: &str, source: &'static str) -> Texts {
    let resource = fluent_syntax::parser::parse(source)
        .unwrap_or_else(|(_, errors)| panic!("locales/{code}.ftl: {errors:?}"));
    let mut texts = Texts::new();
    let mut add = |key: String, pattern: &Pattern<&str>| {
        let mut uses = BTreeSet::new();
        uses_of_pattern(pattern, &mut uses);
        let old = texts.insert(key.clone(), uses);
        assert!(old.is_none(), "locales/{code}.ftl has {key} twice");
    };
    for entry in resource.body {
        let Entry::Message(message) = entry else {
            continue;
        };
        let key = message.id.name;
        if let Some(pattern) = &message.value {
            add(key.to_owned(), pattern);
        }
        for attribute in &message.attributes {
            add(format!("{key}.{}", attribute.id.name), &attribute.value);
        }
    }
    texts
}

fn uses_of_pattern(pattern: &Pattern<&str>, uses: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        match element {
            PatternElement::TextElement { .. } => {}
            PatternElement::Placeable {
                expression: Expression::Inline(inline),
            } => uses_of(inline, uses),
            PatternElement::Placeable {
                expression: Expression::Select { selector, variants },
            } => {
                uses_of(selector, uses);
                for variant in variants {
                    uses_of_pattern(&variant.value, uses);
                }
            }
        }
    }
}

fn uses_of(expression: &InlineExpression<&str>, uses: &mut BTreeSet<String>) {
    match expression {
        InlineExpression::VariableReference { id } => drop(uses.insert(format!("${}", id.name))),
        InlineExpression::MessageReference { id, .. } => drop(uses.insert(id.name.to_owned())),
        InlineExpression::FunctionReference { arguments, .. } => {
            for argument in &arguments.positional {
                uses_of(argument, uses);
            }
        }
        _ => {}
    }
}

/// The parameters of a text and of the texts that it uses.
fn parameters(texts: &Texts, key: &str) -> BTreeSet<String> {
    let uses = texts.get(key).unwrap_or_else(|| panic!("no text {key}"));
    let mut all = BTreeSet::new();
    for name in uses {
        if name.starts_with('$') {
            all.insert(name.clone());
        } else {
            all.extend(parameters(texts, name));
        }
    }
    all
}

#[test]
fn every_language_has_every_text_with_its_parameters() {
    let english = texts("en", LANGUAGES[0].1);
    assert!(english.len() > 100, "{} texts", english.len());
    for (code, source) in LANGUAGES {
        let own = texts(code, source);
        let lacks = |texts: &Texts, others: &Texts| -> Vec<String> {
            let keys = others.keys().filter(|key| !texts.contains_key(*key));
            keys.cloned().collect()
        };
        assert_eq!(
            lacks(&own, &english),
            [""; 0],
            "missing in locales/{code}.ftl"
        );
        assert_eq!(lacks(&english, &own), [""; 0], "only in locales/{code}.ftl");
        for key in english.keys() {
            let unknown: Vec<_> = parameters(&own, key)
                .difference(&parameters(&english, key))
                .cloned()
                .collect();
            assert_eq!(unknown, [""; 0], "{key} of locales/{code}.ftl");
        }
    }
}

/// A use of a text in the plugin: `tr!(lang, "key", name, other = value)`.
struct Use {
    place: String,
    key: String,
    parameters: BTreeSet<String>,
}

/// The end of the string literal that begins at `start`.
fn string_end(source: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, letter) in source[start..].char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return start + at + 1,
            _ => {}
        }
    }
    source.len()
}

/// The arguments of a macro whose brackets open at the start of `source`.
fn arguments(source: &str) -> Vec<&str> {
    let (mut all, mut depth, mut start, mut at) = (Vec::new(), 0, 1, 0);
    while let Some(letter) = source[at..].chars().next() {
        match letter {
            '"' => {
                at = string_end(source, at);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && letter == ',') {
            all.push(source[start..at].trim());
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
        at += letter.len_utf8();
    }
    all.retain(|argument| !argument.is_empty());
    all
}

/// The sources of the plugin without comments and tests, each with its path.
fn sources(directory: &Path, found: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path)?;
            let code = source.split("\nmod tests {").next();
            let lines = code.unwrap_or_default().lines();
            let code = lines.filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            found.push((path.display().to_string(), code));
        }
    }
    Ok(())
}

fn plugin() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubectl/src");
    let mut found = Vec::new();
    let read = sources(&directory, &mut found);
    assert!(
        read.is_ok() && found.len() > 50,
        "{read:?}, {} sources",
        found.len()
    );
    found
}

/// The uses of texts in a source.
fn uses_in((place, code): &(String, String)) -> Vec<Use> {
    let uses = code.match_indices("tr!(").filter_map(|(at, name)| {
        let arguments = arguments(&code[at + name.len() - 1..]);
        // The definition of the macro calls itself.
        let [_, key, parameters @ ..] = arguments.as_slice() else {
            return None;
        };
        let names = parameters
            .iter()
            .filter_map(|parameter| parameter.split('=').next());
        Some(Use {
            place: place.clone(),
            key: key.trim_matches('"').to_owned(),
            parameters: names.map(|name| format!("${}", name.trim())).collect(),
        })
    });
    uses.collect()
}

/// What a literal of the plugin may begin with: a command for a shell, which is the same in every language.
const COMMANDS: [&str; 21] = [
    "kubectl ",
    "`kubectl ",
    "$(kubectl ",
    "{load} && kubectl ",
    "KUBE_EDITOR=",
    "printf ",
    "openssl s_client ",
    "{cli} CONFIG ",
    "docker ",
    "helm ",
    "kind load ",
    "make ",
    "demo ON=cluster",
    "tests/cluster/",
    "cargo ",
    "go install ",
    "apt-get ",
    "export ",
    "./class ",
    "{} up",
    "<svg xmlns",
];

/// Literals with words that no reader sees, or not as a text of the plugin.
const OTHERS: [&str; 11] = [
    // The end of the help, which crates/kubectl/src/help.rs translates.
    "Exit codes: 0 success",
    // They stand in a message of clap, which is English.
    "the speed must be a number",
    "expected a number of workers",
    "expected a number from 0",
    "such as 80x24",
    // Parts of foreign messages that are looked for.
    "Invalid value: ",
    "some validation rules were not checked",
    "permission denied",
    " to run ",
    "os error 2",
    // For the developer.
    "no text {key} with",
];

/// Whether a text has a word in lower case beside another word or a parameter.
fn is_prose(text: &str) -> bool {
    let words: Vec<_> = text.split([' ', '\n']).collect();
    let is_word = |word: &str| {
        let word = word.trim_matches([',', ';', ':', '.', '(', ')', '`']);
        word.len() > 1 && word != "ms" && word.chars().all(|letter| letter.is_ascii_lowercase())
    };
    let is_neighbour = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '{')
    };
    words.windows(2).any(|pair| {
        (is_word(pair[0]) && is_neighbour(pair[1])) || (is_neighbour(pair[0]) && is_word(pair[1]))
    })
}

#[test]
fn every_text_of_the_plugin_is_in_the_catalogue() {
    let mut wrong = Vec::new();
    for (place, code) in plugin() {
        // The class's lines are the same in every language.
        if place.ends_with("class_format.rs") {
            continue;
        }
        let (code, mut at) = (code.replace("'\"'", "' '"), 0);
        while let Some(start) = code[at..].find('"').map(|start| at + start) {
            at = string_end(&code, start);
            let text = &code[start + 1..at - 1];
            let allowed = COMMANDS.iter().chain(&OTHERS);
            let is_reason = code[..start].ends_with("reason = ");
            if is_prose(text) && !is_reason && !allowed.clone().any(|it| text.starts_with(it)) {
                wrong.push(format!("{place}: {text}"));
            }
        }
    }
    assert_eq!(
        wrong, [""; 0],
        "write a line cli-… in crates/messages/locales"
    );
}

#[test]
fn the_plugin_uses_its_texts_with_their_parameters() {
    let uses: Vec<Use> = plugin().iter().flat_map(uses_in).collect();
    let english = texts("en", LANGUAGES[0].1);
    for Use {
        place,
        key,
        parameters: given,
    } in &uses
    {
        assert!(key.starts_with("cli-"), "{place}: {key}");
        assert!(english.contains_key(key), "{place}: en.ftl lacks {key}");
        assert_eq!(given, &parameters(&english, key), "{place}: {key}");
    }
    let used: BTreeSet<_> = uses.iter().map(|text| text.key.as_str()).collect();
    let unused: Vec<_> = english
        .keys()
        .map(String::as_str)
        .filter(|key| key.starts_with("cli-") && !used.contains(key))
        .collect();
    assert_eq!(unused, [""; 0], "in en.ftl, but not in the plugin");
}
