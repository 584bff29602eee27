//! The check of the clocks: heartbeats use the clock of Redis, schedules and cooldowns that of the cluster, and users
//! read the clock of this machine.

use super::finding::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use jiff::Timestamp;

/// How many seconds two clocks may differ; the API server reports whole seconds.
const TOLERANCE: i64 = 3;

/// How far another clock is ahead of this machine's, in milliseconds.
pub(super) type OffsetMillis = i64;

/// The offset of the API server's clock.
pub(super) async fn server_offset(cluster: &Cluster) -> Option<OffsetMillis> {
    let request = http::Request::get("/version")
        .body(kube::client::Body::empty())
        .ok()?;
    let before = Timestamp::now();
    let response = cluster.client.send(request).await.ok()?;
    let date = response.headers().get(http::header::DATE)?.to_str().ok()?;
    let server_time = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    // The date is cut to the second: half a second later is the best guess.
    Some(server_time.as_millisecond() + 500 - before.as_millisecond())
}

/// One finding on all clocks that could be read.
pub(super) fn compare(
    lang: Lang,
    redis: Option<OffsetMillis>,
    server: Option<OffsetMillis>,
) -> Vec<Finding> {
    let clocks = [
        ("Redis".to_owned(), redis),
        (tr!(lang, "cli-clock-api-server"), server),
    ];
    let known = clocks.into_iter();
    let known = known.filter_map(|(name, offset)| Some((name, offset?)));
    let (names, offsets): (Vec<_>, Vec<_>) = known.unzip();
    let mut clocks = names.iter().zip(offsets);
    match clocks.find(|(_, offset)| offset.abs() > TOLERANCE * 1000) {
        _ if names.is_empty() => Vec::new(),
        None => {
            let names = names.join(", ");
            vec![ok("clock", tr!(lang, "cli-clock-agree", names))]
        }
        Some((name, offset)) => {
            let seconds = offset.abs() / 1000;
            let text = if offset > 0 {
                tr!(lang, "cli-clock-ahead", name, seconds)
            } else {
                tr!(lang, "cli-clock-behind", name, seconds)
            };
            vec![fail("clock", text, tr!(lang, "cli-clock-fix"))]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_clock_that_is_wrong() {
        let behind = "the clock of the API server is 3600 s behind this machine's";
        let ahead = "the clock of Redis is 4 s ahead of this machine's";
        let agree = "Redis, the API server and this machine agree";
        for (redis, server, expected) in [
            (None, None, None),
            (Some(12), Some(-900), Some((true, agree))),
            (Some(12), Some(-3_600_000), Some((false, behind))),
            (Some(4_000), None, Some((false, ahead))),
        ] {
            let findings = compare(Lang::EN, redis, server);
            let found = findings.first().map(|it| (!it.failed(), it.text.as_str()));
            assert_eq!(found, expected);
        }
    }
}
