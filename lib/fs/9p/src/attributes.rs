//! What the server tells about a file, and what it is told to change.

use crate::error::Failure;
use crate::message::{Qid, Reply};
use unilith_fs_api::{FileType, Metadata, MetadataChange, Timestamp};

/// P9_GETATTR_BASIC: everything that stat(2) tells.
pub const BASIC: u64 = 0x7ff;

/// Bits of Tsetattr's `valid`.
const MODE: u32 = 1;
const UID: u32 = 2;
const GID: u32 = 4;
const SIZE: u32 = 8;
const ATIME: u32 = 0x10;
const MTIME: u32 = 0x20;
const ATIME_SET: u32 = 0x80;
const MTIME_SET: u32 = 0x100;

/// An answer to Tgetattr; the device is to be filled in.
#[derive(Clone, Copy)]
pub struct Attributes {
    pub qid: Qid,
    pub metadata: Metadata,
}

/// Reads an answer to Tgetattr.
pub fn parse(reply: &mut Reply<'_>) -> Result<Attributes, Failure> {
    let _valid = reply.u64()?;
    let qid = reply.qid()?;
    let (mode, uid, gid) = (reply.u32()?, reply.u32()?, reply.u32()?);
    let (links, device_number, size) = (reply.u64()?, reply.u64()?, reply.u64()?);
    let (block_size, blocks) = (reply.u64()?, reply.u64()?);
    let mut time = || {
        let (seconds, nanoseconds) = (reply.u64()? as i64, reply.u64()?);
        match u32::try_from(nanoseconds) {
            Ok(nanoseconds) if nanoseconds < 1_000_000_000 => {
                Ok(Timestamp { seconds, nanoseconds })
            }
            _ => Err(Failure::Broken),
        }
    };
    let (accessed, modified, changed) = (time()?, time()?, time()?);
    let file_type = FileType::from_mode(mode).ok_or(Failure::Broken)?;
    let consistent = qid.is_directory() == (file_type == FileType::Directory);
    if !consistent || i64::try_from(size).is_err() {
        return Err(Failure::Broken);
    }
    let metadata = Metadata {
        device: 0,
        inode: qid.path,
        file_type,
        permissions: mode & 0o7777,
        links: links.min(u32::MAX.into()) as u32,
        uid,
        gid,
        device_number,
        size,
        blocks,
        block_size: block_size.clamp(512, 1 << 20) as u32,
        accessed,
        modified,
        changed,
    };
    Ok(Attributes { qid, metadata })
}

/// What Tsetattr says after the fid.
pub struct Change {
    pub valid: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub accessed: Timestamp,
    pub modified: Timestamp,
}

impl Change {
    const NOTHING: Self = Self {
        valid: 0,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        accessed: Timestamp::EPOCH,
        modified: Timestamp::EPOCH,
    };

    /// A new size.
    pub fn size(size: u64) -> Self {
        Self { valid: SIZE, size, ..Self::NOTHING }
    }
}

impl From<&MetadataChange> for Change {
    fn from(change: &MetadataChange) -> Self {
        let bits = |is_some: bool, bits: u32| if is_some { bits } else { 0 };
        Self {
            valid: bits(change.permissions.is_some(), MODE)
                | bits(change.uid.is_some(), UID)
                | bits(change.gid.is_some(), GID)
                | bits(change.accessed.is_some(), ATIME | ATIME_SET)
                | bits(change.modified.is_some(), MTIME | MTIME_SET),
            mode: change.permissions.unwrap_or(0) & 0o7777,
            uid: change.uid.unwrap_or(0),
            gid: change.gid.unwrap_or(0),
            size: 0,
            accessed: change.accessed.unwrap_or_default(),
            modified: change.modified.unwrap_or_default(),
        }
    }
}
