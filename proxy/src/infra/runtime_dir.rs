//! A private folder for sockets and the bootstrap of one run.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest folder that leaves room for the name of a socket: a socket's path has at most 107
/// bytes on Linux and 103 on macOS.
const PATH_BYTES_MAX: usize = 70;

/// A folder that only this user can enter; it is removed when this is dropped.
#[derive(Debug)]
pub struct RuntimeDir {
    dir: tempfile::TempDir,
}

// === impl RuntimeDir ===

impl RuntimeDir {
    /// Makes a folder in `XDG_RUNTIME_DIR`, else in the folder for temporary files.
    ///
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let candidates = [
            runtime,
            Some(std::env::temp_dir()),
            Some(PathBuf::from("/tmp")),
        ];
        let mut last = io::Error::other("no folder for temporary files");
        for parent in candidates.into_iter().flatten() {
            match Self::new_in(&parent) {
                Ok(dir) => return Ok(dir),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a folder in this one, which must be there.
    ///
    /// # Errors
    /// When no folder can be made, or its path is too long for a socket's.
    pub fn new_in(parent: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("tollgate-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        if dir.path().as_os_str().len() > PATH_BYTES_MAX {
            let message = format!(
                "{} is too long for the path of a socket",
                dir.path().display()
            );
            return Err(io::Error::other(message));
        }
        Ok(Self { dir })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::RuntimeDir;

    #[test]
    fn the_folder_is_private_and_goes_away() {
        let dir = RuntimeDir::new().unwrap();
        let path = dir.path().to_path_buf();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_parent_too_long_for_sockets_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(100));
        std::fs::create_dir(&long).unwrap();
        assert!(RuntimeDir::new_in(&long).is_err());
    }
}
