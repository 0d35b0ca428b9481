//! What a node has opened.

use crate::calls::{O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY};
use crate::error::Failure;
use crate::fid::Fid;
use alloc::sync::Arc;
use unilith_fs_api::{FsError, Result};
use unilith_sync::Lock;

/// An open handle.
#[derive(Clone)]
pub struct Opened {
    pub fid: Arc<Fid>,
    /// Bytes that one message carries.
    pub unit: usize,
}

/// A handle for reading and one for writing; they may be the same.
struct Handles {
    reader: Option<Opened>,
    writer: Option<Opened>,
}

/// What a node has opened.
pub struct Open(Lock<Handles>);

impl Open {
    pub const fn new() -> Self {
        Self(Lock::new(Handles { reader: None, writer: None }))
    }

    /// The handles that there are.
    pub fn handles(&self) -> impl Iterator<Item = Opened> + use<> {
        let handles = self.0.lock();
        [handles.writer.clone(), handles.reader.clone()].into_iter().flatten()
    }

    /// Keeps a handle.
    pub fn keep(&self, opened: &Opened, reads: bool, writes: bool) {
        let old = {
            let mut handles = self.0.lock();
            let reader = reads.then(|| handles.reader.replace(opened.clone()));
            (reader, writes.then(|| handles.writer.replace(opened.clone())))
        };
        drop(old); // perhaps a message: the lock is free
    }

    fn existing(&self, write: bool) -> Option<Opened> {
        let handles = self.0.lock();
        if write { handles.writer.clone() } else { handles.reader.clone() }
    }

    /// The handle for reading or writing of the file with this number, to which `fid` should lead.
    pub fn get(&self, fid: &Fid, inode: u64, write: bool) -> Result<Opened> {
        if let Some(opened) = self.existing(write) {
            return Ok(opened);
        }
        if !write {
            let opened = open(fid, inode, O_RDONLY)?;
            self.keep(&opened, true, false);
            return Ok(opened);
        }
        match open(fid, inode, O_RDWR) {
            Ok(opened) => {
                self.keep(&opened, true, true);
                Ok(opened)
            }
            // Perhaps it may be written only.
            Err(Failure::Refused(error @ FsError::NotPermitted)) => {
                let opened = open(fid, inode, O_WRONLY).map_err(|_| error)?;
                self.keep(&opened, false, true);
                Ok(opened)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// The handle for listing a directory.
    pub fn directory(&self, fid: &Fid, inode: u64) -> Result<Opened> {
        if let Some(opened) = self.existing(false) {
            return Ok(opened);
        }
        let opened = open(fid, inode, O_RDONLY | O_DIRECTORY)?;
        self.keep(&opened, true, false);
        Ok(opened)
    }
}

/// A new open handle of what `fid` leads to, if that is the file with this number.
fn open(fid: &Fid, inode: u64, flags: u32) -> core::result::Result<Opened, Failure> {
    let fid = fid.copy()?;
    let (qid, unit) = fid.open(flags)?;
    if qid.path != inode {
        return Err(Failure::Refused(FsError::NotFound));
    }
    Ok(Opened { fid: Arc::new(fid), unit })
}
