//! A Redis URL of any text: read or refused, and its password never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_redis::fuzzing::read_url;

const PASSWORD: &str = "geheim-42";

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    if let Ok(shown) = read_url(text) {
        assert!(shown.len() <= text.len() + 16 * text.split(',').count() + 16);
    }
    // `~` stands for the end of a password.
    let Some((before, behind)) = text.split_once('~') else {
        return;
    };
    // Whatever stands before it, even a slash; but the path of a socket is no password.
    let url = format!("{before}{PASSWORD}@{behind}");
    let shown = match read_url(&url) {
        Ok(shown) if shown.starts_with("unix:") => return,
        Ok(shown) => shown,
        Err(error) => error.to_string(),
    };
    assert!(!shown.contains(PASSWORD), "{url} is shown as {shown}");
});
