//! Where a path starts: the working directory, or a directory that is open.

use alloc::vec::Vec;
use unilith_fs_api::{FileType, NodeRef};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr};
use unilith_posix_fd::table;
use unilith_posix_task::{ProcessLocal, nothing};
use unilith_vfs::{Found, vfs};

/// What a process keeps: its working directory, once it has been asked for, and its umask.
#[derive(Clone)]
pub struct Context {
    working: Option<NodeRef>,
    pub umask: u32,
}

/// The context of the current process.
pub static CONTEXT: ProcessLocal<Context> =
    ProcessLocal::new(|| Context { working: None, umask: 0o022 }, Context::clone, nothing);

/// The working directory; at first the one that the command line tells, if there is one.
pub fn working() -> Result<NodeRef> {
    if let Some(dir) = CONTEXT.with(|context| context.working.clone()) {
        return Ok(dir);
    }
    let root = vfs().root()?;
    let first = unilith_cmdline::option("unilith.cwd")
        .and_then(|word| vfs().lookup(&root, &word.bytes().collect::<Vec<_>>(), true).ok())
        .filter(|node| node.file_type() == FileType::Directory)
        .unwrap_or(root);
    set_working(first.clone())?;
    Ok(first)
}

/// Makes `dir` the working directory.
pub fn set_working(dir: NodeRef) -> Result<()> {
    if dir.file_type() != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    let old = CONTEXT.with(|context| context.working.replace(dir));
    drop(old);
    Ok(())
}

/// The node that `fd` is. EBADF if it is not open or has none.
pub fn node_of(fd: Fd) -> Result<NodeRef> {
    table::get(fd)?.file().node().cloned().ok_or(Errno::EBADF)
}

/// A path and where it starts.
pub struct Place {
    /// The directory where it starts.
    pub start: NodeRef,
    /// The path from there.
    pub path: Vec<u8>,
}

impl Place {
    /// Reads the path at `pointer`. If it is relative it starts at `dir`, which need not be valid
    /// otherwise.
    pub fn read(dir: Fd, pointer: UserPtr) -> Result<Self> {
        Self::of(dir, pointer.read_path()?)
    }

    /// As [`read`](Self::read), with the path known.
    pub fn of(dir: Fd, path: Vec<u8>) -> Result<Self> {
        let start = if path.starts_with(b"/") {
            vfs().root()?
        } else if dir == Fd::CWD {
            working()?
        } else if path.is_empty() {
            return Err(Errno::ENOENT);
        } else {
            let open = table::get(dir)?;
            match open.file().node() {
                Some(node) if node.file_type() == FileType::Directory => node.clone(),
                _ => return Err(Errno::ENOTDIR),
            }
        };
        Ok(Self { start, path })
    }

    /// Follows the path; see [`unilith_vfs::Vfs::walk`].
    pub fn walk(&self, follow: bool) -> Result<Found> {
        Ok(vfs().walk(&self.start, &self.path, follow)?)
    }

    /// The node that is there.
    pub fn node(&self, follow: bool) -> Result<NodeRef> {
        Ok(vfs().lookup(&self.start, &self.path, follow)?)
    }
}

/// The node that a call with AT_EMPTY_PATH means: that of `dir` itself if the path is empty.
pub fn node_at(dir: Fd, pointer: UserPtr, follow: bool, or_empty: bool) -> Result<NodeRef> {
    let path = pointer.read_path()?;
    if path.is_empty() && or_empty {
        return if dir == Fd::CWD { working() } else { node_of(dir) };
    }
    Place::of(dir, path)?.node(follow)
}
