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

/// The uses in all sources of a directory.
fn uses_in(directory: &Path, uses: &mut Vec<Use>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            uses_in(&path, uses)?;
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = std::fs::read_to_string(&path)?;
        let code = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        for (at, name) in code.match_indices("tr!(") {
            let arguments = arguments(&code[at + name.len() - 1..]);
            // The definition of the macro calls itself.
            let [_, key, parameters @ ..] = arguments.as_slice() else {
                continue;
            };
            let names = parameters
                .iter()
                .filter_map(|parameter| parameter.split('=').next());
            uses.push(Use {
                place: path.display().to_string(),
                key: key.trim_matches('"').to_owned(),
                parameters: names.map(|name| format!("${}", name.trim())).collect(),
            });
        }
    }
    Ok(())
}

#[test]
fn the_plugin_uses_its_texts_with_their_parameters() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubectl/src");
    let mut uses = Vec::new();
    uses_in(&sources, &mut uses).expect("the sources of the plugin");
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
