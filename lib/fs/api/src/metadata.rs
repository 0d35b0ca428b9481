//! What is known about a node, and about a file system as a whole.

use crate::NodeId;

/// The kind of a node: the S_IFMT bits of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum FileType {
    /// A named pipe (S_IFIFO).
    Fifo = 0o010000,
    /// A device that is a stream of characters (S_IFCHR).
    CharDevice = 0o020000,
    /// A directory (S_IFDIR).
    Directory = 0o040000,
    /// A device of blocks (S_IFBLK).
    BlockDevice = 0o060000,
    /// A file with contents (S_IFREG).
    Regular = 0o100000,
    /// A symbolic link (S_IFLNK).
    Symlink = 0o120000,
    /// A socket (S_IFSOCK).
    Socket = 0o140000,
}

impl FileType {
    /// The mask of these bits in a mode (S_IFMT).
    pub const MASK: u32 = 0o170000;

    /// The type that `mode` tells; `None` for bits that mean nothing.
    pub fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & Self::MASK {
            0o010000 => Self::Fifo,
            0o020000 => Self::CharDevice,
            0o040000 => Self::Directory,
            0o060000 => Self::BlockDevice,
            0o100000 => Self::Regular,
            0o120000 => Self::Symlink,
            0o140000 => Self::Socket,
            _ => return None,
        })
    }

    /// The bits in a mode.
    pub const fn mode_bits(self) -> u32 {
        self as u32
    }

    /// The number in a directory entry (DT_REG and so on).
    pub const fn dirent_type(self) -> u8 {
        (self as u16 >> 12) as u8
    }
}

/// A point in time: UTC, since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds on top, below 10^9.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self { seconds: 0, nanoseconds: 0 };

    /// From nanoseconds since the epoch, as the platform's clock tells them.
    pub const fn from_ns(ns: u64) -> Self {
        Self { seconds: (ns / 1_000_000_000) as i64, nanoseconds: (ns % 1_000_000_000) as u32 }
    }
}

/// What stat(2) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which file system the node is on.
    pub device: u64,
    /// The node's number there, stable while it exists.
    pub inode: u64,
    /// What it is.
    pub file_type: FileType,
    /// Permission bits, 0o7777 at most.
    pub permissions: u32,
    /// Names that lead to it.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// For a device, which one; see [`device_number`](Self::device_number).
    pub device_number: u64,
    /// Bytes.
    pub size: u64,
    /// Units of 512 bytes that it occupies.
    pub blocks: u64,
    /// Bytes that are good to read at once.
    pub block_size: u32,
    /// Last read.
    pub accessed: Timestamp,
    /// Last write.
    pub modified: Timestamp,
    /// Last change of this metadata.
    pub changed: Timestamp,
}

impl Metadata {
    /// A node of root's with one name and no contents, dated to the epoch: where to start when
    /// little more is known.
    pub const fn new(id: NodeId, file_type: FileType, permissions: u32) -> Self {
        Self {
            device: id.device,
            inode: id.inode,
            file_type,
            permissions,
            links: 1,
            uid: 0,
            gid: 0,
            device_number: 0,
            size: 0,
            blocks: 0,
            block_size: 4096,
            accessed: Timestamp::EPOCH,
            modified: Timestamp::EPOCH,
            changed: Timestamp::EPOCH,
        }
    }

    /// Type and permissions in one, as `st_mode` has them.
    pub const fn mode(&self) -> u32 {
        self.file_type.mode_bits() | self.permissions
    }

    /// A device number in Linux's encoding (`makedev(3)`).
    pub const fn device_number(major: u32, minor: u32) -> u64 {
        let (major, minor) = (major as u64, minor as u64);
        (major & 0xfffff000) << 32
            | (major & 0xfff) << 8
            | (minor & 0xffffff00) << 12
            | (minor & 0xff)
    }
}

/// Metadata that someone wants changed; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct MetadataChange {
    /// Permission bits.
    pub permissions: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Last read.
    pub accessed: Option<Timestamp>,
    /// Last write.
    pub modified: Option<Timestamp>,
}

/// What statfs(2) tells about a file system.
#[derive(Clone, Copy, Debug)]
pub struct StatFs {
    /// Linux's magic number of this kind of file system (`<linux/magic.h>`).
    pub magic: u64,
    /// Bytes in a block.
    pub block_size: u32,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks that are free.
    pub free_blocks: u64,
    /// Nodes in all.
    pub nodes: u64,
    /// Nodes that can still be made.
    pub free_nodes: u64,
    /// Nothing can be changed.
    pub read_only: bool,
}

impl StatFs {
    /// A file system that keeps nothing and counts nothing, as /proc is. It can be changed.
    pub const fn without_storage(magic: u64) -> Self {
        Self {
            magic,
            block_size: 4096,
            blocks: 0,
            free_blocks: 0,
            nodes: 0,
            free_nodes: 0,
            read_only: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_survives_its_mode() {
        for mode in (0..16).map(|bits| bits << 12) {
            if let Some(kind) = FileType::from_mode(mode | 0o7777) {
                assert_eq!(kind.mode_bits(), mode);
                assert_eq!(u32::from(kind.dirent_type()), mode >> 12);
            }
        }
        assert_eq!(FileType::from_mode(0o070000), None);
    }

    #[test]
    fn device_numbers_are_those_of_linux() {
        assert_eq!(Metadata::device_number(1, 3), 0x103);
        assert_eq!(Metadata::device_number(259, 65536), 0x1001_0300);
    }
}
