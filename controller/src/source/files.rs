//! Paths as typed → the manifest files behind them, and their text.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::documents::Format;

/// Largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Most files taken from the given paths.
pub const FILES_MAX: usize = 10_000;

/// What stands behind a list of paths.
#[derive(Debug, Default)]
pub struct FileList {
    /// In the order of the paths; the files of a folder by name. Each once.
    pub files: Vec<PathBuf>,
    /// Paths that lead nowhere, each with what is wrong.
    pub failures: Vec<(PathBuf, String)>,
}

/// Finds the files behind `paths`: a file stands for itself, a folder for its `.yaml`, `.yml`
/// and `.json` files (not those of its folders, nor hidden or backup files).
pub fn list_files(paths: &[PathBuf]) -> FileList {
    let mut list = FileList::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        let found = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => list_folder(path),
            Ok(_) => Ok(vec![path.clone()]),
            Err(error) => Err(error),
        };
        match found {
            Ok(files) => {
                list.files
                    .extend(files.into_iter().filter(|file| seen.insert(file.clone())));
            }
            Err(error) => list
                .failures
                .push((path.clone(), format!("cannot be read: {error}"))),
        }
    }
    if list.files.len() > FILES_MAX {
        let path = list.files.swap_remove(FILES_MAX);
        list.files.truncate(FILES_MAX);
        let message = format!("more than {FILES_MAX} files; this one and the rest are not read");
        list.failures.push((path, message));
    }
    list
}

/// Reads a file, at most [`FILE_BYTES_MAX`].
///
/// # Errors
/// What keeps the file from being read, in words for an operator.
pub fn read_text(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("is not UTF-8 at byte {at}")
    })
}

/// JSON for a `.json` file, else YAML.
pub fn format_of(path: &Path) -> Format {
    match path.extension().and_then(OsStr::to_str) {
        Some(extension) if extension.eq_ignore_ascii_case("json") => Format::Json,
        _ => Format::Yaml,
    }
}

fn list_folder(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_manifest(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a name is a manifest's rather than what an editor leaves behind (`.a.yaml.swp`,
/// `a.yaml~`, `#a.yaml#`).
fn is_manifest(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    !name.starts_with(['.', '#', '~'])
        && ["yaml", "yml", "json"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{FILE_BYTES_MAX, format_of, list_files, read_text};
    use crate::source::documents::Format;

    #[test]
    fn a_folder_gives_its_manifests_sorted_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.yml",
            "a.yaml",
            "c.JSON",
            ".a.yaml",
            "a.yaml~",
            "#a.yaml#",
            "a.yaml.swp",
            "README.md",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("d.yaml")).unwrap();
        fs::write(dir.path().join("d.yaml/e.yaml"), "").unwrap();
        let a = dir.path().join("a.yaml");
        let list = list_files(&[dir.path().to_path_buf(), a, dir.path().join("none.yaml")]);
        let names: Vec<_> = list
            .files
            .iter()
            .filter_map(|f| f.file_name()?.to_str())
            .collect();
        assert_eq!(names, ["a.yaml", "b.yml", "c.JSON"]);
        assert_eq!(list.failures.len(), 1);
        assert!(
            list.failures[0].1.starts_with("cannot be read: "),
            "{:?}",
            list.failures
        );
    }

    #[test]
    fn a_file_that_is_named_is_taken_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("manifest.txt");
        fs::write(&file, "").unwrap();
        assert_eq!(list_files(std::slice::from_ref(&file)).files, [file]);
    }

    #[test]
    fn a_file_too_large_or_not_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::write(&file, [b'a', 0xff]).unwrap();
        assert_eq!(read_text(&file), Err("is not UTF-8 at byte 1".to_string()));
        fs::File::create(&file)
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        assert_eq!(read_text(&file), Err("is larger than 16 MiB".to_string()));
    }

    #[test]
    fn the_name_tells_the_format() {
        assert_eq!(format_of(Path::new("a.json")), Format::Json);
        assert_eq!(format_of(Path::new("a.yaml")), Format::Yaml);
        assert_eq!(format_of(Path::new("a")), Format::Yaml);
    }
}
