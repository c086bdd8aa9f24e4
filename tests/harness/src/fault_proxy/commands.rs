//! Where one Redis command ends: RESP arrays of bulk strings, as all clients send them.

/// Length of the command that `bytes` begin with, once it is there whole.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (count, mut at) = number(bytes, 0, b'*')?;
    for _ in 0..count {
        let (size, start) = number(bytes, at, b'$')?;
        at = start + usize::try_from(size).ok()? + 2;
        if at > bytes.len() {
            return None;
        }
    }
    Some(at)
}

/// `*12\r\n` at `at`: the number and where the next line begins.
fn number(bytes: &[u8], at: usize, kind: u8) -> Option<(u64, usize)> {
    let rest = bytes.get(at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    if rest.first() != Some(&kind) {
        return None;
    }
    let text = std::str::from_utf8(rest.get(1..end)?).ok()?;
    Some((text.parse().ok()?, at + end + 2))
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn command_ends_after_its_last_argument() {
        let ping = b"*1\r\n$4\r\nPING\r\n";
        assert_eq!(length(ping), Some(ping.len()));
        let two = [ping.as_slice(), b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n"].concat();
        assert_eq!(length(&two), Some(ping.len()));
        assert_eq!(length(&two[ping.len()..]), Some(two.len() - ping.len()));
        assert_eq!(length(&ping[..10]), None);
        assert_eq!(length(b""), None);
    }
}
