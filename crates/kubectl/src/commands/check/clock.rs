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
    let server_name = || tr!(lang, "cli-clock-api-server");
    let known = [
        redis.map(|offset| ("Redis".to_owned(), offset)),
        server.map(|offset| (server_name(), offset)),
    ];
    let known: Vec<(String, OffsetMillis)> = known.into_iter().flatten().collect();
    let wrong = known
        .iter()
        .find(|(_, offset)| offset.abs() > TOLERANCE * 1000);
    match wrong {
        _ if known.is_empty() => Vec::new(),
        None => {
            let names = known
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            vec![ok("clock", tr!(lang, "cli-clock-agree", names))]
        }
        Some((name, offset)) => {
            let seconds = offset.abs() / 1000;
            let text = if *offset > 0 {
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
        let checked = |redis, server| {
            let findings = compare(Lang::EN, redis, server);
            findings
                .into_iter()
                .map(|it| (!it.failed(), it.text))
                .next()
        };
        assert_eq!(checked(None, None), None);
        assert_eq!(
            checked(Some(12), Some(-900)),
            Some((true, "Redis, the API server and this machine agree".into()))
        );
        assert_eq!(
            checked(Some(12), Some(-3_600_000)),
            Some((
                false,
                "the clock of the API server is 3600 s behind this machine's".into()
            ))
        );
        assert_eq!(
            checked(Some(4_000), None),
            Some((
                false,
                "the clock of Redis is 4 s ahead of this machine's".into()
            ))
        );
    }
}
