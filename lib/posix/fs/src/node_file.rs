//! A node as an open file.

use alloc::vec::Vec;
use unilith_fs_api::{FileType, MemorySource, Metadata, NodeRef};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::File;
use unilith_vfs::vfs;

/// A node of a file system that is open.
pub struct NodeFile {
    node: NodeRef,
    /// The directory that it was opened in, and its name there.
    place: Option<(NodeRef, Vec<u8>)>,
}

impl NodeFile {
    /// Opens `node`.
    pub fn new(node: NodeRef) -> Self {
        Self { node, place: None }
    }

    /// Opens `node`, which is `name` in the directory `parent`.
    pub fn named(node: NodeRef, parent: NodeRef, name: Vec<u8>) -> Self {
        Self { node, place: Some((parent, name)) }
    }
}

impl File for NodeFile {
    fn metadata(&self) -> Result<Metadata> {
        Ok(self.node.metadata())
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        Ok(self.node.read_at(offset, buf)?)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<usize> {
        Ok(self.node.write_at(offset, data)?)
    }

    fn is_seekable(&self) -> bool {
        self.node.is_seekable()
    }

    fn is_terminal(&self) -> bool {
        self.node.is_terminal()
    }

    fn truncate(&self, size: u64) -> Result<()> {
        match self.node.file_type() {
            FileType::Regular => Ok(self.node.truncate(size)?),
            _ => Err(Errno::EINVAL),
        }
    }

    fn sync(&self) -> Result<()> {
        match self.node.file_type() {
            FileType::Regular | FileType::Directory | FileType::BlockDevice => {
                Ok(self.node.sync()?)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn node(&self) -> Option<&NodeRef> {
        Some(&self.node)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        self.node.in_memory()
    }

    fn path(&self) -> Option<Vec<u8>> {
        if self.node.file_type() == FileType::Directory {
            return vfs().path_of(&self.node).ok();
        }
        let (parent, name) = self.place.as_ref()?;
        let mut path = vfs().path_of(parent).ok()?;
        if path != b"/" {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if self.node.metadata().links == 0 {
            path.extend_from_slice(b" (deleted)");
        }
        Some(path)
    }
}
