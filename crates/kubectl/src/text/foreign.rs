//! Text of other programs on a screen.

/// Foreign text in one line of at most `max` characters, without control characters or such that change the direction
/// of the line.
pub fn foreign(text: &str, max: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= max {
        return words;
    }
    let cut: String = words.chars().take(max - 1).collect();
    cut + "…"
}

/// Whether a character is not shown, or changes the direction of a line.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
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
        assert_eq!(foreign("", 6), "");
    }
}
