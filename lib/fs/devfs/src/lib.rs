//! /dev: null, zero, full, random and the console.
//!
//! The device files are those that every program may expect, with Linux's numbers
//! (`Documentation/admin-guide/devices.txt`). There is no registry: a driver that wants a file
//! brings its own file system.
//!
//! Where there is a /proc, `stdin` and its like are links to what the process has open, as on
//! Linux; without one they are the console. Where there is a file system in memory, one is mounted
//! at /dev/shm for shm_open(3) and sem_open(3).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, Metadata, MetadataChange, Node, NodeId, NodeRef, Result, StatFs,
};
use unilith_platform::Stream;

/// TMPFS_MAGIC: what Linux's devtmpfs says.
const MAGIC: u64 = 0x0102_1994;
/// The inode of the directory; devices follow.
const ROOT: u64 = 1;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Device {
    Null,
    Zero,
    Full,
    Random,
    Console(Stream),
    #[cfg(feature = "proc")]
    Link(&'static [u8]),
}

/// Name, device, major and minor number. Sorted by name.
const DEVICES: &[(&[u8], Device, (u32, u32))] = &[
    (b"console", Device::Console(Stream::Out), (5, 1)),
    #[cfg(feature = "proc")]
    (b"fd", Device::Link(b"/proc/self/fd"), (0, 0)),
    (b"full", Device::Full, (1, 7)),
    (b"null", Device::Null, (1, 3)),
    (b"random", Device::Random, (1, 8)),
    #[cfg(not(feature = "proc"))]
    (b"stderr", Device::Console(Stream::Err), (5, 1)),
    #[cfg(not(feature = "proc"))]
    (b"stdin", Device::Console(Stream::Out), (5, 1)),
    #[cfg(not(feature = "proc"))]
    (b"stdout", Device::Console(Stream::Out), (5, 1)),
    #[cfg(feature = "proc")]
    (b"stderr", Device::Link(b"/proc/self/fd/2"), (0, 0)),
    #[cfg(feature = "proc")]
    (b"stdin", Device::Link(b"/proc/self/fd/0"), (0, 0)),
    #[cfg(feature = "proc")]
    (b"stdout", Device::Link(b"/proc/self/fd/1"), (0, 0)),
    (b"tty", Device::Console(Stream::Out), (5, 0)),
    (b"urandom", Device::Random, (1, 9)),
    (b"zero", Device::Zero, (1, 5)),
];

impl Device {
    fn file_type(self) -> FileType {
        match self {
            #[cfg(feature = "proc")]
            Self::Link(_) => FileType::Symlink,
            _ => FileType::CharDevice,
        }
    }
}

struct Dir {
    device: u64,
}

struct DeviceNode {
    device: u64,
    index: usize,
}

/// Mounts a new /dev in the tree of this image.
pub fn mount() {
    unilith_vfs::mount(b"/dev", root());
    #[cfg(feature = "shm")]
    unilith_vfs::mount(b"/dev/shm", unilith_ramfs::root(0o1777));
}

/// A new /dev: its root directory.
pub fn root() -> NodeRef {
    Arc::new(Dir { device: unilith_fs_api::anonymous_device() })
}

fn statfs() -> StatFs {
    StatFs { read_only: true, ..StatFs::without_storage(MAGIC) }
}

impl Node for Dir {
    fn id(&self) -> NodeId {
        NodeId { device: self.device, inode: ROOT }
    }

    fn file_type(&self) -> FileType {
        FileType::Directory
    }

    fn metadata(&self) -> Metadata {
        // As large as on ext4: what lists it beside others looks the same.
        let dir = Metadata::new(self.id(), FileType::Directory, 0o755);
        Metadata { links: 2, size: 4096, blocks: 8, ..dir }
    }

    fn statfs(&self) -> StatFs {
        statfs()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let index =
            DEVICES.iter().position(|(known, ..)| *known == name).ok_or(FsError::NotFound)?;
        Ok(Arc::new(DeviceNode { device: self.device, index }))
    }

    fn parent(&self) -> Result<NodeRef> {
        Ok(Arc::new(Self { device: self.device }))
    }

    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        for ((name, device, _), next) in DEVICES.iter().zip(1..).skip(first) {
            let file_type = device.file_type();
            if !visit(DirEntry { name, inode: ROOT + next, file_type, next }) {
                break;
            }
        }
        Ok(())
    }
}

impl DeviceNode {
    fn kind(&self) -> Device {
        DEVICES.get(self.index).map_or(Device::Null, |&(_, device, _)| device)
    }

    fn inode(&self) -> u64 {
        ROOT + 1 + self.index as u64
    }
}

impl Node for DeviceNode {
    fn id(&self) -> NodeId {
        NodeId { device: self.device, inode: self.inode() }
    }

    fn file_type(&self) -> FileType {
        self.kind().file_type()
    }

    fn metadata(&self) -> Metadata {
        let (major, minor) = DEVICES.get(self.index).map_or((0, 0), |&(_, _, number)| number);
        let file_type = self.file_type();
        let permissions = if file_type == FileType::Symlink { 0o777 } else { 0o666 };
        Metadata {
            device_number: Metadata::device_number(major, minor),
            size: self.read_link().map_or(0, |target| target.len() as u64),
            ..Metadata::new(self.id(), file_type, permissions)
        }
    }

    /// Nothing to keep, but not worth an error: `touch /dev/null` works everywhere.
    fn set_metadata(&self, change: &MetadataChange) -> Result<()> {
        match (change.permissions, change.uid, change.gid) {
            (None, None, None) => Ok(()),
            _ => Err(FsError::ReadOnly),
        }
    }

    fn statfs(&self) -> StatFs {
        statfs()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn read_at(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        match self.kind() {
            Device::Null => Ok(0),
            Device::Zero | Device::Full => {
                buf.fill(0);
                Ok(buf.len())
            }
            Device::Random if unilith_platform::entropy(buf) => Ok(buf.len()),
            Device::Random => Err(FsError::Io),
            Device::Console(_) if buf.is_empty() => Ok(0),
            Device::Console(_) => Ok(unilith_platform::console_read(buf)),
            #[cfg(feature = "proc")]
            Device::Link(_) => Err(FsError::Invalid),
        }
    }

    fn write_at(&self, _: u64, data: &[u8]) -> Result<usize> {
        match self.kind() {
            Device::Null | Device::Zero | Device::Random => {}
            Device::Full => return Err(FsError::NoSpace),
            Device::Console(stream) => unilith_platform::console_write(stream, data),
            #[cfg(feature = "proc")]
            Device::Link(_) => return Err(FsError::Invalid),
        }
        Ok(data.len())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match self.kind() {
            #[cfg(feature = "proc")]
            Device::Link(target) => Ok(target.to_vec()),
            _ => Err(FsError::Invalid),
        }
    }

    fn is_seekable(&self) -> bool {
        !matches!(self.kind(), Device::Console(_))
    }

    fn is_terminal(&self) -> bool {
        matches!(self.kind(), Device::Console(_)) && unilith_cmdline::flag("unilith.tty")
    }
}
