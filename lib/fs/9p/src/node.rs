//! Nodes.

use crate::attributes::{Attributes, Change};
use crate::calls::{AT_REMOVEDIR, Entry, O_CREAT, O_EXCL, O_RDWR};
use crate::client::Client;
use crate::cookies::Cookies;
use crate::error::Failure;
use crate::fid::Fid;
use crate::message::Qid;
use crate::open::{Open, Opened};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, Metadata, MetadataChange, Node, NodeId, NodeRef, Result, StatFs,
    check_name,
};
use unilith_sync::Lock;

/// Bytes of a directory that are asked for at once.
const LISTING: usize = 32 * 1024;
/// Answers to one listing: a server that never ends it is broken.
const LISTINGS: usize = 1 << 16;
/// Bytes that the target of a link may have (PATH_MAX).
const TARGET_MAX: usize = 4095;

/// A session as a file system.
struct Fs {
    device: u64,
    root: u64,
    /// The nodes that are in use, by number.
    nodes: Lock<BTreeMap<u64, Weak<P9Node>>>,
}

struct P9Node {
    fs: Arc<Fs>,
    inode: u64,
    file_type: FileType,
    /// Leads here, but is not open. The newest one: the name of an older one may be gone.
    fid: Lock<Arc<Fid>>,
    open: Open,
    /// What was last known.
    known: Lock<Option<Metadata>>,
    cookies: Lock<Cookies>,
}

/// The root directory of a session.
pub fn root(client: &Arc<Client>) -> core::result::Result<NodeRef, Failure> {
    let (fid, qid) = Fid::attach(client)?;
    if !qid.is_directory() {
        return Err(Failure::Refused(FsError::NotDirectory));
    }
    let device = unilith_fs_api::anonymous_device();
    let fs = Arc::new(Fs { device, root: qid.path, nodes: Lock::new(BTreeMap::new()) });
    let root = fs.node(fid, qid).map_err(Failure::Refused)?;
    Ok(root)
}

impl Fs {
    /// The node in use that `qid` means.
    fn live(&self, qid: Qid) -> Option<Arc<P9Node>> {
        let node = self.nodes.lock().get(&qid.path).and_then(Weak::upgrade)?;
        // Another kind: the host has given the number again.
        let same = qid.is_directory() == (node.file_type == FileType::Directory);
        same.then_some(node)
    }

    /// The node that `fid` leads to.
    fn node(self: &Arc<Self>, fid: Fid, qid: Qid) -> Result<Arc<P9Node>> {
        if let Some(node) = self.live(qid) {
            node.replace_fid(fid);
            return Ok(node);
        }
        let (file_type, known) = if qid.is_directory() {
            (FileType::Directory, None)
        } else if qid.is_symlink() {
            (FileType::Symlink, None)
        } else {
            let Attributes { qid: its, metadata } = fid.attributes()?;
            if its.path != qid.path {
                return Err(FsError::NotFound); // replaced meanwhile
            }
            (metadata.file_type, Some(metadata))
        };
        let node = Arc::new(P9Node {
            fs: self.clone(),
            inode: qid.path,
            file_type,
            fid: Lock::new(Arc::new(fid)),
            open: Open::new(),
            known: Lock::new(known),
            cookies: Lock::new(Cookies::default()),
        });
        // Somebody else may have been here while the attributes were asked for.
        let other = self.live(qid);
        if let Some(other) = other.filter(|other| other.file_type == file_type) {
            return Ok(other);
        }
        self.nodes.lock().insert(qid.path, Arc::downgrade(&node));
        Ok(node)
    }
}

impl Drop for P9Node {
    fn drop(&mut self) {
        let mut nodes = self.fs.nodes.lock();
        if nodes.get(&self.inode).is_some_and(|node| node.strong_count() == 0) {
            nodes.remove(&self.inode);
        }
    }
}

impl P9Node {
    fn fid(&self) -> Arc<Fid> {
        self.fid.lock().clone()
    }

    fn replace_fid(&self, fid: Fid) {
        let new = Arc::new(fid);
        let old = core::mem::replace(&mut *self.fid.lock(), new);
        drop(old); // perhaps a message: the lock is free
    }

    fn child(&self, name: &[u8]) -> Result<Arc<Self>> {
        let (fid, qid) = self.fid().walk(name)?;
        self.fs.node(fid, qid)
    }

