//! Nodes: counted handles of inodes.

use crate::directory::Directory;
use crate::file::File;
use crate::inode::{Body, Inode, Number};
use crate::table::{ROOT, Table};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, Metadata, MetadataChange, Node, NodeId, NodeRef, Result, StatFs,
};
use unilith_sync::Lock;

/// A file system.
pub struct Ramfs {
    pub device: u64,
    pub table: Lock<Table>,
}

/// A handle of an inode.
pub struct RamNode {
    fs: Arc<Ramfs>,
    number: Number,
    /// Kept here as it never changes and every step of a path asks for it.
    file_type: FileType,
}

impl RamNode {
    pub fn root(fs: Arc<Ramfs>) -> Self {
        fs.table.lock().hold(ROOT);
        Self { fs, number: ROOT, file_type: FileType::Directory }
    }

    /// A handle of `number`, while the table is locked.
    fn handle(&self, table: &mut Table, number: Number) -> Result<NodeRef> {
        let file_type = table.get(number)?.file_type();
        table.hold(number);
        Ok(Arc::new(Self { fs: self.fs.clone(), number, file_type }))
    }

    fn add(&self, name: &[u8], body: Body, permissions: u32) -> Result<NodeRef> {
        let inode = Inode::new(body, permissions);
        let mut table = self.fs.table.lock();
        let number = table.create(self.number, name, inode)?;
        self.handle(&mut table, number)
    }

    /// The inode that `node` is a handle of, if it is on this file system.
    fn own(&self, node: &NodeRef) -> Result<Number> {
        match node.clone().into_any().downcast::<Self>() {
            Ok(node) if Arc::ptr_eq(&node.fs, &self.fs) => Ok(node.number),
            _ => Err(FsError::CrossDevice),
        }
    }
}

impl Drop for RamNode {
    fn drop(&mut self) {
        self.fs.table.lock().release(self.number);
    }
}

impl Node for RamNode {
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
            Err(_) => Inode::new(Body::File(File::default()), 0).metadata(self.fs.device, 0),
        }
    }

    fn set_metadata(&self, change: &MetadataChange) -> Result<()> {
        let mut table = self.fs.table.lock();
        let inode = table.get_mut(self.number)?;
        inode.permissions = change.permissions.unwrap_or(inode.permissions) & 0o7777;
        inode.uid = change.uid.unwrap_or(inode.uid);
        inode.gid = change.gid.unwrap_or(inode.gid);
        inode.accessed = change.accessed.unwrap_or(inode.accessed);
        inode.modified = change.modified.unwrap_or(inode.modified);
        inode.changed = crate::now();
        Ok(())
    }

    fn statfs(&self) -> StatFs {
        self.fs.table.lock().statfs()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        Ok(self.fs.table.lock().get_mut(self.number)?.file()?.read(offset, buf))
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

    fn read_link(&self) -> Result<Vec<u8>> {
        match &self.fs.table.lock().get(self.number)?.body {
            Body::Symlink(target) => Ok(target.to_vec()),
            _ => Err(FsError::Invalid),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let mut table = self.fs.table.lock();
        let number = table.get(self.number)?.directory()?.get(name).ok_or(FsError::NotFound)?;
        self.handle(&mut table, number)
    }

    fn parent(&self) -> Result<NodeRef> {
        let mut table = self.fs.table.lock();
        let number = table.get(self.number)?.directory()?.parent.ok_or(FsError::NotFound)?;
        self.handle(&mut table, number)
    }

    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let table = self.fs.table.lock();
        let directory = table.get(self.number)?.directory()?;
        let mut cookie = cookie;
        while let Some((next, name, number)) = directory.from(cookie) {
            let file_type = table.get(number)?.file_type();
            if !visit(DirEntry { name, inode: number, file_type, next }) {
                break;
            }
            cookie = next;
        }
        Ok(())
    }

    fn create(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        self.add(name, Body::File(File::default()), permissions)
    }

    fn create_dir(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        self.add(name, Body::Directory(Directory::new(self.number)), permissions)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<NodeRef> {
        self.add(name, Body::Symlink(target.into()), 0o777)
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
