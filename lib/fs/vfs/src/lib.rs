//! One tree out of several file systems.
//!
//! A [`Vfs`] is a table of mounts and the walk of a path through them: symbolic links, `..`,
//! mount points. It knows no process: the directory that a relative path starts from is an
//! argument, and so native code that wants files needs no Linux personality.
//!
//! A mount belongs to a name in a directory, not to a node: so something can be mounted at a name
//! that a read-only root file system does not have (`/tmp` on an archive without one), and the
//! name appears when its directory is listed. There is no cache of names: the file systems of an
//! image keep their names in memory anyway.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod change;
mod walk;

pub use walk::{Found, LINKS_MAX, PATH_MAX};

use alloc::vec::Vec;
use unilith_fs_api::{DirEntry, FileType, FsError, NodeRef, Result};
use unilith_sync::Lock;

/// A file system that covers a name.
struct Mount {
    /// The directory that the name is in.
    parent: NodeRef,
    name: Vec<u8>,
    root: NodeRef,
}

/// A tree of mounted file systems.
pub struct Vfs {
    mounts: Lock<Mounts>,
}

struct Mounts {
    root: Option<NodeRef>,
    /// The later one of two at the same place counts.
    others: Vec<Mount>,
}

impl Mounts {
    fn at(&self, dir: &NodeRef, name: &[u8]) -> Option<&Mount> {
        let id = dir.id();
        self.others.iter().rev().find(|mount| mount.name == name && mount.parent.id() == id)
    }
}

/// Cookies of mount points whose names their file system does not have; file systems count from 0
/// up and do not get here.
const MOUNT_COOKIE: u64 = 1 << 62;

impl Vfs {
    /// A tree without a root.
    pub const fn new() -> Self {
        Self { mounts: Lock::new(Mounts { root: None, others: Vec::new() }) }
    }

    /// The root directory; `NotFound` before anything is mounted there.
    pub fn root(&self) -> Result<NodeRef> {
        self.mounts.lock().root.clone().ok_or(FsError::NotFound)
    }

    /// Mounts a file system, given by its root directory, at an absolute path. The last component
    /// of `path` need not exist.
    pub fn mount(&self, path: &[u8], root: NodeRef) -> Result<()> {
        if path.iter().all(|&byte| byte == b'/') && !path.is_empty() {
            self.mounts.lock().root = Some(root);
            return Ok(());
        }
        let found = self.walk(&self.root()?, path, true)?;
        if found.node.is_some_and(|node| node.file_type() != FileType::Directory) {
            return Err(FsError::NotDirectory);
        }
        let name = found.name.ok_or(FsError::Busy)?;
        self.mounts.lock().others.push(Mount { parent: found.parent, name, root });
        Ok(())
    }

    /// The roots of all mounted file systems, in the order in which they were mounted, the tree's
    /// own root first.
    pub fn mounts(&self) -> Vec<NodeRef> {
        let mounts = self.mounts.lock();
        mounts.root.iter().chain(mounts.others.iter().map(|mount| &mount.root)).cloned().collect()
    }

    /// Whether something is mounted at `name` in `dir`.
    pub fn is_mount_point(&self, dir: &NodeRef, name: &[u8]) -> bool {
        self.mounts.lock().at(dir, name).is_some()
    }

    /// The node at `name` in `dir`, which may be a mounted file system's root.
    pub fn child(&self, dir: &NodeRef, name: &[u8]) -> Result<NodeRef> {
        if let Some(mount) = self.mounts.lock().at(dir, name) {
            return Ok(mount.root.clone());
        }
        dir.lookup(name)
    }

    /// What `..` means in `dir`: the root's is itself.
    pub fn parent(&self, dir: &NodeRef) -> Result<NodeRef> {
        {
            let mounts = self.mounts.lock();
            let id = dir.id();
            if mounts.root.as_ref().is_some_and(|root| root.id() == id) {
                return Ok(dir.clone());
            }
            if let Some(mount) = mounts.others.iter().rev().find(|mount| mount.root.id() == id) {
                return Ok(mount.parent.clone());
            }
        }
        dir.parent()
    }

    /// Lists `dir` like [`unilith_fs_api::Node::read_dir`], with the mount points in it that its
    /// file system does not have.
    pub fn read_dir(
        &self,
        dir: &NodeRef,
        cookie: u64,
        visit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<()> {
        let mut more = true;
        if cookie < MOUNT_COOKIE {
            dir.read_dir(cookie, &mut |entry| {
                more = visit(entry);
                more
            })?;
        }
        let mut index = cookie.saturating_sub(MOUNT_COOKIE) as usize;
        while more {
            let mount = {
                let mounts = self.mounts.lock();
                let Some(mount) = mounts.others.get(index) else { break };
                let shown = mount.parent.id() == dir.id()
                    && !mounts.others[..index]
                        .iter()
                        .any(|other| other.name == mount.name && other.parent.id() == dir.id());
                shown.then(|| (mount.name.clone(), mount.root.clone()))
            };
            index += 1;
            let Some((name, root)) = mount else { continue };
            if dir.lookup(&name).is_err() {
                more = visit(DirEntry {
                    name: &name,
                    inode: root.id().inode,
                    file_type: FileType::Directory,
                    next: MOUNT_COOKIE + index as u64,
                });
            }
        }
        Ok(())
    }

    /// The absolute path of a directory; `NotFound` if it has been removed, `NameTooLong` if it is
    /// longer than a path may be.
    pub fn path_of(&self, dir: &NodeRef) -> Result<Vec<u8>> {
        let mut names = Vec::new();
        let mut len = 0;
        let mut dir = dir.clone();
        loop {
            let parent = self.parent(&dir)?;
            if parent.id() == dir.id() {
                break;
            }
            let name = self.name_in(&parent, &dir)?;
            len += name.len() + 1;
            if len >= PATH_MAX {
                return Err(FsError::NameTooLong);
            }
            names.push(name);
            dir = parent;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }

    fn name_in(&self, parent: &NodeRef, dir: &NodeRef) -> Result<Vec<u8>> {
        let id = dir.id();
        let mounts = self.mounts.lock();
        if let Some(mount) = mounts.others.iter().rev().find(|mount| mount.root.id() == id) {
            return Ok(mount.name.clone());
        }
        drop(mounts);
        let mut name = None;
        parent.read_dir(0, &mut |entry| {
            if entry.inode == id.inode {
                name = Some(entry.name.to_vec());
            }
            name.is_none()
        })?;
        name.ok_or(FsError::NotFound)
    }
}

impl Default for Vfs {
    fn default() -> Self {
        Self::new()
    }
}

static VFS: Vfs = Vfs::new();

/// The tree of this image.
pub fn vfs() -> &'static Vfs {
    &VFS
}

/// Mounts a file system in the tree of this image; the composition root says it for each. When
/// that fails the image goes on without, and says so: who needs the files will say more.
pub fn mount(path: &[u8], root: NodeRef) {
    if let Err(error) = VFS.mount(path, root) {
        complain(path, &error);
    }
}

/// As [`mount`], of a file system that may have turned out broken.
pub fn try_mount<E: core::fmt::Display>(path: &[u8], root: core::result::Result<NodeRef, E>) {
    match root {
        Ok(root) => mount(path, root),
        Err(error) => complain(path, &error),
    }
}

fn complain(path: &[u8], error: &dyn core::fmt::Display) {
    let path = core::str::from_utf8(path).unwrap_or("?");
    unilith_print::eprintln!("unilith: cannot mount {}: {}", path, error);
}
