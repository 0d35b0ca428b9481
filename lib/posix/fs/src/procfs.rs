//! What /proc tells about open files and mounted file systems (proc(5)).

use crate::place::working;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{FileType, FsError, Metadata, Node, NodeId, NodeRef, StatFs};
use unilith_posix_abi::Fd;
use unilith_posix_fd::table;
use unilith_procfs_api::{Entry, Links, text};
use unilith_vfs::vfs;

/// Files of /proc.
pub const PROCFS: &[Entry] = &[
    Entry::links("self/fd", Links { numbers, target, node }),
    Entry::link("self/cwd", || vfs().path_of(&working().map_err(|_| FsError::NotFound)?)),
    Entry::link("self/root", || Ok(b"/".to_vec())),
    Entry::text("self/mounts", mounts),
    Entry::link("mounts", || Ok(b"self/mounts".to_vec())),
    Entry::text("filesystems", || {
        let kinds = KINDS.iter().flat_map(|(_, name)| [b"nodev\t", name.as_bytes(), b"\n"]);
        kinds.flatten().copied().collect()
    }),
];

/// Kinds of file systems by the numbers that statfs(2) gives (`<linux/magic.h>`).
const KINDS: [(u64, &str); 6] = [
    (0x8584_58f6, "rootfs"),
    (0x0102_1994, "tmpfs"),
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x794c_7630, "overlay"),
    (0x0102_1997, "9p"),
];

fn mounts() -> Vec<u8> {
    let mut lines = Vec::new();
    for root in vfs().mounts() {
        let Ok(path) = vfs().path_of(&root) else { continue };
        let about = root.statfs();
        let kind = KINDS.iter().find(|(magic, _)| *magic == about.magic);
        let kind = kind.map_or("unknown", |(_, name)| name);
        lines.extend(text!("{kind} "));
        // getmntent(3) wants these written as octal numbers.
        for byte in path {
            match byte {
                b' ' | b'\t' | b'\n' | b'\\' => lines.extend(text!("\\{byte:03o}")),
                byte => lines.push(byte),
            }
        }
        let mode = if about.read_only { "ro" } else { "rw" };
        lines.extend(text!(" {kind} {mode},relatime 0 0\n"));
    }
    lines
}

fn numbers() -> Vec<u32> {
    table::open_between(0, usize::MAX).into_iter().map(|fd| fd.0 as u32).collect()
}

fn descriptor(number: u32) -> Result<Fd, FsError> {
    i32::try_from(number).map(Fd).map_err(|_| FsError::NotFound)
}

/// The path of what is open, or what it is.
fn target(number: u32) -> Result<Vec<u8>, FsError> {
    let open = table::get(descriptor(number)?).map_err(|_| FsError::NotFound)?;
    if let Some(path) = open.file().path() {
        return Ok(path);
    }
    let about = open.file().metadata().map_err(|_| FsError::Io)?;
    Ok(match about.file_type {
        FileType::Fifo => text!("pipe:[{}]", about.inode),
        FileType::Socket => text!("socket:[{}]", about.inode),
        FileType::CharDevice => b"/dev/console".to_vec(),
        _ => b"anon_inode:[file]".to_vec(),
    })
}

/// The node that is open; for what is none, a stand-in.
fn node(number: u32) -> Option<NodeRef> {
    let fd = descriptor(number).ok()?;
    let open = table::get(fd).ok()?;
    match open.file().node() {
        Some(node) => Some(node.clone()),
        None => Some(Arc::new(OpenNode { fd, about: open.file().metadata().ok()? })),
    }
}

/// Something that is open and no node of a file system, such as a pipe or the console. Opening it
/// gives the open file description one more number.
pub struct OpenNode {
    /// Its number.
    pub fd: Fd,
    about: Metadata,
}

impl Node for OpenNode {
    fn id(&self) -> NodeId {
        NodeId { device: self.about.device, inode: self.about.inode }
    }

    fn file_type(&self) -> FileType {
        self.about.file_type
    }

    fn metadata(&self) -> Metadata {
        self.about
    }

    fn statfs(&self) -> StatFs {
        StatFs::without_storage(0)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}
