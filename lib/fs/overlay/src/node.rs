//! Nodes: counted handles of inodes.

use crate::inode::{Body, Changed, Directory, Number};
use crate::table::Table;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, MemorySource, Metadata, MetadataChange, Node, NodeId, NodeRef,
    Result, StatFs,
};
use unilith_sync::Lock;

struct Overlay {
    device: u64,
    table: Lock<Table>,
}

/// A handle of an inode.
struct OverlayNode {
    fs: Arc<Overlay>,
    number: Number,
    /// Kept here as it never changes and every step of a path asks for it.
    file_type: FileType,
}

pub fn root(lower: NodeRef, upper: NodeRef) -> NodeRef {
    let number = lower.id().inode;
    let mut table = Table::new(upper, lower.id().device);
    // A root whose number is impossible gives a node on which everything fails.
    let file_type = table.enter(lower).and_then(|number| table.hold(number));
    let device = unilith_fs_api::anonymous_device();
    Arc::new(OverlayNode {
        fs: Arc::new(Overlay { device, table: Lock::new(table) }),
        number,
        file_type: file_type.unwrap_or(FileType::Directory),
    })
}

impl OverlayNode {
    /// A handle of the inode that `find` gives.
    fn handle(&self, find: impl FnOnce(&mut Table) -> Result<Number>) -> Result<NodeRef> {
        let mut table = self.fs.table.lock();
        let number = find(&mut table)?;
        let file_type = table.hold(number)?;
        Ok(Arc::new(Self { fs: self.fs.clone(), number, file_type }))
    }

    fn add(
        &self,
        name: &[u8],
        file_type: FileType,
        body: Body,
        permissions: u32,
    ) -> Result<NodeRef> {
        let changed = Changed::new(body, permissions);
        self.handle(|table| table.create_other(self.number, name, file_type, changed))
    }

    /// The inode that `node` is a handle of, if it is on this file system.
    fn own(&self, node: &NodeRef) -> Result<Number> {
        match node.clone().into_any().downcast::<Self>() {
            Ok(node) if Arc::ptr_eq(&node.fs, &self.fs) => Ok(node.number),
            _ => Err(FsError::CrossDevice),
        }
    }
}

impl Drop for OverlayNode {
    fn drop(&mut self) {
        self.fs.table.lock().release(self.number);
    }
}

impl Node for OverlayNode {
    fn id(&self) -> NodeId {
        NodeId { device: self.fs.device, inode: self.number }
    }

    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn metadata(&self) -> Metadata {
        let table = self.fs.table.lock();
        match table.get(self.number) {
            Ok(inode) => inode.metadata(self.fs.device, self.number),
            // A handle keeps its inode, so this is not reached.
            Err(_) => Metadata { links: 0, ..Metadata::new(self.id(), self.file_type, 0) },
        }
    }

    fn set_metadata(&self, change: &MetadataChange) -> Result<()> {
        self.fs.table.lock().set_metadata(self.number, change)
    }

    fn statfs(&self) -> StatFs {
        self.fs.table.lock().statfs()
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.fs.table.lock().read(self.number, offset, buf)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<usize> {
        self.fs.table.lock().write(self.number, offset, data)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.fs.table.lock().truncate(self.number, size)
    }

    fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        self.fs.table.lock().allocate(self.number, offset, len)
    }

    fn in_memory(&self) -> Option<MemorySource> {
        self.fs.table.lock().in_memory(self.number)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        self.fs.table.lock().read_link(self.number)
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        self.handle(|table| table.lookup(self.number, name))
    }

    fn parent(&self) -> Result<NodeRef> {
        self.handle(|table| table.parent(self.number))
    }

    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let mut cookie = cookie;
        loop {
            let batch = self.fs.table.lock().batch(self.number, cookie)?;
            if batch.is_empty() {
                return Ok(());
            }
            for entry in batch {
                let (inode, file_type, next) = (entry.inode, entry.file_type, entry.next);
                if !visit(DirEntry { name: &entry.name, inode, file_type, next }) {
                    return Ok(());
                }
                cookie = next;
            }
        }
    }

    fn create(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        self.handle(|table| table.create(self.number, name, permissions))
    }

    fn create_dir(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        let body = Body::Directory(Directory::new(self.number));
        self.add(name, FileType::Directory, body, permissions)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<NodeRef> {
        self.add(name, FileType::Symlink, Body::Symlink(target.into()), 0o777)
    }

    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        let number = self.own(node)?;
        self.fs.table.lock().link(self.number, name, number)
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.fs.table.lock().unlink(self.number, name)
    }

    fn remove_dir(&self, name: &[u8]) -> Result<()> {
        self.fs.table.lock().remove_dir(self.number, name)
    }

    fn rename(&self, name: &[u8], new_dir: &NodeRef, new_name: &[u8], keep: bool) -> Result<()> {
        let new_dir = self.own(new_dir)?;
        self.fs.table.lock().rename((self.number, name), (new_dir, new_name), keep)
    }
}
