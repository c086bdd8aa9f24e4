//! Whether a text is CEL, and parsing it where it can do no harm: the parser recurses, and is not
//! known to be free of panics. Read by `expression`, and by whoever hands expressions on.

use std::thread;

use cel::Program;

/// Longest text of an expression.
pub const TEXT_BYTES_MAX: usize = 4096;

/// Brackets within brackets. The generated parser needs up to 40 KiB of stack for each.
const NESTING_MAX: usize = 32;

/// Stack for parsing: several times what the longest and deepest text needs.
const STACK_BYTES: usize = 32 << 20;

/// Checks that a text is CEL, macros included; what its names are is not asked.
///
/// # Errors
///
/// In words: the text is too long, nests too deep, or is no CEL.
pub fn check_syntax(text: &str) -> Result<(), String> {
    apart(text, |text| {
        Program::compile(&text)
            .map(drop)
            .map_err(|errors| no_cel(&errors.to_string()))
    })
}

/// Parses a text of bounded length and depth in a thread of its own.
///
/// # Errors
///
/// In words: the text is too long, nests too deep, or what `parse` says.
pub(crate) fn apart<T: Send + 'static>(
    text: &str,
    parse: impl FnOnce(String) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    if text.len() > TEXT_BYTES_MAX {
        let length = text.len();
        return Err(format!(
            "is {length} bytes long; {TEXT_BYTES_MAX} are the most"
        ));
    }
    if nesting(text) > NESTING_MAX {
        return Err(format!("nests more than {NESTING_MAX} brackets"));
    }
    let source = text.to_string();
    let parsing = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || parse(source))
        .map_err(|error| format!("cannot be parsed now: {error}"))?;
    parsing
        .join()
        .map_err(|_| "is not CEL: the parser gave up".to_string())?
}

/// What is said of a text that the parser refuses.
pub(crate) fn no_cel(errors: &str) -> String {
    let first = errors.lines().next().unwrap_or_default();
    format!("is not CEL: {first}")
}

/// The deepest nesting of brackets, those in strings included.
fn nesting(text: &str) -> usize {
    let mut depth = 0_usize;
    text.bytes().fold(0, |deepest, byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest.max(depth)
    })
}

#[cfg(test)]
mod tests {
    use super::check_syntax;

    #[test]
    fn conditions_that_access_logs_have_are_cel() {
        for text in [
            "response.code >= 400",
            "'x-debug' in request.headers && !has(xds.route_metadata)",
            "request.url_path.matches('^/v[0-9]+/') || request.headers.exists(h, h == 'a')",
        ] {
            assert_eq!(check_syntax(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_no_cel_is_told_in_one_line() {
        for text in ["response.code >=", "", "a b", "((("] {
            let error = check_syntax(text).unwrap_err();
            assert!(error.starts_with("is not CEL"), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let deep = "(".repeat(40);
        assert!(check_syntax(&deep).unwrap_err().contains("nests"));
    }
}