    /// A handle that leads to this very file, and what is known about it. `NotFound` if there is
    /// none: the file was removed, and the server finds files by name.
    fn current(&self) -> Result<(Arc<Fid>, Metadata)> {
        let mut error = FsError::NotFound;
        let opened = self.open.handles().map(|opened| opened.fid);
        for fid in core::iter::once(self.fid()).chain(opened) {
            match fid.attributes() {
                Ok(Attributes { qid, metadata }) if qid.path == self.inode => {
                    let metadata = Metadata { device: self.fs.device, ..metadata };
                    *self.known.lock() = Some(metadata);
                    return Ok((fid, metadata));
                }
                Ok(_) | Err(Failure::Refused(FsError::NotFound)) => {}
                Err(failure) => error = failure.into(),
            }
        }
        Err(error)
    }

    fn opened(&self, write: bool) -> Result<Opened> {
        match self.file_type {
            FileType::Regular => self.open.get(&self.fid(), self.inode, write),
            FileType::Directory => Err(FsError::IsDirectory),
            _ => Err(FsError::Invalid),
        }
    }

    fn known_size(&self) -> Option<u64> {
        self.known.lock().map(|metadata| metadata.size)
    }

    fn set_known_size(&self, change: impl FnOnce(u64) -> u64) {
        if let Some(metadata) = &mut *self.known.lock() {
            metadata.size = change(metadata.size);
        }
    }

    /// The node of this file system that `node` is.
    fn own(&self, node: &NodeRef) -> Result<Arc<Self>> {
        match node.clone().into_any().downcast::<Self>() {
            Ok(node) if Arc::ptr_eq(&node.fs, &self.fs) => Ok(node),
            _ => Err(FsError::CrossDevice),
        }
    }

    fn directory(&self) -> Result<Arc<Fid>> {
        match self.file_type {
            FileType::Directory => Ok(self.fid()),
            _ => Err(FsError::NotDirectory),
        }
    }

    /// What an entry is; the server need not know.
    fn entry_type(&self, entry: &Entry) -> Result<FileType> {
        match FileType::from_mode(u32::from(entry.kind) << 12) {
            Some(file_type) => Ok(file_type),
            None if entry.qid.is_directory() => Ok(FileType::Directory),
            None if entry.qid.is_symlink() => Ok(FileType::Symlink),
            None => match self.child(&entry.name) {
                Ok(node) => Ok(node.file_type),
                Err(FsError::NotFound) => Ok(FileType::Regular),
                Err(error) => Err(error),
            },
        }
    }
}

impl Node for P9Node {
    fn id(&self) -> NodeId {
        NodeId { device: self.fs.device, inode: self.inode }
    }

    fn file_type(&self) -> FileType {
        self.file_type
    }

    fn metadata(&self) -> Metadata {
        let error = match self.current() {
            Ok((_, metadata)) => return metadata,
            Err(error) => error,
        };
        let known = self
            .known
            .lock()
            .unwrap_or(Metadata { links: 0, ..Metadata::new(self.id(), self.file_type, 0) });
        let links = if error == FsError::NotFound { 0 } else { known.links };
        Metadata { device: self.fs.device, links, ..known }
    }

    fn set_metadata(&self, change: &MetadataChange) -> Result<()> {
        Ok(self.current()?.0.set_attributes(&Change::from(change))?)
    }

    fn statfs(&self) -> StatFs {
        self.fid().statfs().unwrap_or(StatFs::without_storage(crate::calls::MAGIC))
    }

