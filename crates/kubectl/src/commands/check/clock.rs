//! The clocks: heartbeats live by that of Redis, schedules and cooldowns by the cluster's, people by this one.

use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use jiff::Timestamp;

/// Seconds that two clocks may differ by; the API server tells whole ones.
const APART: i64 = 3;

/// How far another clock is ahead of this one, in milliseconds.
pub(super) type Ahead = i64;

/// The API server's.
pub(super) async fn of_server(cluster: &Cluster) -> Option<Ahead> {
    let request = http::Request::get("/version")
        .body(kube::client::Body::empty())
        .ok()?;
    let before = Timestamp::now();
    let answer = cluster.client.send(request).await.ok()?;
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    // It was cut to the second: half of one is the best guess.
    Some(there.as_millisecond() + 500 - before.as_millisecond())
}

/// One line on all clocks that were read.
pub(super) fn compare(lang: Lang, redis: Option<Ahead>, server: Option<Ahead>) -> Vec<Finding> {
    let server_name = || tr!(lang, "the API server", "el servidor API");
    let known = [
        redis.map(|ahead| ("Redis".to_owned(), ahead)),
        server.map(|ahead| (server_name(), ahead)),
    ];
    let known: Vec<(String, Ahead)> = known.into_iter().flatten().collect();
    let wrong = known.iter().find(|(_, ahead)| ahead.abs() > APART * 1000);
    match wrong {
        _ if known.is_empty() => Vec::new(),
        None => {
            let names = known
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            vec![ok(
                "clock",
                tr!(
                    lang,
                    "{names} and this machine agree",
                    "{names} y esta máquina coinciden"
                ),
            )]
        }
        Some((name, ahead)) => {
            let (seconds, ahead) = (ahead.abs() / 1000, *ahead > 0);
            let text = match (lang, ahead) {
                (Lang::En, true) => {
                    format!("the clock of {name} is {seconds} s ahead of this machine's")
                }
                (Lang::En, false) => {
                    format!("the clock of {name} is {seconds} s behind this machine's")
                }
                (Lang::Es, true) => {
                    format!("el reloj de {name} va {seconds} s por delante del de esta máquina")
                }
                (Lang::Es, false) => {
                    format!("el reloj de {name} va {seconds} s por detrás del de esta máquina")
                }
            };
            vec![fail(
                "clock",
                text,
                "sudo timedatectl set-ntp true   (Docker Desktop: restart it)",
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_named() {
        let said = |redis, server| {
            let found = compare(Lang::En, redis, server);
            found.into_iter().map(|it| (it.ok, it.text)).next()
        };
        assert_eq!(said(None, None), None);
        assert_eq!(
            said(Some(12), Some(-900)),
            Some((true, "Redis, the API server and this machine agree".into()))
        );
        assert_eq!(
            said(Some(12), Some(-3_600_000)),
            Some((
                false,
                "the clock of the API server is 3600 s behind this machine's".into()
            ))
        );
        assert_eq!(
            said(Some(4_000), None),
            Some((
                false,
                "the clock of Redis is 4 s ahead of this machine's".into()
            ))
        );
    }
}
