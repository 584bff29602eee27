//! The slot of a key in a Redis Cluster: it decides which node has the key.

/// How many slots a cluster has.
const SLOTS: u16 = 16_384;

/// The slot of `key`: of its hash tag, which is what its first braces enclose, where that is not empty.
pub(crate) fn of(key: &str) -> u16 {
    crc16(tag(key).as_bytes()) % SLOTS
}

fn tag(key: &str) -> &str {
    let braces = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    match braces {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    }
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    let shift = |crc: u16, _| match crc & 0x8000 {
        0 => crc << 1,
        _ => (crc << 1) ^ 0x1021,
    };
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), shift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `CLUSTER KEYSLOT` of Redis 7.0 answers.
    #[rstest::rstest]
    #[case("123456789", 12_739)]
    #[case("foo", 12_182)]
    #[case("wp:{foo}:ready", 12_182)]
    #[case("{foo}{bar}", 12_182)]
    #[case("", 0)]
    fn a_key_has_the_slot_of_its_tag(#[case] key: &str, #[case] slot: u16) {
        assert_eq!(of(key), slot);
    }

    #[rstest::rstest]
    #[case("foo{}{bar}", "foo{}{bar}")]
    #[case("foo{{bar}}zap", "{bar")]
    #[case("foo}{bar}", "bar")]
    #[case("foo{bar", "foo{bar")]
    fn what_the_first_braces_enclose_is_the_tag(#[case] key: &str, #[case] expected: &str) {
        assert_eq!(tag(key), expected);
    }
}
