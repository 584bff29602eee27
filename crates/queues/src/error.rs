//! What went wrong with Redis, in our words. The text of a server is foreign: only codes of a closed list reach a status.

use decide::foreign;
use redis::{ErrorKind, RedisError, Value};
use std::error::Error;
use std::io;
use std::sync::Arc;

/// The codes of Redis' errors, and what each means.
const CODES: &[(&str, &str)] = &[
    ("BUSY", "a script blocks it"),
    ("CLUSTERDOWN", "its cluster is down"),
    ("ASK", "it is one node of a cluster"),
    ("LOADING", "it is loading its data"),
    ("MASTERDOWN", "it is a replica that has lost its primary"),
    ("MISCONF", "it cannot save to disk, and refuses writes"),
    ("MOVED", "it is one node of a cluster"),
    ("NOAUTH", "a password is required"),
    ("NOPERM", "the user lacks a right"),
    ("NOPROTO", "it does not speak RESP3"),
    ("NOREPLICAS", "it has too few replicas, and refuses writes"),
    ("NOSCRIPT", "it has lost a script"),
    ("OOM", "its memory is full"),
    ("READONLY", "it is a replica, which accepts no writes"),
    ("TRYAGAIN", "its cluster is moving the key"),
    ("UNKILLABLE", "a script blocks it"),
    ("WRONGPASS", "wrong user or password"),
    ("WRONGTYPE", "the key has another type"),
];

/// The longest text of an error, in characters.
pub(crate) const MAX_ERROR: usize = 200;

/// How the library shares the cause of an error.
type Shared = Arc<dyn Error + Send + Sync>;

/// What an error of Redis, or of the connection to it, means.
pub fn describe(error: &RedisError) -> String {
    let source = error.source().and_then(<dyn Error>::downcast_ref::<Shared>);
    if let Some(error) = source.and_then(|source| source.downcast_ref()) {
        return describe_io_error(error);
    }
    match error.kind() {
        ErrorKind::Io => tls_error(&error.to_string()),
        ErrorKind::AuthenticationFailed => describe_server_error("WRONGPASS", None),
        ErrorKind::RESP3NotSupported => describe_server_error("NOPROTO", None),
        _ => match error.code() {
            Some(code) => describe_server_error(code, error.detail()),
            None => error.category().to_owned(),
        },
    }
}

/// What an error that Redis answered means. Of its text, only the command that it refuses is kept.
pub fn describe_server_error(code: &str, detail: Option<&str>) -> String {
    match CODES.iter().find(|(known, _)| *known == code) {
        Some(("NOPERM", meaning)) => match detail.and_then(refused_command) {
            Some(command) => format!("NOPERM: the user may not run {command}"),
            None => format!("NOPERM: {meaning}"),
        },
        Some((code, meaning)) => format!("{code}: {meaning}"),
        None => detail
            .filter(|_| code == "ERR")
            .and_then(describe_unknown_command)
            .unwrap_or_else(|| "it answered an error".to_owned()),
    }
}

/// What the first error among `replies` means.
pub(crate) fn describe_first_error(replies: &[Value]) -> Option<String> {
    replies.iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(describe_server_error(error.code(), error.details())),
        _ => None,
    })
}

/// Whether a server refuses `HELLO` with this error, and so RESP3: it does not know the command, an administrator took it
/// away, or the user may not run it.
pub fn is_hello_refused(error: &RedisError) -> bool {
    let names_hello = |name: Option<&str>| name.is_some_and(|it| it.eq_ignore_ascii_case("HELLO"));
    let detail = error.detail().unwrap_or_default();
    match error.code() {
        _ if error.kind() == ErrorKind::RESP3NotSupported => true,
        Some("NOPROTO") => true,
        Some("NOPERM") => names_hello(refused_command(detail)),
        Some("ERR") => names_hello(unknown_command(detail)),
        _ => false,
    }
}

/// The commands that the operator sends and older servers lack, and since when Redis has them.
const SINCE: &[(&str, &str)] = &[("EVAL_RO", "7.0"), ("EVALSHA_RO", "7.0")];

/// What it means that a server does not know a command.
fn describe_unknown_command(detail: &str) -> Option<String> {
    let command = unknown_command(detail)?.to_ascii_uppercase();
    let since = SINCE.iter().find(|(name, _)| *name == command);
    Some(match since {
        Some((_, version)) => format!("ERR: it lacks {command}, which Redis has since {version}"),
        None => format!("ERR: it lacks {command}, or an administrator renamed it"),
    })
}

