//! Manifests of any text: cutting, expansion of the environment, parsing, validation, translation
//! and rendering, which cannot fail.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_controller::merge::merge_gateways;
use tollgate_fuzz::{BUILD, load, options};
use tollgate_translate::translate;
use tollgate_xds::build;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let loaded = load(text);
    let lines = text.lines().count() + 1;
    for problem in &loaded.problems {
        let line = problem.place.as_ref().map_or(0, |place| place.line);
        assert!(line <= lines, "line {line} of {lines}: {problem:?}");
    }
    for mode in [0, 1] {
        let options = options(mode);
        let translation = translate(&loaded.world, &options);
        assert_eq!(translation, translate(&loaded.world, &options));
        let (gateway, _) = merge_gateways(&translation.ir);
        build(&gateway, &BUILD);
        gateway.bundle();
    }
});
