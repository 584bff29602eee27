//! `history` and `explain --at`: the latest changes of the number of workers, each with its reason and message.

use super::explain::metrics_line;
use crate::cluster::Cluster;
use crate::cluster::operator_history::{self, HistoryPoint};
use crate::text::lang::tr;
use crate::text::output::{Out, Style, width};
use anyhow::anyhow;
use api::{Change, Key, time};
use jiff::{Timestamp, ToSpan};
use kube::ResourceExt;
use messages::whole_span;
use serde_json::json;

/// Prints the latest `limit` changes of the pool `name`, newest last.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    limit: usize,
    json: bool,
) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let history = pool.status.map(|status| status.history).unwrap_or_default();
    let shown = &history[history.len().saturating_sub(limit)..];
    let out = &cluster.out;
    if json {
        out.json(&shown)?;
        return Ok(true);
    }
    if shown.is_empty() {
        out.info(&tr!(out.lang, "cli-history-none"));
    }
    let now = Timestamp::now();
    let width = width(shown.iter().map(|change| &change.reason));
    for change in shown {
        out.data(&row("", change, width, now, out))?;
    }
    Ok(true)
}

/// A change in one line: the time, the `pool` if there are several, the replicas, the reason in `width` columns, and the
/// message.
pub fn row(pool: &str, change: &Change, width: usize, now: Timestamp, out: &Out) -> String {
    let Change {
        at,
        from,
        to,
        reason,
        ..
    } = change;
    let day = day(*at, now, out);
    let (clock, replicas) = (out.clock(*at), format!("{from} → {to}"));
    let message = out.styled(Style::Dim, &change_message(change, out));
    format!("{day}{clock}  {pool}{replicas:7}  {reason:width$}  {message}")
}

/// The message of a change, and its latency if a notification of Redis led to it.
pub fn change_message(change: &Change, out: &Out) -> String {
    let message = out.message(change);
    match change.latency_millis {
        Some(millis) => tr!(out.lang, "cli-history-latency", message, millis),
        None => message,
    }
}

/// The date, if it is not today's.
fn day(at: Timestamp, now: Timestamp, out: &Out) -> String {
    let date = out.local(at).date();
    if date == out.local(now).date() {
        String::new()
    } else {
        format!("{date} ")
    }
}

/// Prints the desired number of workers of the pool `name` at the time `text`, and why; false if there is no history.
pub async fn at(
    cluster: &Cluster,
    name: Option<&str>,
    text: &str,
    json: bool,
) -> anyhow::Result<bool> {
    let (now, out) = (Timestamp::now(), &cluster.out);
    let at = parse_time(text, now, out)?;
    let pool = cluster.pool(name).await?;
    let (name, key) = (pool.name_any(), Key::of(&pool));
    // A user who may not connect to the operator still gets the changes in the status.
    let points = operator_history::load(cluster, &key).await;
    let points = points.unwrap_or_default();
    let point = points
        .iter()
        .find(|point| (point.at..point.until).contains(&at));
    let history = pool.status.map(|status| status.history).unwrap_or_default();
    let after = history.partition_point(|change| change.at <= at);
    let before = after.checked_sub(1).and_then(|i| history.get(i));
    let next = history.get(after);
    if json {
        out.json(&json!({"pool": name, "at": at, "metrics": point.map(|point| point.metrics(out.lang)), "change": before, "next": next}))?;
    } else {
        lines(&name, at, now, (before, next, point), out)
            .iter()
            .try_for_each(|line| out.data(line))?;
    }
    Ok(before.or(next).is_some())
}

