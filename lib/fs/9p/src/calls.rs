//! The messages of 9P2000.L, as functions.

use crate::attributes::{self, Attributes, BASIC, Change};
use crate::client::Client;
use crate::error::Failure;
use crate::fid::Fid;
use crate::message::{Qid, Reply};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_fs_api::{FsError, StatFs};

const TSTATFS: u8 = 8;
const TLOPEN: u8 = 12;
const TLCREATE: u8 = 14;
const TSYMLINK: u8 = 16;
const TREADLINK: u8 = 22;
const TGETATTR: u8 = 24;
const TSETATTR: u8 = 26;
const TREADDIR: u8 = 40;
const TFSYNC: u8 = 50;
const TLINK: u8 = 70;
const TMKDIR: u8 = 72;
const TRENAMEAT: u8 = 74;
const TUNLINKAT: u8 = 76;
const TATTACH: u8 = 104;
const TWALK: u8 = 110;
const TREAD: u8 = 116;
const TWRITE: u8 = 118;

const NOFID: u32 = u32::MAX;
/// The user that the application is.
const ROOT: u32 = 0;
/// V9FS_MAGIC
pub const MAGIC: u64 = 0x0102_1997;

/// Flags of Tlopen and Tlcreate.
pub const O_RDONLY: u32 = 0;
pub const O_WRONLY: u32 = 1;
pub const O_RDWR: u32 = 2;
pub const O_CREAT: u32 = 0o100;
pub const O_EXCL: u32 = 0o200;
pub const O_DIRECTORY: u32 = 0o200000;
/// The flag of Tunlinkat.
pub const AT_REMOVEDIR: u32 = 0x200;

/// An entry of a directory.
pub struct Entry {
    pub qid: Qid,
    /// Where listing goes on after it.
    pub offset: u64,
    /// DT_REG and so on.
    pub kind: u8,
    pub name: Box<[u8]>,
}

fn nothing(_: Reply<'_>) -> Result<(), Failure> {
    Ok(())
}

impl Fid {
    /// The root of what the server shares.
    pub fn attach(client: &Arc<Client>) -> Result<(Self, Qid), Failure> {
        Self::new(client, |number| {
            let request = client.request(TATTACH).u32(number).u32(NOFID);
            client.call(request.string(b"root").string(b"").u32(ROOT), |mut reply| reply.qid())
        })
    }

    /// A handle of what `name` in this directory leads to.
    pub fn walk(&self, name: &[u8]) -> Result<(Self, Qid), Failure> {
        let client = self.client();
        Self::new(client, |number| {
            let request = client.request(TWALK).u32(self.number()).u32(number);
            client.call(request.u16(1).string(name), |mut reply| match reply.u16()? {
                0 => Err(Failure::Refused(FsError::NotFound)),
                1 => reply.qid(),
                _ => Err(Failure::Broken),
            })
        })
    }

    /// One more handle of the same.
    pub fn copy(&self) -> Result<Self, Failure> {
        let client = self.client();
        let (fid, ()) = Self::new(client, |number| {
            let request = client.request(TWALK).u32(self.number()).u32(number).u16(0);
            client.call(request, |mut reply| match reply.u16()? {
                0 => Ok(()),
                _ => Err(Failure::Broken),
            })
        })?;
        Ok(fid)
    }

    /// Opens what this leads to; what it is, and how much may be read or written at once.
    pub fn open(&self, flags: u32) -> Result<(Qid, usize), Failure> {
        let request = self.client().request(TLOPEN).u32(self.number()).u32(flags);
        self.client().call(request, |mut reply| Ok((reply.qid()?, self.unit(reply.u32()?))))
    }

    /// Makes a file in the directory that this leads to; from then on this is the open file.
    pub fn create(&self, name: &[u8], flags: u32, mode: u32) -> Result<(Qid, usize), Failure> {
        let request = self.client().request(TLCREATE).u32(self.number()).string(name);
        let request = request.u32(flags).u32(mode).u32(ROOT);
        self.client().call(request, |mut reply| Ok((reply.qid()?, self.unit(reply.u32()?))))
    }

    /// Bytes that a message carries: the server's word, unless it is none.
    fn unit(&self, iounit: u32) -> usize {
        let room = self.client().room();
        match usize::try_from(iounit) {
            Ok(unit) if unit > 0 => unit.min(room),
            _ => room,
        }
    }

    pub fn attributes(&self) -> Result<Attributes, Failure> {
        let request = self.client().request(TGETATTR).u32(self.number()).u64(BASIC);
        self.client().call(request, |mut reply| attributes::parse(&mut reply))
    }

