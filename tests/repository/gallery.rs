//! The texts of the gallery are those of the catalogues: `catalogue.js` is generated from their `gallery-…` lines.

use crate::generated::check;
use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
};
use messages::LANGUAGES;
use serde_json::{Map, Value, json};

const FOLDER: &str = "crates/filter-worker/src/serve/gallery";

/// A text with its values' names in braces, as it is in the plural category `category`; `by` becomes the value that decides it.
fn template(pattern: &Pattern<&str>, category: &str, by: &mut Option<String>) -> String {
    let parts = pattern.elements.iter().map(|element| match element {
        PatternElement::TextElement { value } => (*value).to_owned(),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => format!("{{{}}}", id.name),
        PatternElement::Placeable {
            expression:
                Expression::Select {
                    selector: InlineExpression::VariableReference { id },
                    variants,
                },
        } => {
            *by = Some(id.name.to_owned());
            let is_it = |key: &VariantKey<&str>| matches!(key, VariantKey::Identifier { name } if *name == category);
            let variant = variants.iter().find(|it| is_it(&it.key));
            let variant = variant.or_else(|| variants.iter().find(|it| it.default));
            template(&variant.expect("a default").value, category, by)
        }
        other @ PatternElement::Placeable { .. } => panic!("the page cannot show {other:?}"),
    });
    parts.collect()
}

/// The texts of one language: a template, or one for each plural category.
fn texts(source: &str) -> Map<String, Value> {
    let resource = fluent_syntax::parser::parse(source).expect("a catalogue");
    let entries = resource.body.into_iter();
    let texts = entries.filter_map(|entry| {
        let Entry::Message(message) = entry else {
            return None;
        };
        let key = message.id.name.strip_prefix("gallery-")?;
        let pattern = message.value?;
        let mut by = None;
        let other = template(&pattern, "other", &mut by);
        let mut text = json!({"other": other});
        for category in ["zero", "one", "two", "few", "many"] {
            let own = template(&pattern, category, &mut by);
            if own != other {
                text[category] = own.into();
            }
        }
        let text = match by {
            None => other.into(),
            Some(by) => {
                text["by"] = by.into();
                text
            }
        };
        Some((key.to_owned(), text))
    });
    texts.collect()
}

#[test]
fn generated_catalogue_is_current() {
    let languages: Map<_, _> = LANGUAGES
        .iter()
        .map(|(code, source)| ((*code).to_owned(), texts(source).into()))
        .collect();
    let json = serde_json::to_string_pretty(&languages).expect("JSON");
    let file = format!(
        "// Generated from crates/messages/locales by `make generate`.\nexport default {json};\n"
    );
    check(&format!("{FOLDER}/catalogue.js"), &file);
}

#[test]
fn every_text_in_the_page_is_in_the_catalogue_and_is_used() {
    let read = |name| std::fs::read_to_string(testkit::root().join(FOLDER).join(name));
    let page = read("index.html").expect("the page");
    let script = read("gallery.js").expect("the script");
    let texts = texts(LANGUAGES[0].1);
    let in_page: Vec<_> = page.split("data-t=\"").skip(1).collect();
    let in_page: Vec<_> = in_page
        .iter()
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(in_page.len() > 20, "{in_page:?}");
    for key in &in_page {
        assert!(texts.contains_key(*key), "no text gallery-{key}");
    }
    for key in texts.keys() {
        let used = in_page.contains(&key.as_str()) || script.contains(&format!("\"{key}\""));
        assert!(used, "nothing shows gallery-{key}");
    }
}
