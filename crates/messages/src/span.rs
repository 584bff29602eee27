//! A span of time as a person says it.

use decide::Millis;

/// `250 ms`, `1.5 s`, `45 s`, `2 min 10 s`, `1 h 5 min`, `2 d 3 h`: the two largest units, and a fraction only below 10 s.
pub fn span(span: Millis) -> String {
    let millis = span.0.max(0);
    let seconds = millis / 1000;
    if seconds == 0 && millis > 0 {
        return format!("{millis} ms");
    }
    if seconds < 10 && millis % 1000 >= 100 {
        return format!("{seconds}.{} s", millis % 1000 / 100);
    }
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let Some(largest) = units.iter().position(|(n, _)| *n > 0) else {
        return "0 s".to_owned();
    };
    units[largest..]
        .iter()
        .take(2)
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same in whole seconds, for a span up to now or from now on, whose fraction would flicker.
pub fn whole_span(millis: Millis) -> String {
    span(Millis(millis.0.max(0) / 1000 * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn spans_read_as_on_the_page() {
        // web/test/catalogue.test.ts reads the same cases.
        let cases: BTreeMap<i64, String> =
            serde_json::from_str(include_str!("../tests/spans.json")).expect("JSON");
        assert!(cases.len() > 10);
        for (millis, text) in cases {
            assert_eq!(span(Millis(millis)), text, "{millis}");
        }
    }

    #[test]
    fn whole_spans_have_no_fraction() {
        let whole = |millis| whole_span(Millis(millis));
        assert_eq!(
            [-400, 999, 1_999, 79_900].map(whole),
            ["0 s", "0 s", "1 s", "1 min 19 s"]
        );
    }
}
