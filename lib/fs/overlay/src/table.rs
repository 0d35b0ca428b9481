//! The table of inodes: finding and reading.

use crate::inode::{AS_LOWER, Body, Changed, Directory, Inode, Number};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::{Entry, OccupiedEntry};
use alloc::vec::Vec;
use unilith_fs_api::{FileType, FsError, MemorySource, NodeRef, Result, StatFs};

/// OVERLAYFS_SUPER_MAGIC
const MAGIC: u64 = 0x794c_7630;
/// Numbers of new inodes start here; those of the lower file system are below.
const NEW: Number = 1 << 40;
/// Cookies of added names start here; those of lower directories are below.
const ADDED: u64 = 1 << 60;
/// Entries that are listed under one lock.
const BATCH: usize = 64;

/// Everything that is in use or differs from the lower tree.
pub struct Table {
    /// Nameless files are made here.
    pub upper: NodeRef,
    lower_device: u64,
    inodes: BTreeMap<Number, Inode>,
    next: Number,
}

/// Where a name leads.
pub enum Target {
    /// To an inode of the table.
    Known(Number),
    /// To a node of the lower tree, which may be in the table.
    Lower(NodeRef),
}

/// An entry of a directory, copied.
pub struct Listed {
    pub name: Box<[u8]>,
    pub inode: Number,
    pub file_type: FileType,
    pub next: u64,
}

impl Table {
    pub fn new(upper: NodeRef, lower_device: u64) -> Self {
        Self { upper, lower_device, inodes: BTreeMap::new(), next: NEW }
    }

    /// `NotFound` only for an inode that is gone, which no handle leads to.
    pub fn get(&self, number: Number) -> Result<&Inode> {
        self.inodes.get(&number).ok_or(FsError::NotFound)
    }

    /// What differs about an inode, to be changed.
    pub fn change(&mut self, number: Number) -> Result<&mut Changed> {
        let inode = self.inodes.get_mut(&number).ok_or(FsError::NotFound)?;
        if inode.changed.is_none() {
            let lower = inode.lower.as_ref().ok_or(FsError::NotFound)?.metadata();
            inode.changed = Some(Box::new(Changed::of(&lower)));
        }
        inode.changed.as_deref_mut().ok_or(FsError::NotFound)
    }

    /// A new inode; nothing leads to it yet.
    pub fn add(&mut self, file_type: FileType, changed: Changed) -> Number {
        let number = self.next;
        self.next += 1;
        let changed = Some(Box::new(changed));
        self.inodes.insert(number, Inode { handles: 0, file_type, lower: None, changed });
        number
    }

    /// Has a node of the lower tree in the table; [`collect`](Self::collect) undoes that.
    pub fn enter(&mut self, lower: NodeRef) -> Result<Number> {
        let id = lower.id();
        if id.device != self.lower_device || !(1..NEW).contains(&id.inode) {
            return Err(FsError::Io);
        }
        if let Entry::Vacant(place) = self.inodes.entry(id.inode) {
            let file_type = lower.file_type();
            place.insert(Inode { handles: 0, file_type, lower: Some(lower), changed: None });
        }
        Ok(id.inode)
    }

    /// Notes one more handle; what kind of node it is.
    pub fn hold(&mut self, number: Number) -> Result<FileType> {
        let inode = self.inodes.get_mut(&number).ok_or(FsError::NotFound)?;
        inode.handles += 1;
        Ok(inode.file_type)
    }

    /// Notes one handle less.
    pub fn release(&mut self, number: Number) {
        if let Entry::Occupied(mut place) = self.inodes.entry(number) {
            let inode = place.get_mut();
            inode.handles = inode.handles.saturating_sub(1);
            Self::collect_from(place);
        }
    }

    /// Forgets an inode that no handle leads to, if it is as in the lower tree or has no name.
    pub fn collect(&mut self, number: Number) {
        if let Entry::Occupied(place) = self.inodes.entry(number) {
            Self::collect_from(place);
        }
    }

    fn collect_from(place: OccupiedEntry<'_, Number, Inode>) {
        let inode = place.get();
        let needed = inode.changed.as_ref().is_some_and(|changed| changed.links > 0);
        if inode.handles == 0 && !needed {
            place.remove();
        }
    }

