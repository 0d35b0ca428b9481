//! Nodes: handles of inodes of the index.

use crate::index::{Index, Inode, Number, ROOT};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, MemorySource, Metadata, Node, NodeId, NodeRef, Result, StatFs,
    Timestamp,
};

/// RAMFS_MAGIC: what Linux calls a root file system that came as a cpio archive.
const MAGIC: u64 = 0x8584_58f6;
/// Bytes in a block, as ext4 has them: `ls -s` and `du` show what they show there.
const BLOCK: u64 = 4096;
/// Units of st_blocks in a block.
const UNITS: u64 = BLOCK / 512;
/// Longer targets of symbolic links do not fit into an inode of ext4.
const SHORT_LINK: u64 = 60;

struct Image {
    device: u64,
    index: Index,
}

struct CpioNode {
    image: Arc<Image>,
    number: Number,
}

pub fn root(index: Index) -> NodeRef {
    let image = Image { device: unilith_fs_api::anonymous_device(), index };
    Arc::new(CpioNode { image: Arc::new(image), number: ROOT })
}

/// Inode numbers start at 1: 0 means "no inode" to some programs.
fn inode_number(number: Number) -> u64 {
    u64::from(number) + 1
}

impl CpioNode {
    /// Every number in the index leads to an inode; a wrong one is taken for the root.
    fn inode(&self) -> &Inode {
        let inodes = &self.image.index.inodes;
        inodes.get(self.number as usize).unwrap_or(&inodes[ROOT as usize])
    }

    fn node(&self, number: Number) -> NodeRef {
        Arc::new(Self { image: self.image.clone(), number })
    }

    fn directory(&self) -> Result<&Inode> {
        let inode = self.inode();
        match inode.file_type {
            FileType::Directory => Ok(inode),
            _ => Err(FsError::NotDirectory),
        }
    }
}

impl Node for CpioNode {
    fn id(&self) -> NodeId {
        NodeId { device: self.image.device, inode: inode_number(self.number) }
    }

    fn file_type(&self) -> FileType {
        self.inode().file_type
    }

    fn metadata(&self) -> Metadata {
        let inode = self.inode();
        let len = inode.data.len() as u64;
        let (size, blocks) = match inode.file_type {
            FileType::Directory => (BLOCK, UNITS),
            FileType::Symlink if len < SHORT_LINK => (len, 0),
            FileType::Regular | FileType::Symlink => (len, len.div_ceil(BLOCK) * UNITS),
            _ => (0, 0),
        };
        let time = Timestamp { seconds: inode.modified.into(), nanoseconds: 0 };
        let (major, minor) = inode.device_number;
        Metadata {
            device: self.image.device,
            inode: inode_number(self.number),
            file_type: inode.file_type,
            permissions: inode.permissions,
            links: inode.links,
            uid: inode.uid,
            gid: inode.gid,
            device_number: match inode.file_type {
                FileType::CharDevice | FileType::BlockDevice => {
                    Metadata::device_number(major, minor)
                }
                _ => 0,
            },
            size,
            blocks,
            block_size: BLOCK as u32,
            accessed: time,
            modified: time,
            changed: time,
        }
    }

    fn statfs(&self) -> StatFs {
        let inodes = &self.image.index.inodes;
        let bytes: u64 = inodes.iter().map(|inode| inode.data.len() as u64).sum();
        StatFs {
            magic: MAGIC,
            block_size: BLOCK as u32,
            blocks: bytes.div_ceil(BLOCK),
            free_blocks: 0,
            nodes: inodes.len() as u64,
            free_nodes: 0,
            read_only: true,
        }
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let rest = match self.in_memory() {
            Some(data) => {
                usize::try_from(offset).ok().and_then(|offset| data.get(offset..)).unwrap_or(&[])
            }
            None if self.file_type() == FileType::Directory => return Err(FsError::IsDirectory),
            None => return Err(FsError::Invalid),
        };
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        let inode = self.inode();
        (inode.file_type == FileType::Regular).then_some(inode.data)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        let inode = self.inode();
        match inode.file_type {
            FileType::Symlink => Ok(inode.data.to_vec()),
            _ => Err(FsError::Invalid),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let entries = &self.directory()?.entries;
        match entries.binary_search_by_key(&name, |&(name, _)| name) {
            Ok(found) => Ok(self.node(entries[found].1)),
            Err(_) => Err(FsError::NotFound),
        }
    }

    fn parent(&self) -> Result<NodeRef> {
        Ok(self.node(self.directory()?.parent))
    }

    /// The cookie is the position: entries never change.
    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let entries = &self.directory()?.entries;
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (&(name, number), next) in entries.iter().zip(1..).skip(first) {
            let Some(inode) = self.image.index.get(number) else { continue };
            let file_type = inode.file_type;
            if !visit(DirEntry { name, inode: inode_number(number), file_type, next }) {
                break;
            }
        }
        Ok(())
    }
}
