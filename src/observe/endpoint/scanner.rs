//! What a stream of RESP costs: each byte, each element, each announced element. The client library reserves memory for as many
//! elements as a reply announces, so the announcements are read here first.

/// The longest text.
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// The longest line: a number, a status, an error.
const MAX_LINE: usize = 64 * 1024;
/// What the library reserves for an announced element, and what an element costs besides.
const ANNOUNCED: usize = size_of::<redis::Value>();
const ELEMENT: usize = 16;
/// A number with its sign and spaces is no longer.
const MAX_NUMBER: usize = 32;

/// Reads what a stream of RESP announces.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// The type of the element whose line is being read; `None` between two elements.
    kind: Option<u8>,
    /// The beginning of that line: a number fits.
    line: Vec<u8>,
    line_length: usize,
    after_cr: bool,
    /// How much of a text is still to come, with the line break behind it.
    text: usize,
}

impl Scanner {
    /// What `bytes` cost; `None` where they announce too much, or are no RESP.
    pub fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut cost = bytes.len();
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if self.text > 0 {
                let skipped = self.text.min(rest.len());
                self.text -= skipped;
                rest = &rest[skipped..];
                continue;
            }
            rest = after;
            let Some(kind) = self.kind else {
                self.kind = Some(*byte);
                self.line.clear();
                self.line_length = 0;
                self.after_cr = false;
                cost += ELEMENT;
                continue;
            };
            self.line_length += 1;
            if *byte == b'\n' && self.after_cr {
                self.kind = None;
                cost = cost.checked_add(self.end_line(kind)?)?;
                continue;
            }
            self.after_cr = *byte == b'\r';
            if self.line.len() < MAX_NUMBER {
                self.line.push(*byte);
            }
            if self.line_length > MAX_LINE {
                return None;
            }
        }
        Some(cost)
    }

    /// What an element of this type announces in its line.
    fn end_line(&mut self, kind: u8) -> Option<usize> {
        let number = || -> Option<i64> { str::from_utf8(&self.line).ok()?.trim().parse().ok() };
        let announced = match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => return Some(0),
            b'$' | b'!' | b'=' => {
                let length = number()?;
                if length == -1 && kind == b'$' {
                    return Some(0);
                }
                let length = usize::try_from(length).ok()?;
                if length > MAX_TEXT {
                    return None;
                }
                self.text = length + 2;
                return Some(0);
            }
            b'*' | b'~' if number()? == -1 => return Some(0),
            b'*' | b'~' | b'>' => number()?,
            b'%' => number()?.checked_mul(2)?,
            b'|' => number()?.checked_mul(2)?.checked_add(1)?,
            _ => return None,
        };
        let announced = usize::try_from(announced).ok()?;
        announced.checked_mul(ANNOUNCED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cost of `text`, read whole and byte by byte.
    fn cost(text: &str) -> Option<usize> {
        let whole = Scanner::default().read(text.as_bytes());
        let mut scanner = Scanner::default();
        let bytes = text.bytes();
        let one_by_one = bytes
            .map(|byte| scanner.read(&[byte]))
            .sum::<Option<usize>>();
        assert_eq!(whole, one_by_one, "{text:?}");
        whole
    }

    #[test]
    fn elements_texts_and_announcements_cost() {
        assert_eq!(cost("+OK\r\n"), Some(5 + ELEMENT));
        assert_eq!(
            cost("$3\r\na\r\n\r\n"),
            Some(9 + ELEMENT),
            "a text may have anything"
        );
        assert_eq!(
            cost("*2\r\n:1\r\n$-1\r\n"),
            Some(13 + 3 * ELEMENT + 2 * ANNOUNCED)
        );
        assert_eq!(
            cost("%1\r\n+a\r\n_\r\n"),
            Some(11 + 3 * ELEMENT + 2 * ANNOUNCED)
        );
        for announced in ["~2", ">2", "%1"] {
            assert_eq!(
                cost(&format!("{announced}\r\n")),
                Some(4 + ELEMENT + 2 * ANNOUNCED)
            );
        }
        // An attribute has pairs, and belongs to the element behind it.
        assert_eq!(cost("|1\r\n"), Some(4 + ELEMENT + 3 * ANNOUNCED));
        assert_eq!(cost("~-1\r\n"), Some(5 + ELEMENT));
        assert_eq!(cost("*-1\r\n:1\r\n"), Some(9 + 2 * ELEMENT));
        assert!(cost("*100000000\r\n").is_some_and(|cost| cost > 1 << 30));
    }

    #[rstest::rstest]
    #[case("$536870912\r\n")]
    #[case("=-1\r\n")]
    #[case("!-1\r\n")]
    #[case("*9223372036854775807\r\n")]
    #[case("%9223372036854775807\r\n")]
    #[case("*-2\r\n")]
    #[case("*x\r\n")]
    #[case("HTTP/1.1 400 Bad Request\r\n")]
    fn what_announces_too_much_or_is_no_resp_is_refused(#[case] text: &str) {
        assert_eq!(cost(text), None);
    }

    #[test]
    fn a_text_has_a_bound_of_its_own() {
        let text = |length: usize| Scanner::default().read(format!("${length}\r\n").as_bytes());
        assert!(text(MAX_TEXT).is_some());
        assert_eq!(text(MAX_TEXT + 1), None);
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        assert_eq!(cost(&"-".repeat(MAX_LINE)).map(|_| ()), Some(()));
        assert_eq!(
            Scanner::default().read("-".repeat(MAX_LINE + 2).as_bytes()),
            None
        );
    }
}
