//! What a root image was made from: every file of the host that was looked at, also in vain.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file changed so recently that it may change again within one tick of the host's clock.
const TICK: Duration = Duration::from_millis(50);

/// Paths, and a mark of what was there: 0 for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct InputLog {
    seen: BTreeMap<PathBuf, u64>,
    newest: Option<SystemTime>,
}

impl InputLog {
    /// What is at `path` itself, were it a symbolic link.
    pub fn symlink_metadata(&mut self, path: &Path) -> Option<Metadata> {
        let metadata = fs::symlink_metadata(path).ok();
        self.note(path, metadata.as_ref());
        metadata
    }

    /// What `path` leads to.
    pub fn metadata(&mut self, path: &Path) -> Option<Metadata> {
        let metadata = self.symlink_metadata(path)?;
        if !metadata.is_symlink() {
            return Some(metadata);
        }
        // The links on the way are inputs, too, but a changed one mostly leads to another file.
        let target = fs::canonicalize(path).ok()?;
        self.symlink_metadata(&target)
    }

    pub fn note(&mut self, path: &Path, metadata: Option<&Metadata>) {
        self.newest = self.newest.max(metadata.and_then(|m| m.modified().ok()));
        self.seen.insert(path.to_owned(), metadata.map_or(0, mark));
    }

    /// Whether an input may have changed after it was looked at, with no other mark.
    pub fn unsettled(&self) -> bool {
        self.newest.is_some_and(|time| time + TICK > SystemTime::now())
    }

    /// For [`unchanged`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, mark) in &self.seen {
            bytes.extend_from_slice(format!("{mark:016x}").as_bytes());
            bytes.extend_from_slice(path.as_os_str().as_bytes());
            bytes.push(0);
        }
        bytes
    }
}

/// Whether everything that [`InputLog::to_bytes`] tells of is still as it was.
pub(crate) fn unchanged(log: &[u8]) -> bool {
    log.split(|&byte| byte == 0).filter(|record| !record.is_empty()).all(|record| {
        let Some((mark_then, path)) = record.split_at_checked(16) else { return false };
        let then =
            std::str::from_utf8(mark_then).ok().and_then(|t| u64::from_str_radix(t, 16).ok());
        let now = fs::symlink_metadata(Path::new(std::ffi::OsStr::from_bytes(path)));
        then == Some(now.as_ref().map_or(0, mark))
    })
}

/// Tells a file from a changed one: by inode, size and time.
pub(crate) fn mark(m: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (m.mode(), m.uid(), m.gid(), m.dev(), m.ino(), m.mtime(), m.mtime_nsec()).hash(&mut hasher);
    if !m.is_dir() {
        m.size().hash(&mut hasher);
    }
    hasher.finish().max(1)
}
