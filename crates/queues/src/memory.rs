//! Whether a Redis server bounds its memory without deleting tasks: only then can producers be refused in time.

/// What a server does when its memory is full, from its `INFO memory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedisMemory {
    /// It was not read yet, or the server does not report it.
    #[default]
    Unknown,
    /// It has a `maxmemory` and refuses writes beyond it.
    Bounded,
    /// It has no `maxmemory`: it grows until the kernel ends it.
    Unbounded,
    /// It deletes keys by this policy, and with them tasks.
    Evicting(String),
}

impl RedisMemory {
    /// Reads the reply to `INFO memory`.
    pub fn parse(info: &str) -> Self {
        let field = |name: &str| {
            let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned());
            info.lines().find_map(|line| value(line.trim_end()))
        };
        match (field("maxmemory"), field("maxmemory_policy")) {
            (Some(max), _) if max == "0" => Self::Unbounded,
            (Some(_), Some(policy)) if policy == "noeviction" => Self::Bounded,
            // A name of a policy, and never an unbounded text of a foreign server.
            (Some(_), Some(policy)) => Self::Evicting(policy.chars().take(40).collect()),
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_and_policy_decide() {
        let info = |max, policy| {
            RedisMemory::parse(&format!(
                "# Memory\r\nused_memory:1\r\nmaxmemory:{max}\r\nmaxmemory_human:1M\r\nmaxmemory_policy:{policy}\r\n"
            ))
        };
        assert_eq!(info("0", "noeviction"), RedisMemory::Unbounded);
        assert_eq!(info("5", "noeviction"), RedisMemory::Bounded);
        let evicting = RedisMemory::Evicting("allkeys-lru".into());
        assert_eq!(info("5", "allkeys-lru"), evicting);
        assert_eq!(RedisMemory::parse("used_memory:1"), RedisMemory::Unknown);
    }
}
