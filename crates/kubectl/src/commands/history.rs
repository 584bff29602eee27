//! `history` and `explain --at`: the last changes of the number, each with its sentence.

use super::explain::metrics_line;
use crate::cluster::Cluster;
use crate::cluster::operator_history::{HistoryPoint, load};
use crate::text::class_format::minutes;
use crate::text::lang::tr;
use crate::text::output::{Out, Style};
use anyhow::anyhow;
use api::{Change, Key, time};
use jiff::{Timestamp, ToSpan};
use kube::ResourceExt;
use serde_json::json;

/// Prints the last `most` changes of the pool `name`, the newest last.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    most: usize,
    json: bool,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let history = pool.status.map(|status| status.history).unwrap_or_default();
    let shown = &history[history.len().saturating_sub(most)..];
    let out = &cluster.out;
    if json {
        out.json(&shown)?;
        return Ok(true);
    }
    if shown.is_empty() {
        out.info(&tr!(
            out.lang,
            "The number has not changed yet. Why it is what it is: kubectl workerpool explain",
            "El número no ha cambiado todavía. Por qué es el que es: kubectl workerpool explain"
        ));
    }
    let now = Timestamp::now();
    let width = shown
        .iter()
        .map(|change| change.reason.len())
        .max()
        .unwrap_or(0);
    for change in shown {
        out.data(&row("", change, width, now, out))?;
    }
    Ok(true)
}

/// A change in one line: when, of which pool where there are several, the number, the reason in `width` columns, and why.
pub fn row(pool: &str, change: &Change, width: usize, now: Timestamp, out: &Out) -> String {
    let Change {
        at,
        from,
        to,
        reason,
        ..
    } = change;
    let (day, clock, arrow) = (day(*at, now, out), out.clock(*at), format!("{from} → {to}"));
    let said = out.styled(Style::Dim, &message_lines(change, out));
    format!("{day}{clock}  {pool}{arrow:7}  {reason:width$}  {said}")
}

/// The sentence of a change, and how fast it was where a push led to it.
pub fn message_lines(
    Change {
        at,
        message: sentence,
        latency_millis: reaction_millis,
        ..
    }: &Change,
    out: &Out,
) -> String {
    let said = out.message(sentence, *at);
    match reaction_millis {
        Some(millis) => {
            tr!(
                out.lang,
                "{said}, {millis} ms after the push",
                "{said}, {millis} ms tras el empuje"
            )
        }
        None => said,
    }
}

/// The day, where it is not today's.
fn day(at: Timestamp, now: Timestamp, out: &Out) -> String {
    let date = |at: Timestamp| at.to_zoned(out.zone().clone()).date();
    if date(at) == date(now) {
        String::new()
    } else {
        format!("{} ", date(at))
    }
}

fn workers(n: i32) -> String {
    match n {
        1 => "1 worker".to_owned(),
        _ => format!("{n} workers"),
    }
}

/// Tells how many workers the pool `name` should have had at `text`, and why; false where the history does not reach so far.
pub async fn at(
    cluster: &Cluster,
    name: Option<&str>,
    text: &str,
    json: bool,
) -> anyhow::Result<bool> {
    let (now, out) = (Timestamp::now(), &cluster.out);
    let at = instant(text, now, out)?;
    let pool = cluster.pool(name).await?;
    let (name, key) = (pool.name_any(), Key::of(&pool));
    // Who may not ask the operator still has the status.
    let looks = load(cluster, &key).await.unwrap_or_default();
    let look = looks
        .iter()
        .find(|look| (look.at..look.until).contains(&at));
    let history = pool.status.map(|status| status.history).unwrap_or_default();
    let after = history.partition_point(|change| change.at <= at);
    let (before, next) = (
        after.checked_sub(1).and_then(|i| history.get(i)),
        history.get(after),
    );
    if json {
        out.json(&json!({"pool": name, "at": at, "metrics": look.map(HistoryPoint::metrics), "change": before, "next": next}))?;
    } else {
        lines(&name, at, now, (before, next, look), out)
            .iter()
            .try_for_each(|line| out.data(line))?;
    }
    Ok(before.or(next).is_some())
}

