//! Text of other programs: what a Redis, its workers and their tasks say of themselves. Whoever receives it bounds it and takes
//! out what a screen does not show as written.

/// Foreign text in one line of at most `max` characters, without any that is hidden.
#[must_use]
pub fn foreign(text: &str, max: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= max {
        return words;
    }
    let cut: String = words.chars().take(max.saturating_sub(1)).collect();
    cut + "…"
}

/// Whether a character is not shown, controls a terminal, or changes the direction of a line.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_bounded_line() {
        assert_eq!(
            foreign("\x1b[31mred\x07\n\u{202e}next\tline", 40),
            "[31mred next line"
        );
        assert_eq!(foreign("ñandú áéíóú", 6), "ñandú…");
        assert_eq!(foreign("ñandú", 5), "ñandú");
        assert_eq!(foreign("", 6), "");
    }

    #[test]
    fn what_a_screen_does_not_show_is_hidden() {
        for c in "\u{1b}\u{9b}\u{7f}\u{ad}\u{61c}\u{180e}\u{200b}\u{2028}\u{202e}\u{2066}\u{feff}\u{fff9}\u{e0041}".chars() {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in "a ñ…€日👷".chars() {
            assert!(!is_hidden(c), "{c:?}");
        }
    }
}
