//! The items of a list, one after the other: a list may have any size, and only the text of one item is in memory.

/// The longest text of an item. The API server stores 1.5 MB, and may write a byte of it as six characters.
const MAX_ITEM: usize = 16 * 1024 * 1024;
/// Depths: of the fields of the list, of its items, and of their fields.
const LIST: usize = 1;
const ITEMS: usize = 2;
const ITEM: usize = 3;

/// Splits the text of a list into those of its items.
#[derive(Debug, Default)]
pub struct Items {
    /// How many maps and arrays are open.
    depth: usize,
    /// Whether the array of the items is open.
    inside: bool,
    text: Text,
    /// The first bytes of the last text among the list's own fields. Before an array it is the name of that field.
    name: Vec<u8>,
    /// The part of an item that earlier bytes had.
    item: Vec<u8>,
    is_complete: bool,
}

/// Where the next byte is: brackets in texts are no brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    /// Behind a backslash.
    Escaped,
}

impl Items {
    /// Takes the next bytes, and calls `on_item` with each item that ends in them.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut on_item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        // Where the current item begins in these bytes.
        let mut start = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if self.text != Text::Outside {
                self.take_text(byte);
                continue;
            }
            let depth = self.depth;
            self.take(byte);
            if self.inside && (depth, self.depth) == (ITEMS, ITEM) {
                start = at;
            } else if self.inside && (depth, self.depth) == (ITEM, ITEMS) {
                let end = &bytes[start..=at];
                if self.item.is_empty() {
                    on_item(end)?;
                } else {
                    self.item.extend_from_slice(end);
                    on_item(&std::mem::take(&mut self.item))?;
                }
            }
        }
        if self.inside && self.depth >= ITEM {
            self.item.extend_from_slice(&bytes[start..]);
        }
        if self.item.len() > MAX_ITEM {
            return Err(format!(
                "an item of the list has more than {} MiB",
                MAX_ITEM / 1024 / 1024
            ));
        }
        Ok(())
    }

    /// Whether the list has ended.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes a byte of a text.
    fn take_text(&mut self, byte: u8) {
        match byte {
            _ if self.text == Text::Escaped => self.text = Text::Inside,
            b'\\' => self.text = Text::Escaped,
            b'"' => self.text = Text::Outside,
            _ if self.depth == LIST && self.name.len() <= b"items".len() => self.name.push(byte),
            _ => {}
        }
    }

    /// Takes a byte outside of texts.
    fn take(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.text = Text::Inside;
                if self.depth == LIST {
                    self.name.clear();
                }
            }
            b'{' | b'[' => {
                if self.depth == LIST {
                    self.inside = byte == b'[' && self.name == b"items";
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.inside &= self.depth > LIST;
                self.is_complete = self.depth == 0;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The items of a list whose bytes come in pieces of `size`.
    fn items(text: &str, size: usize) -> (Vec<Value>, bool) {
        let (mut items, mut found) = (Items::default(), vec![]);
        for piece in text.as_bytes().chunks(size) {
            let item = |item: &[u8]| {
                found.push(serde_json::from_slice(item).expect("an item"));
                Ok(())
            };
            items.feed(piece, item).expect("short items");
        }
        (found, items.is_complete())
    }

    #[rstest::rstest]
    #[case::one(json!({"items": [{"a": 1}]}))]
    #[case::none(json!({"items": []}))]
    #[case::null(json!({"items": null}))]
    #[case::no_field(json!({}))]
    #[case::fields_around(json!({"apiVersion": "items", "items": [{"a": 1}, {"b": 2}], "kind": ["items", {"c": {}}],
        "metadata": {"items": [{"no": "item"}]}, "z": [{"no": "item"}], "itemsOf": [{"no": "item"}]}))]
    #[case::nested(json!({"items": [{"items": [{"a": [[{}], {}]}]}, {"b": {"c": [1, [2]]}}, {}]}))]
    #[case::texts(json!({"items": [{"a": "}]\"{[\\", "b\\\"": "\\\\\"]}"}, {"c": "ü\u{1f4a5}\n"}]}))]
    fn each_item_is_found(#[case] list: Value) {
        let expected = list["items"].as_array().cloned().unwrap_or_default();
        for text in [list.to_string(), format!("{list:#}\n")] {
            for size in [1, 2, 3, 7, 64, 4096] {
                let found = items(&text, size);
                assert_eq!(found, (expected.clone(), true), "{size}: {text}");
            }
        }
    }

    #[test]
    fn a_list_that_ends_early_is_not_complete() {
        let text = json!({"items": [{"a": 1}, {"b": [2]}], "z": {}}).to_string();
        for end in 0..text.len() {
            assert!(!items(&text[..end], 4096).1, "{}", &text[..end]);
        }
    }

    #[test]
    fn an_item_without_end_is_refused() {
        let (mut items, mut fed) = (Items::default(), 0);
        let begin = br#"{"items":[{"a":""#;
        items.feed(begin, |_| Ok(())).expect("it may be short");
        let piece = vec![b'x'; 64 * 1024];
        while items.feed(&piece, |_| Ok(())).is_ok() {
            fed += piece.len();
            assert!(fed <= MAX_ITEM, "{fed} bytes");
        }
    }
}
