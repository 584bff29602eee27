//! What holds for the file of every language.

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use messages::LANGUAGES;
use std::collections::{BTreeMap, BTreeSet};

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