    fn directory(&self, number: Number) -> Result<(&Inode, Option<&Directory>)> {
        let inode = self.get(number)?;
        match &inode.changed {
            Some(changed) => Ok((inode, Some(changed.directory()?))),
            None if inode.file_type == FileType::Directory => Ok((inode, None)),
            None => Err(FsError::NotDirectory),
        }
    }

    /// Where `name` in `dir` leads.
    pub fn find(&self, dir: Number, name: &[u8]) -> Result<Target> {
        let (inode, changes) = self.directory(dir)?;
        if let Some(changes) = changes {
            if let Some(number) = changes.added.get(name) {
                return Ok(Target::Known(number));
            }
            if changes.hides(name) {
                return Err(FsError::NotFound);
            }
        }
        inode.lower.as_ref().ok_or(FsError::NotFound)?.lookup(name).map(Target::Lower)
    }

    /// The inode that `name` in `dir` leads to.
    pub fn lookup(&mut self, dir: Number, name: &[u8]) -> Result<Number> {
        match self.find(dir, name)? {
            Target::Known(number) => Ok(number),
            Target::Lower(node) => self.enter(node),
        }
    }

    /// The directory that a directory is in. `NotFound` if it has been removed.
    pub fn parent(&mut self, number: Number) -> Result<Number> {
        let (inode, changes) = self.directory(number)?;
        match changes.map(|changes| changes.added.parent.ok_or(FsError::NotFound)).transpose()? {
            None | Some(AS_LOWER) => {
                let parent = inode.lower.as_ref().ok_or(FsError::NotFound)?.parent()?;
                self.enter(parent)
            }
            Some(parent) => Ok(parent),
        }
    }

    /// Whether a directory has no entries.
    pub fn is_empty(&self, number: Number) -> Result<bool> {
        let mut empty = true;
        self.list(number, 0, &mut |_| {
            empty = false;
            false
        })?;
        Ok(empty)
    }

    /// Some entries of a directory from `cookie` on; none at its end.
    pub fn batch(&self, number: Number, cookie: u64) -> Result<Vec<Listed>> {
        let mut entries = Vec::new();
        self.list(number, cookie, &mut |entry| {
            entries.push(entry);
            entries.len() < BATCH
        })?;
        Ok(entries)
    }

    /// First what is left of the lower directory, then what was added.
    fn list(
        &self,
        number: Number,
        cookie: u64,
        visit: &mut dyn FnMut(Listed) -> bool,
    ) -> Result<()> {
        let (inode, changes) = self.directory(number)?;
        let mut more = true;
        if let Some(lower) = inode.lower.as_ref().filter(|_| cookie < ADDED) {
            lower.read_dir(cookie, &mut |entry| {
                if entry.next < ADDED && !changes.is_some_and(|changes| changes.hides(entry.name)) {
                    more = visit(Listed {
                        name: entry.name.into(),
                        inode: entry.inode,
                        file_type: entry.file_type,
                        next: entry.next,
                    });
                }
                more
            })?;
        }
        let Some(changes) = changes else { return Ok(()) };
        let mut cookie = cookie.saturating_sub(ADDED);
        while more && let Some((next, name, inode)) = changes.added.from(cookie) {
            let file_type = self.get(inode)?.file_type;
            more = visit(Listed { name: name.into(), inode, file_type, next: ADDED + next });
            cookie = next;
        }
        Ok(())
    }

    pub fn read(&self, number: Number, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let inode = self.get(number)?;
        match (inode.file_type, inode.contents()) {
            (FileType::Directory, _) => Err(FsError::IsDirectory),
            (_, Some(node)) => node.read_at(offset, buf),
            (_, None) => Err(FsError::Invalid),
        }
    }

    /// The contents of a file that was not written.
    pub fn in_memory(&self, number: Number) -> Option<MemorySource> {
        self.get(number).ok()?.contents()?.in_memory()
    }

    pub fn read_link(&self, number: Number) -> Result<Vec<u8>> {
        let inode = self.get(number)?;
        match inode.changed.as_ref().map(|changed| &changed.body) {
            Some(Body::Symlink(target)) => Ok(target.to_vec()),
            _ => inode.contents().ok_or(FsError::Invalid)?.read_link(),
        }
    }

    pub fn statfs(&self) -> StatFs {
        StatFs { magic: MAGIC, ..self.upper.statfs() }
    }
}