    pub fn set_attributes(&self, change: &Change) -> Result<(), Failure> {
        let request = self.client().request(TSETATTR).u32(self.number()).u32(change.valid);
        let request = request.u32(change.mode).u32(change.uid).u32(change.gid).u64(change.size);
        let request = [change.accessed, change.modified].iter().fold(request, |request, time| {
            request.u64(time.seconds as u64).u64(time.nanoseconds.into())
        });
        self.client().call(request, nothing)
    }

    /// Reads once, as much as a message carries; 0 at the end.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Failure> {
        let most = buf.len().min(self.client().room());
        let request = self.client().request(TREAD).u32(self.number()).u64(offset);
        self.client().call_for(request.u32(most as u32), most, |mut reply| {
            let data = reply.counted(most)?;
            buf.get_mut(..data.len()).ok_or(Failure::Broken)?.copy_from_slice(data);
            Ok(data.len())
        })
    }

    /// Writes once, as much as a message carries; how much was written.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<usize, Failure> {
        let data = data.get(..self.client().room()).unwrap_or(data);
        let request = self.client().request(TWRITE).u32(self.number()).u64(offset);
        let request = request.u32(data.len() as u32).raw(data);
        self.client().call(request, |mut reply| match usize::try_from(reply.u32()?) {
            Ok(count) if count <= data.len() => Ok(count),
            _ => Err(Failure::Broken),
        })
    }

    /// Waits until the host has everything where it survives.
    pub fn sync(&self) -> Result<(), Failure> {
        let request = self.client().request(TFSYNC).u32(self.number()).u32(0);
        self.client().call(request, nothing)
    }

    /// Lists an open directory from `offset` on, as far as `most` bytes go.
    pub fn list(&self, offset: u64, most: usize) -> Result<Vec<Entry>, Failure> {
        let most = most.min(self.client().room());
        let request = self.client().request(TREADDIR).u32(self.number()).u64(offset);
        self.client().call_for(request.u32(most as u32), most, |mut reply| {
            let mut rest = Reply::of(reply.counted(most)?);
            let mut entries = Vec::new();
            while !rest.is_empty() {
                let (qid, offset, kind) = (rest.qid()?, rest.u64()?, rest.u8()?);
                entries.push(Entry { qid, offset, kind, name: rest.string()?.into() });
            }
            Ok(entries)
        })
    }

    pub fn read_link(&self) -> Result<Vec<u8>, Failure> {
        let request = self.client().request(TREADLINK).u32(self.number());
        self.client().call(request, |mut reply| Ok(reply.string()?.to_vec()))
    }

    pub fn make_dir(&self, name: &[u8], mode: u32) -> Result<(), Failure> {
        let request = self.client().request(TMKDIR).u32(self.number()).string(name);
        self.client().call(request.u32(mode).u32(ROOT), nothing)
    }

    pub fn make_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Failure> {
        let request = self.client().request(TSYMLINK).u32(self.number()).string(name);
        self.client().call(request.string(target).u32(ROOT), nothing)
    }

    /// Gives what `file` leads to one more name in this directory.
    pub fn link(&self, name: &[u8], file: &Self) -> Result<(), Failure> {
        let request = self.client().request(TLINK).u32(self.number()).u32(file.number());
        self.client().call(request.string(name), nothing)
    }

    pub fn rename(&self, name: &[u8], dir: &Self, new_name: &[u8]) -> Result<(), Failure> {
        let request = self.client().request(TRENAMEAT).u32(self.number()).string(name);
        self.client().call(request.u32(dir.number()).string(new_name), nothing)
    }

    /// Removes a name from this directory; with [`AT_REMOVEDIR`] that of a directory.
    pub fn unlink(&self, name: &[u8], flags: u32) -> Result<(), Failure> {
        let request = self.client().request(TUNLINKAT).u32(self.number()).string(name);
        self.client().call(request.u32(flags), nothing)
    }

    pub fn statfs(&self) -> Result<StatFs, Failure> {
        let request = self.client().request(TSTATFS).u32(self.number());
        self.client().call(request, |mut reply| {
            let (_kind, block_size) = (reply.u32()?, reply.u32()?);
            let (blocks, _free, available) = (reply.u64()?, reply.u64()?, reply.u64()?);
            let (nodes, free_nodes) = (reply.u64()?, reply.u64()?);
            Ok(StatFs {
                magic: MAGIC,
                block_size,
                blocks,
                free_blocks: available,
                nodes,
                free_nodes,
                read_only: false,
            })
        })
    }
}
