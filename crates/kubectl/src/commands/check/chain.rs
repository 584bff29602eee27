//! The links behind a login in Redis: its role, and what its user may do. Each that is broken, with what fixes it.

use super::finding::{Finding, fail, warn};
use crate::cluster::link::{Broken, Link};
use crate::cluster::redis::RedisClient;
use crate::cluster::redis_probe::{Probe, Role};
use crate::cluster::redis_rights::Lacking;
use crate::text::lang::{Lang, tr};
use decide::foreign;
use queues::Purpose;

/// The longest name of a user that is shown.
const MAX_USER: usize = 100;

/// The finding on a server that is no primary.
pub(super) fn role(lang: Lang, name: &str, probe: &Probe, edit: &str) -> Option<Finding> {
    let text = match &probe.role {
        Some(Role::Replica(Some(primary))) => {
            tr!(lang, "cli-redis-replica-of", name, primary)
        }
        Some(Role::Replica(None)) => tr!(lang, "cli-redis-replica", name),
        Some(Role::Sentinel) => tr!(lang, "cli-redis-is-sentinel", name),
        _ => return None,
    };
    Some(fail("Redis", text, edit))
}

/// The finding on rights without which the queues cannot be read.
pub(super) fn unreadable(lang: Lang, client: &RedisClient, lacking: &Lacking) -> Option<Finding> {
    let (commands, name) = (lacking.of(Purpose::Read), client.name());
    let text = match (commands.is_empty(), lacking.patterns.is_empty()) {
        (true, true) => return None,
        (true, false) => tr!(lang, "cli-redis-keys-refused", name),
        (false, _) => tr!(
            lang,
            "cli-redis-rights",
            name,
            commands = commands.join(", ")
        ),
    };
    Some(fail("Redis", text, grant(client, lacking)))
}

/// The finding on rights without which nobody is drained.
pub(super) fn no_scale_down(
    lang: Lang,
    client: &RedisClient,
    lacking: &Lacking,
) -> Option<Finding> {
    let (commands, name) = (lacking.of(Purpose::ScaleDown).join(", "), client.name());
    (!commands.is_empty()).then(|| {
        let text = tr!(lang, "cli-redis-rights-scale-down", name, commands);
        warn("Redis", text, grant(client, lacking))
    })
}

/// The command of an administrator of Redis that grants what is lacking.
pub(super) fn grant(client: &RedisClient, lacking: &Lacking) -> String {
    let user = client.user().unwrap_or_else(|| "default".into());
    let rights = lacking.rights.iter().map(|(right, _)| format!("+{right}"));
    let words = lacking.patterns.iter().cloned().chain(rights);
    let words: Vec<String> = words.map(|word| quoted(&word)).collect();
    let user = quoted(&foreign(&user, MAX_USER));
    format!("redis-cli ACL SETUSER {user} {}", words.join(" "))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-_.:@%".contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    let word = foreign(word, 512).replace('\'', r"'\''");
    format!("'{word}'")
}

/// What of a pool's spec is about a broken link behind the port.
pub(super) fn field(error: &anyhow::Error) -> Option<&'static str> {
    Some(match error.downcast_ref::<Broken>()?.link {
        Link::Tls => "spec.redis.tls",
        Link::Login if is_sentinel(error) => "spec.redis.sentinel.passwordFrom",
        Link::Login => "spec.redis.username, spec.redis.passwordFrom",
        Link::Found => "spec.redis",
        Link::Forward | Link::Name | Link::Port => return None,
    })
}

/// The command that shows the certificate of the server that `error` is about.
pub(super) fn show_certificate(error: &anyhow::Error) -> Option<String> {
    let broken = error.downcast_ref::<Broken>()?;
    let (server, host) = (&broken.server, &broken.server.host);
    (broken.link == Link::Tls).then(|| {
        format!(
            "openssl s_client -connect {server} -servername {host} </dev/null | openssl x509 -noout -dates -issuer -ext subjectAltName"
        )
    })
}

fn is_sentinel(error: &anyhow::Error) -> bool {
    let broken = error.downcast_ref::<Broken>();
    broken.is_some_and(|broken| broken.kind == "Sentinel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_each_word_as_it_is() {
        assert_eq!(quoted("+llen"), "+llen");
        assert_eq!(quoted("+client|list"), "'+client|list'");
        assert_eq!(quoted("%R~rq:*"), "'%R~rq:*'");
        assert_eq!(quoted("~it's"), r"'~it'\''s'");
        assert_eq!(quoted("~a\u{1b}[2J"), "'~a [2J'");
    }
}
