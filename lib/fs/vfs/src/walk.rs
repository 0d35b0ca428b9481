//! The walk of a path (path_resolution(7)).

use crate::Vfs;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use unilith_fs_api::{FileType, FsError, NAME_MAX, NodeRef, Result};

/// Bytes that a path may have, the final NUL of the C string included.
pub const PATH_MAX: usize = 4096;
/// Symbolic links that one walk may follow (MAXSYMLINKS).
pub const LINKS_MAX: usize = 40;

/// Where a path leads.
pub struct Found {
    /// The directory that the last component is in.
    pub parent: NodeRef,
    /// The last component; `None` if the path ends at the root, in `.` or in `..`.
    pub name: Option<Vec<u8>>,
    /// What is there; `None` if only the last component is missing.
    pub node: Option<NodeRef>,
    /// The path ends with `/`: only a directory may be there.
    pub directory: bool,
}

impl Vfs {
    /// Follows `path` from `start` on, or from the root if it is absolute. A symbolic link at the
    /// end is followed if `follow` or if a `/` comes after it.
    pub fn walk(&self, start: &NodeRef, path: &[u8], follow: bool) -> Result<Found> {
        if path.is_empty() {
            return Err(FsError::NotFound);
        }
        if path.len() >= PATH_MAX {
            return Err(FsError::NameTooLong);
        }
        let mut rest = Cow::Borrowed(path);
        let mut at = 0;
        let mut links = 0;
        let mut dir = if path.starts_with(b"/") { self.root()? } else { start.clone() };
        loop {
            at += rest[at..].iter().take_while(|&&byte| byte == b'/').count();
            let len = rest[at..].iter().take_while(|&&byte| byte != b'/').count();
            let name = &rest[at..at + len];
            let after = &rest[at + len..];
            let directory = !after.is_empty();
            let last = after.iter().all(|&byte| byte == b'/');

            if name.is_empty() {
                return Ok(Found { node: Some(dir.clone()), parent: dir, name: None, directory });
            }
            if dir.file_type() != FileType::Directory {
                return Err(FsError::NotDirectory);
            }
            if name.len() > NAME_MAX {
                return Err(FsError::NameTooLong);
            }
            let next = match name {
                b"." => Ok(dir.clone()),
                b".." => self.parent(&dir),
                name => self.child(&dir, name),
            };
            let is_link = matches!(&next, Ok(node) if node.file_type() == FileType::Symlink);
            if let (Ok(link), true) = (&next, is_link && (!last || follow || directory)) {
                links += 1;
                if links > LINKS_MAX {
                    return Err(FsError::TooManyLinks);
                }
                if let Some(node) = link.jump() {
                    if !last {
                        dir = node;
                        at += len;
                        continue;
                    }
                    if directory && node.file_type() != FileType::Directory {
                        return Err(FsError::NotDirectory);
                    }
                    return Ok(Found { parent: dir, name: None, node: Some(node), directory });
                }
                let mut target = link.read_link()?;
                if target.is_empty() {
                    return Err(FsError::NotFound);
                }
                if target.starts_with(b"/") {
                    dir = self.root()?;
                }
                target.extend_from_slice(after);
                if target.len() >= PATH_MAX {
                    return Err(FsError::NameTooLong);
                }
                rest = Cow::Owned(target);
                at = 0;
                continue;
            }
            if last {
                let node = match next {
                    Ok(node) if directory && node.file_type() != FileType::Directory => {
                        return Err(FsError::NotDirectory);
                    }
                    Ok(node) => Some(node),
                    Err(FsError::NotFound) => None,
                    Err(error) => return Err(error),
                };
                let name = (!matches!(name, b"." | b"..")).then(|| name.to_vec());
                return Ok(Found { parent: dir, name, node, directory });
            }
            dir = next?;
            at += len;
        }
    }

    /// The node at `path`.
    pub fn lookup(&self, start: &NodeRef, path: &[u8], follow: bool) -> Result<NodeRef> {
        self.walk(start, path, follow)?.node.ok_or(FsError::NotFound)
    }
}