fn lines(
    name: &str,
    at: Timestamp,
    now: Timestamp,
    (before, next, look): (Option<&Change>, Option<&Change>, Option<&HistoryPoint>),
    out: &Out,
) -> Vec<String> {
    let (lang, clock) = (out.lang, day(at, now, out) + &out.clock(at));
    let change_line = |change: &Change| {
        let (at, said) = (out.clock(change.at), message_lines(change, out));
        format!(
            "{at}  {} → {}  {}  {}",
            change.from,
            change.to,
            change.reason,
            out.styled(Style::Dim, &said)
        )
    };
    let head = match (before, next) {
        (Some(Change { to, at: since, .. }), _) => {
            let to = workers(*to);
            let span = minutes(time(at) - time(*since));
            tr!(
                lang,
                "{name} at {clock}: {to}, for {span} by then",
                "{name} a las {clock}: {to}, desde hacía {span}"
            )
        }
        (None, Some(Change { from, .. })) => {
            let from = workers(*from);
            tr!(
                lang,
                "{name} at {clock}: {from}; the history begins later",
                "{name} a las {clock}: {from}; el historial empieza después"
            )
        }
        (None, None) => tr!(
            lang,
            "{name} at {clock}: not known, the number has never changed",
            "{name} a las {clock}: no se sabe, el número no ha cambiado nunca"
        ),
    };
    let row = |label: String, it: Option<&Change>| {
        it.map(|it| format!("  {label:8}  {}", change_line(it)))
    };
    let facts = look.map(|look| {
        let (label, saw) = (
            tr!(lang, "saw", "veía"),
            metrics_line(lang, &look.metrics(), at),
        );
        format!("  {label:8}  {saw}")
    });
    let why = row(tr!(lang, "why", "por qué"), before);
    let then = row(tr!(lang, "then", "después"), next);
    std::iter::once(head)
        .chain(facts)
        .chain(why)
        .chain(then)
        .collect()
}

/// `14:03`, `14:03:05` of the last 24 hours by the clock here, or an instant in full.
fn instant(text: &str, now: Timestamp, out: &Out) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let padded = if text.len() == 5 {
        format!("{text}:00")
    } else {
        text.to_owned()
    };
    let time: jiff::civil::Time = padded.parse().map_err(|_| {
        anyhow!(tr!(
            out.lang,
            "`{text}` is no time: write such as 14:03 or 2026-11-27T14:03:00Z",
            "`{text}` no es una hora: escriba por ejemplo 14:03 o 2026-11-27T14:03:00Z"
        ))
    })?;
    let today = now.to_zoned(out.zone().clone());
    let at = today
        .date()
        .to_datetime(time)
        .to_zoned(out.zone().clone())?;
    let at = if at > today {
        at.checked_sub(1.day())?
    } else {
        at
    };
    Ok(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::facts::QueueSummary;
    use crate::text::lang::Lang;
    use crate::text::output::Color;

    fn when(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn change(at: &str, from: i32, to: i32) -> Change {
        let (reason, sentence) = (
            "Idle".to_owned(),
            format!("idle for 5m: {from} → {to} workers"),
        );
        Change {
            at: when(at),
            from,
            to,
            reason,
            message: sentence,
            latency_millis: (to > from).then_some(9),
        }
    }

    #[test]
    fn a_moment_lies_between_two_changes() {
        let out = Out::in_zone(Color::Never, Lang::En, jiff::tz::TimeZone::UTC);
        let (first, second) = (
            change("2026-11-27T13:58:12Z", 7, 5),
            change("2026-11-27T14:05:00Z", 5, 3),
        );
        let (at, now) = (when("2026-11-27T14:03:00Z"), when("2026-11-27T14:10:00Z"));
        let all = |pair| lines("filters", at, now, pair, &out).join("\n");
        let facts = QueueSummary {
            cpu: Some(48.0),
            ..QueueSummary::of_counts(17, 5, 5)
        };
        let blind = HistoryPoint::default();
        let look = HistoryPoint {
            at,
            until: now,
            facts: Some(facts),
            ..HistoryPoint::default()
        };
        insta::assert_snapshot!(all((Some(&first), Some(&second), Some(&look))));
        insta::assert_snapshot!(all((None, Some(&second), Some(&blind))));
        insta::assert_snapshot!(all((None, None, None)));
    }

    #[test]
    fn a_time_of_day_is_the_last_one() {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
        let out = Out::in_zone(Color::Never, Lang::En, zone);
        let now = when("2026-11-27T14:00:00Z");
        let at = |text: &str| {
            instant(text, now, &out)
                .map(|at| at.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(at("14:03").as_deref(), Ok("2026-11-27T13:03:00Z"));
        assert_eq!(
            at("15:03:05").as_deref(),
            Ok("2026-11-26T14:03:05Z"),
            "of yesterday"
        );
        assert_eq!(
            at("2026-11-01T00:00:00Z").as_deref(),
            Ok("2026-11-01T00:00:00Z")
        );
        assert!(at("soon").is_err_and(|error| error.contains("14:03")));
    }
}