/// The command in quotes that a server does not know, by the text of its error.
fn unknown_command(detail: &str) -> Option<&str> {
    let (_, rest) = detail.split_once("unknown command ")?;
    let quoted = rest.strip_prefix(['\'', '`'])?;
    let command = quoted.split(['\'', '`']).next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (command.len() <= 32 && !command.is_empty() && command.chars().all(is_plain)).then_some(command)
}

/// The first known code in a text that may be foreign.
pub(crate) fn describe_code_in(text: &str) -> Option<String> {
    if let Some(unknown) = describe_unknown_command(text) {
        return Some(unknown);
    }
    let mut words = text.split(|c: char| !c.is_ascii_uppercase());
    let code = words.find(|word| CODES.iter().any(|(code, _)| code == word))?;
    Some(describe_server_error(code, Some(text)))
}

/// The command in quotes that the text of `NOPERM` names.
fn refused_command(detail: &str) -> Option<&str> {
    let command = detail.split('\'').nth(1)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c == '|' || c == '_';
    (command.len() <= 32 && !command.is_empty() && command.chars().all(is_plain)).then_some(command)
}

fn describe_io_error(error: &io::Error) -> String {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::InvalidData => tls_error(&text),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        io::ErrorKind::QuotaExceeded => "it sends more than is read".to_owned(),
        io::ErrorKind::NotFound => "its host name is not known".to_owned(),
        _ if text.starts_with("failed to lookup address") => {
            "its host name is not known".to_owned()
        }
        kind => kind.to_string(),
    }
}

/// The kind of a TLS error. What follows a semicolon or a line break quotes the server's certificate.
fn tls_error(text: &str) -> String {
    let kind = text.split([';', '\n']).next().unwrap_or_default();
    format!("TLS: {}", foreign(kind, MAX_ERROR - 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(
        "WRONGPASS",
        Some("invalid username-password pair"),
        "WRONGPASS: wrong user or password"
    )]
    #[case(
        "NOPERM",
        Some("User few has no permissions to run the 'config|set' command"),
        "NOPERM: the user may not run config|set"
    )]
    #[case(
        "NOPERM",
        Some("run the '\u{1b}[2J' command"),
        "NOPERM: the user lacks a right"
    )]
    #[case(
        "ERR",
        Some("unknown command 'EVAL_RO', with args beginning with: 'canary'"),
        "ERR: it lacks EVAL_RO, which Redis has since 7.0"
    )]
    #[case(
        "ERR",
        Some("unknown command `llen`, with args beginning with: `canary`, "),
        "ERR: it lacks LLEN, or an administrator renamed it"
    )]
    #[case("ERR", Some("unknown command 'a canary'"), "it answered an error")]
    #[case("CANARY", Some("a secret of another tenant"), "it answered an error")]
    fn only_codes_of_the_list_are_kept(
        #[case] code: &str,
        #[case] detail: Option<&str>,
        #[case] expected: &str,
    ) {
        assert_eq!(describe_server_error(code, detail), expected);
    }

    #[rstest::rstest]
    #[case("ERR unknown command `HELLO`, with args beginning with: `3`, ", true)]
    #[case("ERR unknown command 'HELLO', with args beginning with: '3'", true)]
    #[case("ERR unknown command 'hello'", true)]
    #[case("NOPROTO unsupported protocol version", true)]
    #[case(
        "NOPERM this user has no permissions to run the 'hello' command or its subcommand",
        true
    )]
    #[case("NOPERM User x has no permissions to run the 'select' command", false)]
    #[case(
        "ERR unknown command 'SELECT', with args beginning with: 'HELLO'",
        false
    )]
    #[case("WRONGPASS invalid username-password pair", false)]
    #[case(
        "NOAUTH HELLO must be called with the client already authenticated",
        false
    )]
    fn a_refusal_of_hello_is_told_from_other_errors(#[case] reply: &str, #[case] refused: bool) {
        let error = crate::recorded::error(reply).extract_error();
        assert_eq!(is_hello_refused(&error.expect_err("an error")), refused);
    }

    #[test]
    fn a_text_is_searched_for_a_code() {
        let text = "the key a cannot be read by LLEN: WRONGTYPE Operation against a key";
        let expected = Some("WRONGTYPE: the key has another type".to_owned());
        assert_eq!(describe_code_in(text), expected);
        assert_eq!(describe_code_in("canary"), None);
    }

    #[test]
    fn connections_fail_in_our_words() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(describe(&refused.into()), "connection refused");
        let unknown = io::Error::other("failed to lookup address information: canary");
        assert_eq!(describe(&unknown.into()), "its host name is not known");
        let certificate = "invalid peer certificate: not valid for name; only for canary";
        let invalid = io::Error::new(io::ErrorKind::InvalidData, certificate);
        assert!(!describe(&invalid.into()).contains("canary"));
    }
}
