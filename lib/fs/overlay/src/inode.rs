//! Inodes: a node of the lower tree, what is different about it, or both.

use alloc::boxed::Box;
use alloc::vec::Vec;
use unilith_fs_api::{FileType, FsError, Metadata, NodeId, NodeRef, Result, Timestamp};
use unilith_ramfs::Directory as Names;

/// Which inode.
pub type Number = u64;
/// The parent of a directory that is where it is in the lower tree.
pub const AS_LOWER: Number = 0;
/// Bytes and units of 512 bytes that a directory seems to have.
const DIRECTORY_SIZE: (u64, u64) = (4096, 8);

/// An inode that is in use or differs from the lower tree.
pub struct Inode {
    /// Handles of it that are in use.
    pub handles: usize,
    pub file_type: FileType,
    /// What it is in the lower tree; `None` for what is new.
    pub lower: Option<NodeRef>,
    /// What is different; always there for what is new.
    pub changed: Option<Box<Changed>>,
}

/// What is different about an inode.
pub struct Changed {
    pub permissions: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub accessed: Timestamp,
    pub modified: Timestamp,
    pub changed: Timestamp,
    pub body: Body,
}

/// The contents of an inode.
pub enum Body {
    /// Those of the lower node.
    Lower,
    /// Those of a nameless file of the upper file system.
    File(NodeRef),
    /// Those of the lower directory, if there is one, with changes.
    Directory(Directory),
    /// The target of a new symbolic link.
    Symlink(Box<[u8]>),
}

/// How a directory differs from the lower one.
pub struct Directory {
    /// Names that came, and the directory that it is in: [`AS_LOWER`] unless it was moved.
    pub added: Names,
    /// Names of the lower directory that went or lead elsewhere now ("whiteouts"), sorted.
    hidden: Vec<Box<[u8]>>,
}

impl Directory {
    pub fn new(parent: Number) -> Self {
        Self { added: Names::new(parent), hidden: Vec::new() }
    }

    /// Whether the lower directory's `name` is not to be seen.
    pub fn hides(&self, name: &[u8]) -> bool {
        self.hidden.binary_search_by(|hidden| (**hidden).cmp(name)).is_ok()
    }

    /// Takes the memory that [`hide`](Self::hide) needs for two names.
    pub fn room_to_hide(&mut self) -> Result<()> {
        self.hidden.try_reserve(2).map_err(|_| FsError::NoSpace)
    }

    /// Hides a name of the lower directory.
    pub fn hide(&mut self, name: &[u8]) {
        if let Err(index) = self.hidden.binary_search_by(|hidden| (**hidden).cmp(name)) {
            self.hidden.insert(index, name.into());
        }
    }
}

impl Changed {
    /// Of something new.
    pub fn new(body: Body, permissions: u32) -> Self {
        let now = crate::now();
        Self {
            permissions: permissions & 0o7777,
            uid: 0,
            gid: 0,
            links: if matches!(body, Body::Directory(_)) { 2 } else { 1 },
            accessed: now,
            modified: now,
            changed: now,
            body,
        }
    }

    /// Of a lower node: nothing is different yet.
    pub fn of(lower: &Metadata) -> Self {
        Self {
            permissions: lower.permissions,
            uid: lower.uid,
            gid: lower.gid,
            links: lower.links,
            accessed: lower.accessed,
            modified: lower.modified,
            changed: lower.changed,
            body: match lower.file_type {
                FileType::Directory => Body::Directory(Directory::new(AS_LOWER)),
                _ => Body::Lower,
            },
        }
    }

    /// Notes that the contents have changed.
    pub fn touch(&mut self) {
        self.modified = crate::now();
        self.changed = self.modified;
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
}

impl Inode {
    /// The node of one of the file systems below that has the contents of this file.
    pub fn contents(&self) -> Option<&NodeRef> {
        match self.changed.as_ref().map(|changed| &changed.body) {
            None | Some(Body::Lower) => self.lower.as_ref(),
            Some(Body::File(file)) => Some(file),
            Some(Body::Directory(_) | Body::Symlink(_)) => None,
        }
    }

    pub fn metadata(&self, device: u64, inode: Number) -> Metadata {
        let lower = self.lower.as_ref().map(|lower| lower.metadata());
        let Some(changed) = &self.changed else {
            return Metadata { device, inode, ..lower.unwrap_or_else(|| self.nothing()) };
        };
        let (size, blocks) = match &changed.body {
            Body::Lower => lower.map_or((0, 0), |lower| (lower.size, lower.blocks)),
            Body::File(file) => {
                let file = file.metadata();
                (file.size, file.blocks)
            }
            Body::Directory(_) => lower.map_or(DIRECTORY_SIZE, |lower| (lower.size, lower.blocks)),
            Body::Symlink(target) => (target.len() as u64, 0),
        };
        Metadata {
            device,
            inode,
            permissions: changed.permissions,
            links: changed.links,
            uid: changed.uid,
            gid: changed.gid,
            size,
            blocks,
            accessed: changed.accessed,
            modified: changed.modified,
            changed: changed.changed,
            ..lower.unwrap_or_else(|| self.nothing())
        }
    }

    /// What is known about a new node without looking at it.
    fn nothing(&self) -> Metadata {
        let id = NodeId { device: 0, inode: 0 };
        Metadata { links: 0, ..Metadata::new(id, self.file_type, 0) }
    }
}
