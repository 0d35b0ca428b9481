//! The node: one file, directory, link or device of a file system.

use crate::{FileType, FsError, Metadata, MetadataChange, Result, StatFs};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// A shared handle of a node. A node lives as long as a handle does, also without a name.
pub type NodeRef = Arc<dyn Node>;

/// Which node it is, in the whole image: two handles with the same id are the same node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The file system.
    pub device: u64,
    /// The node in it.
    pub inode: u64,
}

/// One entry of a directory, while it is being listed.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// Its name there.
    pub name: &'a [u8],
    /// The number of the node that it leads to.
    pub inode: u64,
    /// What that is.
    pub file_type: FileType,
    /// Where listing goes on after this entry.
    pub next: u64,
}

/// Where the bytes of a file are when they are in memory for the whole life of the image.
pub type MemorySource = &'static [u8];

/// A node of a file system. Methods that do not apply to its kind keep their default.
///
/// Names given to these methods have passed [`check_name`](crate::check_name); `.` and `..` are
/// the walker's business.
pub trait Node: Send + Sync {
    /// Which node this is.
    fn id(&self) -> NodeId;

    /// What it is; never changes.
    fn file_type(&self) -> FileType;

    /// Everything that is known about it.
    fn metadata(&self) -> Metadata;

    /// Changes permissions, owner or times.
    fn set_metadata(&self, change: &MetadataChange) -> Result<()> {
        let _ = change;
        Err(FsError::ReadOnly)
    }

    /// About the file system that it is on.
    fn statfs(&self) -> StatFs;

    /// Whether its file system cannot be changed. A file system that has to ask somebody for what
    /// [`statfs`](Self::statfs) tells answers this by itself.
    fn is_read_only(&self) -> bool {
        self.statfs().read_only
    }

    /// The handle as itself, for a file system that needs to know its own nodes again.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;

    // Files and devices

    /// Prepares for reading or writing, as the node is being opened: a file system whose server
    /// may forbid it, or forget files without a name, asks it now.
    fn open(&self, write: bool) -> Result<()> {
        let _ = write;
        Ok(())
    }

    /// Copies bytes from `offset` on into `buf`; fewer than asked for only at the end of the
    /// file, and 0 past it. A device without positions passes over `offset`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let _ = (offset, buf);
        Err(if self.file_type() == FileType::Directory {
            FsError::IsDirectory
        } else {
            FsError::Invalid
        })
    }

    /// Copies `data` to `offset`, growing the file if need be; how much was written.
    fn write_at(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let _ = (offset, data);
        Err(FsError::ReadOnly)
    }

    /// Makes the file `size` bytes long; new bytes are zero.
    fn truncate(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(match self.file_type() {
            FileType::Directory => FsError::IsDirectory,
            FileType::Regular => FsError::ReadOnly,
            _ => FsError::Invalid,
        })
    }

    /// Takes the room for `len` bytes from `offset` on, so that writing there cannot fail for want
    /// of it, and makes the file as long as that. `Unsupported` where that cannot be promised.
    fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        let _ = (offset, len);
        Err(FsError::Unsupported)
    }

    /// Waits until everything written is where it survives.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// The contents, if they lie in memory and never change: readers need no copy.
    fn in_memory(&self) -> Option<MemorySource> {
        None
    }

    /// Whether it has positions. A terminal has none.
    fn is_seekable(&self) -> bool {
        matches!(self.file_type(), FileType::Regular | FileType::Directory)
    }

    /// Whether it is a terminal (`isatty(3)`).
    fn is_terminal(&self) -> bool {
        false
    }

    // Symbolic links

    /// Where the link points.
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(FsError::Invalid)
    }

    /// The node that the link leads to whatever its path says, as the links in /proc/self/fd do.
    fn jump(&self) -> Option<NodeRef> {
        None
    }

    // Directories

    /// The node that `name` leads to.
    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let _ = name;
        Err(FsError::NotDirectory)
    }

    /// The directory that this directory is in; the root of a file system gives itself.
    /// `NotFound` if it has been removed.
    fn parent(&self) -> Result<NodeRef> {
        Err(FsError::NotDirectory)
    }

    /// Calls `visit` for every entry from `cookie` on (0: the first) until it returns false.
    /// A cookie stays valid when other entries come and go. `.` and `..` are not among them.
    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let _ = (cookie, visit);
        Err(FsError::NotDirectory)
    }

    /// Makes a regular file.
    fn create(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        let _ = (name, permissions);
        Err(self.unchangeable())
    }

    /// Makes a directory.
    fn create_dir(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        let _ = (name, permissions);
        Err(self.unchangeable())
    }

    /// Makes a symbolic link to `target`.
    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<NodeRef> {
        let _ = (name, target);
        Err(self.unchangeable())
    }

    /// Gives `node`, which is not a directory, one more name.
    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        let _ = (name, node);
        Err(self.unchangeable())
    }

    /// Removes the name of anything but a directory.
    fn unlink(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(self.unchangeable())
    }

    /// Removes an empty directory.
    fn remove_dir(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(self.unchangeable())
    }

    /// Moves `name` to `new_name` in `new_dir`, in place of what that led to unless `keep`.
    fn rename(&self, name: &[u8], new_dir: &NodeRef, new_name: &[u8], keep: bool) -> Result<()> {
        let _ = (name, new_dir, new_name, keep);
        Err(self.unchangeable())
    }

    /// The error of a node that has none of the methods above: it is no directory, or its file
    /// system cannot be changed.
    fn unchangeable(&self) -> FsError {
        if self.file_type() == FileType::Directory {
            FsError::ReadOnly
        } else {
            FsError::NotDirectory
        }
    }
}
