//! Copies the descriptor set that `envoy-types` ships (and does not export) to where this crate
//! can include it: protobuf JSON needs it, and it must be of the version that is compiled in.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let descriptors = envoy_types_directory()?.join("src/generated/types.bin");
    let target = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::copy(&descriptors, &target)
        .map_err(|error| format!("cannot copy {}: {error}", descriptors.display()))?;
    Ok(())
}

/// Where cargo keeps the source of `envoy-types` for this build, vendored or not. Asked offline
/// first: the network is only needed where other members' dependencies were never fetched.
fn envoy_types_directory() -> Result<PathBuf, Box<dyn Error>> {
    let metadata = cargo_metadata(&["--offline"]).or_else(|_| cargo_metadata(&[]))?;
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "envoy-types")
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or("cargo metadata names no package envoy-types")?;
    let manifest = PathBuf::from(manifest);
    let directory = manifest.parent().ok_or("manifest without a directory")?;
    Ok(directory.to_path_buf())
}

fn cargo_metadata(arguments: &[&str]) -> Result<serde_json::Value, Box<dyn Error>> {
    let output = Command::new(std::env::var("CARGO")?)
        .args(["metadata", "--format-version", "1", "--filter-platform"])
        .arg(std::env::var("TARGET")?)
        .args(arguments)
        .current_dir(std::env::var("CARGO_MANIFEST_DIR")?)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
