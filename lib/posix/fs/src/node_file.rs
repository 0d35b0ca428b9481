//! A node as an open file.

use unilith_fs_api::{FileType, MemorySource, Metadata, NodeRef};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::File;

/// A node of a file system that is open.
pub struct NodeFile(NodeRef);

impl NodeFile {
    /// Opens `node`.
    pub fn new(node: NodeRef) -> Self {
        Self(node)
    }
}

impl File for NodeFile {
    fn metadata(&self) -> Result<Metadata> {
        Ok(self.0.metadata())
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        Ok(self.0.read_at(offset, buf)?)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<usize> {
        Ok(self.0.write_at(offset, data)?)
    }

    fn is_seekable(&self) -> bool {
        self.0.is_seekable()
    }

    fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }

    fn truncate(&self, size: u64) -> Result<()> {
        match self.0.file_type() {
            FileType::Regular => Ok(self.0.truncate(size)?),
            _ => Err(Errno::EINVAL),
        }
    }

    fn sync(&self) -> Result<()> {
        match self.0.file_type() {
            FileType::Regular | FileType::Directory | FileType::BlockDevice => Ok(self.0.sync()?),
            _ => Err(Errno::EINVAL),
        }
    }

    fn node(&self) -> Option<&NodeRef> {
        Some(&self.0)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        self.0.in_memory()
    }
}
