//! The engine's library for Envoy, as cargo builds it with the tests: for the product to load.

use std::path::{Path, PathBuf};

/// Variable by which the product is told where the library is.
pub const MODULE_VARIABLE: &str = "TOLLGATE_ENGINE_MODULE";

/// The library of the build that this binary (`target/debug/tollgate`) is of. Beside the binary
/// there may be an older one: cargo puts it there only when the library itself was asked for.
pub fn built_module(binary: &Path) -> Option<PathBuf> {
    let library = binary.parent()?.join("deps").join("libtollgate_module.so");
    library.is_file().then_some(library)
}
