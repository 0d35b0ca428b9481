//! What a file system is to the libraries above it: a tree of nodes.
//!
//! A [`Node`] is a file, a directory, a symbolic link or a device, reached through an
//! `Arc<dyn Node>`. The interface is that of an inode, not of a path: who resolves paths, crosses
//! mounts and follows links is somebody else (`unilith-vfs`), and who has open files and offsets
//! is somebody else again (`unilith-posix-fd`). So a file system is small: a read-only one
//! implements six methods, and every method that it leaves out answers with the right error.
//!
//! Names are bytes without `/` and NUL, of any encoding. Nothing here knows errno; the mapping of
//! [`FsError`] to it stands in `unilith-posix-abi`, once.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod metadata;
mod node;

pub use metadata::{FileType, Metadata, MetadataChange, StatFs, Timestamp};
pub use node::{DirEntry, MemorySource, Node, NodeId, NodeRef};

/// Bytes that a name may have (NAME_MAX).
pub const NAME_MAX: usize = 255;

/// The result of a file system's operation.
pub type Result<T> = core::result::Result<T, FsError>;

/// Why a file system refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsError {
    /// No such name.
    NotFound,
    /// The name is taken.
    Exists,
    /// A directory was needed.
    NotDirectory,
    /// Anything but a directory was needed.
    IsDirectory,
    /// The directory has entries.
    NotEmpty,
    /// This file system cannot be changed.
    ReadOnly,
    /// The two nodes are on different file systems.
    CrossDevice,
    /// A name has more than [`NAME_MAX`] bytes, or a path more than its limit.
    NameTooLong,
    /// Too many symbolic links on the way.
    TooManyLinks,
    /// No room for the data.
    NoSpace,
    /// The file would be larger than the file system allows.
    TooLarge,
    /// No memory for the bookkeeping.
    NoMemory,
    /// The operation makes no sense for this node or with these arguments.
    Invalid,
    /// The node does not allow it, whoever asks.
    NotPermitted,
    /// In use, as a mount point is.
    Busy,
    /// The device failed, or its content is broken.
    Io,
    /// This file system does not have the operation.
    Unsupported,
}

impl core::fmt::Display for FsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such file or directory",
            Self::Exists => "file exists",
            Self::NotDirectory => "not a directory",
            Self::IsDirectory => "is a directory",
            Self::NotEmpty => "directory not empty",
            Self::ReadOnly => "read-only file system",
            Self::CrossDevice => "different file systems",
            Self::NameTooLong => "file name too long",
            Self::TooManyLinks => "too many levels of symbolic links",
            Self::NoSpace => "no space left",
            Self::TooLarge => "file too large",
            Self::NoMemory => "out of memory",
            Self::Invalid => "invalid argument",
            Self::NotPermitted => "operation not permitted",
            Self::Busy => "in use",
            Self::Io => "input/output error",
            Self::Unsupported => "operation not supported",
        })
    }
}

impl core::error::Error for FsError {}

/// Whether `name` may be an entry of a directory: not empty, not `.` or `..`, no `/`, no NUL.
pub fn check_name(name: &[u8]) -> Result<()> {
    if name.len() > NAME_MAX {
        return Err(FsError::NameTooLong);
    }
    if matches!(name, b"" | b"." | b"..") || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
        return Err(FsError::Invalid);
    }
    Ok(())
}

/// A number for a file system that is on no device: each call gives another one, as Linux's
/// anonymous devices are numbered (major 0).
pub fn anonymous_device() -> u64 {
    use core::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    Metadata::device_number(0, NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bytes_but_not_any() {
        assert_eq!(check_name(b"\xff\xfe"), Ok(()));
        for bad in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            assert_eq!(check_name(bad), Err(FsError::Invalid));
        }
        assert_eq!(check_name(&[b'a'; 256]), Err(FsError::NameTooLong));
    }
}