    /// The server knows, and says so when a file is opened for writing.
    fn is_read_only(&self) -> bool {
        false
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn open(&self, write: bool) -> Result<()> {
        self.opened(write).map(drop)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let opened = self.opened(false)?;
        let mut done = 0;
        while done < buf.len() {
            let Some(at) = position(offset, done) else { break };
            let piece = opened.unit.min(buf.len() - done);
            let got = match opened.fid.read(at, &mut buf[done..done + piece]) {
                Ok(got) => got,
                Err(_) if done > 0 => break,
                Err(failure) => return Err(failure.into()),
            };
            done += got;
            // Less than asked for is the end, if that is where the file was last known to end.
            let ends = self.known_size().is_some_and(|size| at + got as u64 >= size);
            if got == 0 || got < piece && ends {
                break;
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let opened = self.opened(true)?;
        let mut done = 0;
        while done < data.len() {
            let at = position(offset, data.len()).and(position(offset, done));
            let at = at.ok_or(FsError::TooLarge)?;
            let piece = opened.unit.min(data.len() - done);
            let put = match opened.fid.write(at, &data[done..done + piece]) {
                Ok(0) if done == 0 => return Err(FsError::Io),
                Ok(put) => put,
                Err(_) if done > 0 => break,
                Err(failure) => return Err(failure.into()),
            };
            if put == 0 {
                break;
            }
            done += put;
            self.set_known_size(|size| size.max(at + put as u64));
        }
        Ok(done)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        match self.file_type {
            FileType::Regular if i64::try_from(size).is_err() => return Err(FsError::TooLarge),
            FileType::Regular => {}
            FileType::Directory => return Err(FsError::IsDirectory),
            _ => return Err(FsError::Invalid),
        }
        self.current()?.0.set_attributes(&Change::size(size))?;
        self.set_known_size(|_| size);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let opened = match self.file_type {
            FileType::Directory => self.open.directory(&self.fid(), self.inode)?,
            FileType::Regular => match self.open.handles().next() {
                Some(opened) => opened,
                None => self.opened(false)?,
            },
            _ => return Err(FsError::Invalid),
        };
        Ok(opened.fid.sync()?)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match self.file_type {
            FileType::Symlink => Ok(self.fid().read_link()?),
            _ => Err(FsError::Invalid),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        self.directory()?;
        Ok(self.child(name)?)
    }

    fn parent(&self) -> Result<NodeRef> {
        self.directory()?;
        let parent = if self.inode == self.fs.root {
            // Not this node, but the same one: there is no other way to get a counted handle.
            let (fid, qid) = self.fid().walk(b"..")?;
            if qid.path != self.inode {
                return Err(FsError::Io); // what is shared has no parent
            }
            self.fs.node(fid, qid)?
        } else {
            self.child(b"..")?
        };
        match parent.file_type {
            FileType::Directory => Ok(parent),
            _ => Err(FsError::Io),
        }
    }

    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let fid = self.directory()?;
        let opened = self.open.directory(&fid, self.inode)?;
        let Some(mut at) = self.cookies.lock().offset(cookie) else { return Ok(()) };
        for _ in 0..LISTINGS {
            let entries = opened.fid.list(at, LISTING)?;
            let Some(last) = entries.last().map(|entry| entry.offset) else { return Ok(()) };
            if last == at || last == 0 {
                return Err(FsError::Io); // it would go on like this for ever
            }
            at = last;
            for entry in entries {
                if matches!(&*entry.name, b"." | b"..") {
                    continue;
                }
                check_name(&entry.name).map_err(|_| FsError::Io)?;
                let next = self.cookies.lock().of(entry.offset).ok_or(FsError::NoMemory)?;
                let file_type = self.entry_type(&entry)?;
                let inode = entry.qid.path;
                if !visit(DirEntry { name: &entry.name, inode, file_type, next }) {
                    return Ok(());
                }
            }
        }
        Err(FsError::Io)
    }

    fn create(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        check_name(name)?;
        let dir = self.directory()?;
        let file = dir.copy()?;
        let (qid, unit) = file.create(name, O_RDWR | O_CREAT | O_EXCL, permissions)?;
        let node = self.child(name)?;
        if node.inode == qid.path && node.file_type == FileType::Regular {
            node.open.keep(&Opened { fid: Arc::new(file), unit }, true, true);
        }
        Ok(node)
    }

    fn create_dir(&self, name: &[u8], permissions: u32) -> Result<NodeRef> {
        check_name(name)?;
        self.directory()?.make_dir(name, permissions)?;
        Ok(self.child(name)?)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<NodeRef> {
        check_name(name)?;
        if target.len() > TARGET_MAX {
            return Err(FsError::NameTooLong);
        }
        self.directory()?.make_symlink(name, target)?;
        Ok(self.child(name)?)
    }

    fn link(&self, name: &[u8], node: &NodeRef) -> Result<()> {
        check_name(name)?;
        let node = self.own(node)?;
        if node.file_type == FileType::Directory {
            return Err(FsError::NotPermitted);
        }
        let (fid, _) = node.current()?;
        Ok(self.directory()?.link(name, &fid)?)
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        check_name(name)?;
        Ok(self.directory()?.unlink(name, 0)?)
    }

    fn remove_dir(&self, name: &[u8]) -> Result<()> {
        check_name(name)?;
        Ok(self.directory()?.unlink(name, AT_REMOVEDIR)?)
    }

    fn rename(&self, name: &[u8], new_dir: &NodeRef, new_name: &[u8], keep: bool) -> Result<()> {
        check_name(name)?;
        check_name(new_name)?;
        let new_dir = self.own(new_dir)?.directory()?;
        if keep {
            // The protocol has no flag for it: the host may come between.
            match new_dir.walk(new_name) {
                Ok(_) => return Err(FsError::Exists),
                Err(Failure::Refused(FsError::NotFound)) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(self.directory()?.rename(name, &new_dir, new_name)?)
    }
}

/// The position `done` bytes after `offset`, if there can be one.
fn position(offset: u64, done: usize) -> Option<u64> {
    let at = offset.checked_add(done as u64)?;
    i64::try_from(at).is_ok().then_some(at)
}
