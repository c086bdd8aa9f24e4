//! Writes the CRD YAML beside this crate: `cargo run -p tollgate-crds --example write`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in tollgate_crds::yaml_files() {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
