//! Operations that change the tree, by path.
//!
//! They are here because the rules about the last component (trailing slashes, `.` and `..`,
//! mount points) are the same for all of them and are not a file system's business.

use crate::{Found, Vfs};
use alloc::vec::Vec;
use unilith_fs_api::{FsError, NodeRef, Result};

impl Vfs {
    /// A place where something can be made: its directory and name.
    fn vacancy(&self, start: &NodeRef, path: &[u8], is_dir: bool) -> Result<(NodeRef, Vec<u8>)> {
        let found = self.walk(start, path, false)?;
        match found {
            Found { node: Some(_), .. } | Found { name: None, .. } => Err(FsError::Exists),
            Found { directory: true, .. } if !is_dir => Err(FsError::NotFound),
            Found { parent, name: Some(name), .. } => Ok((parent, name)),
        }
    }

    /// Makes a directory.
    pub fn create_dir(&self, start: &NodeRef, path: &[u8], permissions: u32) -> Result<()> {
        let (dir, name) = self.vacancy(start, path, true)?;
        dir.create_dir(&name, permissions).map(drop)
    }

    /// Makes a regular file.
    pub fn create(&self, start: &NodeRef, path: &[u8], permissions: u32) -> Result<NodeRef> {
        let (dir, name) = self.vacancy(start, path, false)?;
        dir.create(&name, permissions)
    }

    /// Makes a symbolic link to `target`.
    pub fn create_symlink(&self, start: &NodeRef, path: &[u8], target: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(FsError::NotFound);
        }
        let (dir, name) = self.vacancy(start, path, false)?;
        dir.create_symlink(&name, target).map(drop)
    }

    /// Gives `node` one more name.
    pub fn link(&self, node: &NodeRef, start: &NodeRef, path: &[u8]) -> Result<()> {
        let (dir, name) = self.vacancy(start, path, false)?;
        if node.id().device != dir.id().device {
            return Err(FsError::CrossDevice);
        }
        dir.link(&name, node)
    }

    /// Removes the name of anything but a directory.
    pub fn unlink(&self, start: &NodeRef, path: &[u8]) -> Result<()> {
        let found = self.walk(start, path, false)?;
        found.node.ok_or(FsError::NotFound)?;
        let name = found.name.ok_or(FsError::IsDirectory)?;
        if self.is_mount_point(&found.parent, &name) {
            return Err(FsError::IsDirectory);
        }
        found.parent.unlink(&name)
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, start: &NodeRef, path: &[u8]) -> Result<()> {
        let found = self.walk(start, path, false)?;
        found.node.ok_or(FsError::NotFound)?;
        let Some(name) = found.name else {
            // rmdir(2): "." is EINVAL, ".." has at least this directory in it.
            let dots = path.rsplit(|&byte| byte == b'/').find(|name| !name.is_empty());
            return Err(match dots {
                Some(b".") => FsError::Invalid,
                Some(_) => FsError::NotEmpty,
                None => FsError::Busy,
            });
        };
        if self.is_mount_point(&found.parent, &name) {
            return Err(FsError::Busy);
        }
        found.parent.remove_dir(&name)
    }

    /// Moves what is at one path to another, in place of what is there unless `keep`.
    pub fn rename(
        &self,
        (from_start, from): (&NodeRef, &[u8]),
        (to_start, to): (&NodeRef, &[u8]),
        keep: bool,
    ) -> Result<()> {
        let from = self.walk(from_start, from, false)?;
        let to = self.walk(to_start, to, false)?;
        let node = from.node.ok_or(FsError::NotFound)?;
        let (Some(from_name), Some(to_name)) = (from.name, to.name) else {
            return Err(FsError::Busy);
        };
        if from.parent.id().device != to.parent.id().device {
            return Err(FsError::CrossDevice);
        }
        if to.directory && node.file_type() != unilith_fs_api::FileType::Directory {
            return Err(FsError::NotDirectory);
        }
        if self.is_mount_point(&from.parent, &from_name)
            || self.is_mount_point(&to.parent, &to_name)
        {
            return Err(FsError::Busy);
        }
        from.parent.rename(&from_name, &to.parent, &to_name, keep)
    }
}
