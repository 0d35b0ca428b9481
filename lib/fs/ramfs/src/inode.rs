//! Inodes.

use crate::directory::Directory;
use crate::file::{File, PAGE};
use alloc::boxed::Box;
use unilith_fs_api::{FileType, FsError, Metadata, Result, Timestamp};

/// Which inode.
pub type Number = u64;

/// What an inode holds.
pub enum Body {
    File(File),
    Directory(Directory),
    Symlink(Box<[u8]>),
}

/// An inode.
pub struct Inode {
    pub permissions: u32,
    pub uid: u32,
    pub gid: u32,
    /// Names that lead here; for a directory, as on other Unix file systems, its own `.` and the
    /// `..` of each directory in it are among them.
    pub links: u32,
    /// Handles of it that are in use.
    pub handles: usize,
    pub accessed: Timestamp,
    pub modified: Timestamp,
    pub changed: Timestamp,
    pub body: Body,
}

impl Inode {
    pub fn new(body: Body, permissions: u32) -> Self {
        let now = crate::now();
        Self {
            permissions: permissions & 0o7777,
            uid: 0,
            gid: 0,
            links: if matches!(body, Body::Directory(_)) { 2 } else { 1 },
            handles: 0,
            accessed: now,
            modified: now,
            changed: now,
            body,
        }
    }

    pub fn file_type(&self) -> FileType {
        match self.body {
            Body::File(_) => FileType::Regular,
            Body::Directory(_) => FileType::Directory,
            Body::Symlink(_) => FileType::Symlink,
        }
    }

    pub fn metadata(&self, device: u64, inode: Number) -> Metadata {
        let (size, pages) = match &self.body {
            Body::File(file) => (file.size(), file.pages()),
            Body::Directory(_) => (PAGE as u64, 1),
            Body::Symlink(target) => (target.len() as u64, 0),
        };
        Metadata {
            device,
            inode,
            file_type: self.file_type(),
            permissions: self.permissions,
            links: self.links,
            uid: self.uid,
            gid: self.gid,
            device_number: 0,
            size,
            blocks: pages * (PAGE / 512) as u64,
            block_size: PAGE as u32,
            accessed: self.accessed,
            modified: self.modified,
            changed: self.changed,
        }
    }

    pub fn file(&mut self) -> Result<&mut File> {
        match &mut self.body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(FsError::IsDirectory),
            Body::Symlink(_) => Err(FsError::Invalid),
        }
    }

    pub fn directory(&self) -> Result<&Directory> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(FsError::NotDirectory),
        }
    }

    pub fn directory_mut(&mut self) -> Result<&mut Directory> {
        match &mut self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(FsError::NotDirectory),
        }
    }

    /// Notes that the contents have changed.
    pub fn touch(&mut self) {
        self.modified = crate::now();
        self.changed = self.modified;
    }
}