/// The changes around `at`, and the metrics at that time.
fn lines(
    name: &str,
    at: Timestamp,
    now: Timestamp,
    (before, next, point): (Option<&Change>, Option<&Change>, Option<&HistoryPoint>),
    out: &Out,
) -> Vec<String> {
    let (lang, clock) = (out.lang, day(at, now, out) + &out.clock(at));
    let change_line = |change: &Change| {
        let (at, message) = (out.clock(change.at), change_message(change, out));
        format!(
            "{at}  {} → {}  {}  {}",
            change.from,
            change.to,
            change.reason,
            out.styled(Style::Dim, &message)
        )
    };
    let head = match (before, next) {
        (Some(Change { to, at: since, .. }), _) => {
            let to = tr!(lang, "cli-history-workers", n = to);
            let span = whole_span(time(at) - time(*since));
            tr!(lang, "cli-history-at", name, clock, to, span)
        }
        (None, Some(Change { from, .. })) => {
            let from = tr!(lang, "cli-history-workers", n = from);
            tr!(lang, "cli-history-before", name, clock, from)
        }
        (None, None) => tr!(lang, "cli-history-never-changed", name, clock),
    };
    let row = |label: String, text: String| format!("  {label:8}  {text}");
    let metrics = point.map(|point| metrics_line(out, &point.metrics(lang), at));
    let metrics = metrics.map(|metrics| row(tr!(lang, "cli-history-metrics"), metrics));
    let why = before.map(|change| row(tr!(lang, "cli-history-why"), change_line(change)));
    let then = next.map(|change| row(tr!(lang, "cli-history-then"), change_line(change)));
    std::iter::once(head)
        .chain(metrics)
        .chain(why)
        .chain(then)
        .collect()
}

/// Parses `14:03` or `14:03:05` as a local time within the last 24 hours, or a full timestamp.
fn parse_time(text: &str, now: Timestamp, out: &Out) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let padded = if text.len() == 5 {
        format!("{text}:00")
    } else {
        text.to_owned()
    };
    let time: jiff::civil::Time = padded
        .parse()
        .map_err(|_| anyhow!(tr!(out.lang, "cli-history-not-a-time", text)))?;
    let now = out.local(now);
    let today = now.date().to_datetime(time);
    let at = today.to_zoned(now.time_zone().clone())?;
    let is_over = at <= now;
    let at = if is_over {
        at
    } else {
        at.checked_sub(1.day())?
    };
    Ok(at.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::queue_summary::QueueSummary;
    use crate::text::lang::Lang;
    use jiff::tz::{TimeZone, offset};

    fn when(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn change(at: &str, from: i32, to: i32) -> Change {
        Change {
            at: when(at),
            from,
            to,
            reason: "Idle".to_owned(),
            params: messages::Params::new(),
            message: format!("idle for 5 min: {from} → {to} workers"),
            latency_millis: (to > from).then_some(9),
        }
    }

    #[test]
    fn explains_a_time_between_two_changes() {
        let out = Out::plain(Lang::EN, TimeZone::UTC);
        let first = change("2026-11-27T13:58:12Z", 7, 5);
        let second = change("2026-11-27T14:05:00Z", 5, 3);
        let (at, now) = (when("2026-11-27T14:03:00Z"), when("2026-11-27T14:10:00Z"));
        let explained = |history| lines("filters", at, now, history, &out).join("\n");
        let summary = QueueSummary {
            cpu: Some(48.0),
            ..QueueSummary::of_counts(17, 5, 5)
        };
        let unavailable = HistoryPoint::default();
        let point = HistoryPoint {
            at,
            until: now,
            summary: Some(summary),
            ..HistoryPoint::default()
        };
        insta::assert_snapshot!(explained((Some(&first), Some(&second), Some(&point))));
        insta::assert_snapshot!(explained((None, Some(&second), Some(&unavailable))));
        insta::assert_snapshot!(explained((None, None, None)));
    }

    #[test]
    fn time_of_day_is_within_the_last_24_hours() {
        let out = Out::plain(Lang::EN, TimeZone::fixed(offset(1)));
        let at = |text: &str| parse_time(text, when("2026-11-27T14:00:00Z"), &out);
        for (text, expected) in [
            ("14:03", "2026-11-27T13:03:00Z"),
            ("15:03:05", "2026-11-26T14:03:05Z"), // later than now, so it was yesterday
            ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(at(text).expect(text), when(expected), "{text}");
        }
        assert!(at("soon").is_err_and(|error| error.to_string().contains("14:03")));
    }
}
