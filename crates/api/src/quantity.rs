//! Kubernetes quantities with micro precision: `4`, `0.1`, `333m`, `333333u`.

/// Parses a quantity that is not negative, in millionths: `0.1` and `100m` are 100,000. Digits beyond a millionth are
/// dropped; `None` for anything else.
pub(super) fn parse_millionths(text: &str) -> Option<i64> {
    let (digits, places) = match text.as_bytes().last()? {
        b'm' => (&text[..text.len() - 1], 3),
        b'u' => (&text[..text.len() - 1], 0),
        _ => (text, 6),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !is_plain(whole) || !is_plain(fraction) {
        return None;
    }
    let fraction: String = fraction
        .chars()
        .chain(std::iter::repeat('0'))
        .take(places)
        .collect();
    format!("0{whole}{fraction}").parse().ok()
}

/// Formats millionths as the shortest exact quantity.
pub(super) fn format_millionths(n: i64) -> String {
    match n.max(0) {
        n if n % 1_000_000 == 0 => (n / 1_000_000).to_string(),
        n if n % 1_000 == 0 => format!("{}m", n / 1_000),
        n => format!("{n}u"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_numbers_and_suffixes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1_000_000)),
            ("0.1", Some(100_000)),
            (".2", Some(200_000)),
            ("100m", Some(100_000)),
            ("12.5m", Some(12_500)),
            ("333333u", Some(333_333)),
            ("", None),
            ("m", None),
            (".", None),
            ("-1", None),
            ("10%", None),
            ("1e3", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_millionths(text), expected, "{text}");
        }
    }

    #[test]
    fn formats_the_shortest_exact_quantity() {
        let formatted = [0, 4_000_000, 333_000, 333_333, -1].map(format_millionths);
        assert_eq!(formatted, ["0", "4", "333m", "333333u", "0"]);
    }

    proptest! {
        #[test]
        fn round_trips(n in 0..=i64::MAX) {
            prop_assert_eq!(parse_millionths(&format_millionths(n)), Some(n));
        }
    }
}
