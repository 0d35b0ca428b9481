//! The table of inodes: changes. Each is made entirely or not at all.

use crate::inode::{Body, Changed, Number};
use crate::table::{Table, Target};
use alloc::boxed::Box;
use alloc::vec;
use unilith_fs_api::{FileType, FsError, MetadataChange, NodeRef, Result, check_name};

/// The name that a file of the upper file system has for a moment.
const NAME: &[u8] = b"new";
/// Bytes that are copied at once.
const PIECE: usize = 64 * 1024;
/// Directories may be this deep: a cycle in a broken lower tree ends.
const DEPTH: usize = 1 << 16;

impl Table {
    /// A nameless file of the upper file system: it lives as long as its handle.
    fn nameless(&self) -> Result<NodeRef> {
        let file = self.upper.create(NAME, 0o600)?;
        self.upper.unlink(NAME)?;
        Ok(file)
    }

    /// Adds a file, with nothing in it.
    pub fn create(&mut self, dir: Number, name: &[u8], permissions: u32) -> Result<Number> {
        let room = self.free_name(dir, name)?;
        let body = Body::File(self.nameless()?);
        self.make(dir, room, FileType::Regular, Changed::new(body, permissions))
    }

    /// Adds anything but a file.
    pub fn create_other(
        &mut self,
        dir: Number,
        name: &[u8],
        file_type: FileType,
        changed: Changed,
    ) -> Result<Number> {
        let room = self.free_name(dir, name)?;
        self.make(dir, room, file_type, changed)
    }

    fn make(
        &mut self,
        dir: Number,
        name: Box<[u8]>,
        file_type: FileType,
        changed: Changed,
    ) -> Result<Number> {
        let number = self.add(file_type, changed);
        self.add_name(dir, name, number)?;
        if file_type == FileType::Directory {
            self.change(dir)?.links += 1;
        }
        Ok(number)
    }

    pub fn link(&mut self, dir: Number, name: &[u8], number: Number) -> Result<()> {
        let room = self.free_name(dir, name)?;
        if self.get(number)?.file_type == FileType::Directory {
            return Err(FsError::NotPermitted);
        }
        let inode = self.change(number)?;
        if inode.links == 0 {
            return Err(FsError::NotFound); // its last name went: it cannot come back
        }
        inode.links += 1;
        inode.changed = crate::now();
        self.add_name(dir, room, number)
    }

    pub fn unlink(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let number = self.lookup(dir, name)?;
        let result = self.unlink_inode(dir, name, number);
        self.collect(number);
        result
    }

    fn unlink_inode(&mut self, dir: Number, name: &[u8], number: Number) -> Result<()> {
        if self.get(number)?.file_type == FileType::Directory {
            return Err(FsError::IsDirectory);
        }
        self.change(dir)?.directory_mut()?.room_to_hide()?;
        self.remove_name(dir, name)?;
        let inode = self.change(number)?;
        inode.links = inode.links.saturating_sub(1);
        inode.changed = crate::now();
        Ok(())
    }

    pub fn remove_dir(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let number = self.lookup(dir, name)?;
        let result = self.remove_dir_inode(dir, name, number);
        self.collect(number);
        result
    }

    fn remove_dir_inode(&mut self, dir: Number, name: &[u8], number: Number) -> Result<()> {
        if !self.is_empty(number)? {
            return Err(FsError::NotEmpty);
        }
        self.change(dir)?.directory_mut()?.room_to_hide()?;
        self.remove_name(dir, name)?;
        let parent = self.change(dir)?;
        parent.links = parent.links.saturating_sub(1);
        let inode = self.change(number)?;
        inode.directory_mut()?.added.parent = None;
        inode.links = 0;
        inode.changed = crate::now();
        Ok(())
    }

    pub fn rename(&mut self, from: (Number, &[u8]), to: (Number, &[u8]), keep: bool) -> Result<()> {
        check_name(to.1)?;
        let number = self.lookup(from.0, from.1)?;
        let result = self.rename_inode(from, to, keep, number);
        self.collect(number);
        result
    }

    fn rename_inode(
        &mut self,
        (dir, name): (Number, &[u8]),
        (new_dir, new_name): (Number, &[u8]),
        keep: bool,
        number: Number,
    ) -> Result<()> {
        let moves_directory = self.get(number)?.file_type == FileType::Directory;
        self.standing(new_dir)?;
        if moves_directory && self.is_inside(new_dir, number)? {
            return Err(FsError::Invalid);
        }
        // Before anything is changed: a file must not lose its old name and get no new one.
        self.change(number)?;
        self.change(dir)?.directory_mut()?.room_to_hide()?;
        let room = self.change(new_dir)?.directory_mut()?.added.room_for(new_name);
        let room = room.map_err(|_| FsError::NoSpace)?;
        match self.lookup(new_dir, new_name) {
            Ok(replaced) if replaced == number && !keep => return Ok(()), // says POSIX
            Ok(replaced) => {
                let result = self.make_way(new_dir, new_name, replaced, keep, moves_directory);
                self.collect(replaced);
                result?;
            }
            Err(FsError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.remove_name(dir, name)?;
        self.add_name(new_dir, room, number)?;
        if moves_directory {
            let parent = self.change(dir)?;
            parent.links = parent.links.saturating_sub(1);
            self.change(new_dir)?.links += 1;
            self.change(number)?.directory_mut()?.added.parent = Some(new_dir);
        }
        self.change(number)?.changed = crate::now();
        Ok(())
    }

    /// Removes what is in the way of a rename.
    fn make_way(
        &mut self,
        dir: Number,
        name: &[u8],
        replaced: Number,
        keep: bool,
        for_directory: bool,
    ) -> Result<()> {
        let is_directory = self.get(replaced)?.file_type == FileType::Directory;
        match (for_directory, is_directory) {
            _ if keep => Err(FsError::Exists),
            (true, false) => Err(FsError::NotDirectory),
            (false, true) => Err(FsError::IsDirectory),
            (true, true) => self.remove_dir(dir, name),
            (false, false) => self.unlink(dir, name),
        }
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_inside(&mut self, mut dir: Number, ancestor: Number) -> Result<bool> {
        for _ in 0..DEPTH {
            if dir == ancestor {
                return Ok(true);
            }
            let parent = self.parent(dir)?;
            self.collect(dir);
            if parent == dir {
                return Ok(false);
            }
            dir = parent;
        }
        Err(FsError::Io)
    }

    /// Checks that a directory has not been removed.
    fn standing(&self, dir: Number) -> Result<()> {
        let inode = self.get(dir)?;
        match &inode.changed {
            Some(changed) if changed.directory()?.added.parent.is_none() => Err(FsError::NotFound),
            None if inode.file_type != FileType::Directory => Err(FsError::NotDirectory),
            _ => Ok(()),
        }
    }

    /// Checks that `name` can be added to `dir`, and takes the memory for it.
    fn free_name(&mut self, dir: Number, name: &[u8]) -> Result<Box<[u8]>> {
        check_name(name)?;
        self.standing(dir)?;
        match self.find(dir, name) {
            Ok(_) => Err(FsError::Exists),
            Err(FsError::NotFound) => {
                let directory = self.change(dir)?.directory_mut()?;
                directory.added.room_for(name).map_err(|_| FsError::NoSpace)
            }
            Err(error) => Err(error),
        }
    }

    fn add_name(&mut self, dir: Number, name: Box<[u8]>, number: Number) -> Result<()> {
        let inode = self.change(dir)?;
        inode.directory_mut()?.added.insert(name, number);
        inode.touch();
        Ok(())
    }

    fn remove_name(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let lower = matches!(self.find(dir, name), Ok(Target::Lower(_)));
        let inode = self.change(dir)?;
        let directory = inode.directory_mut()?;
        if lower {
            directory.hide(name);
        } else {
            // If the lower directory has this name too, it is hidden already.
            directory.added.remove(name);
        }
        inode.touch();
        Ok(())
    }

    pub fn set_metadata(&mut self, number: Number, change: &MetadataChange) -> Result<()> {
        let inode = self.change(number)?;
        inode.permissions = change.permissions.unwrap_or(inode.permissions) & 0o7777;
        inode.uid = change.uid.unwrap_or(inode.uid);
        inode.gid = change.gid.unwrap_or(inode.gid);
        inode.accessed = change.accessed.unwrap_or(inode.accessed);
        inode.modified = change.modified.unwrap_or(inode.modified);
        inode.changed = crate::now();
        Ok(())
    }

    pub fn write(&mut self, number: Number, offset: u64, data: &[u8]) -> Result<usize> {
        if data.is_empty() {
            return self.read(number, offset, &mut []); // the errors, but no copy
        }
        let file = self.writable(number, u64::MAX)?;
        let written = file.write_at(offset, data)?;
        self.settle(number, file, written > 0)?;
        Ok(written)
    }

    pub fn truncate(&mut self, number: Number, size: u64) -> Result<()> {
        let file = self.writable(number, size)?;
        file.truncate(size)?;
        self.settle(number, file, true)
    }

    pub fn allocate(&mut self, number: Number, offset: u64, len: u64) -> Result<()> {
        let file = self.writable(number, u64::MAX)?;
        file.allocate(offset, len)?;
        self.settle(number, file, true)
    }

    /// The upper file that holds the contents, or a new one with the first `keep` bytes of them.
    fn writable(&mut self, number: Number, keep: u64) -> Result<NodeRef> {
        let inode = self.get(number)?;
        match inode.file_type {
            FileType::Regular => {}
            FileType::Directory => return Err(FsError::IsDirectory),
            _ => return Err(FsError::Invalid),
        }
        if let Some(Body::File(file)) = inode.changed.as_ref().map(|changed| &changed.body) {
            return Ok(file.clone());
        }
        let lower = inode.lower.clone().ok_or(FsError::NotFound)?;
        let file = self.nameless()?;
        copy(&lower, &file, keep.min(lower.metadata().size))?;
        Ok(file)
    }

    /// Makes `file` the contents from now on.
    fn settle(&mut self, number: Number, file: NodeRef, touch: bool) -> Result<()> {
        let inode = self.change(number)?;
        inode.body = Body::File(file);
        if touch {
            inode.touch();
        }
        Ok(())
    }
}

/// Copies the first `len` bytes.
fn copy(from: &NodeRef, to: &NodeRef, len: u64) -> Result<()> {
    let write = |at: u64, mut piece: &[u8]| {
        let mut at = at;
        while !piece.is_empty() {
            match to.write_at(at, piece)? {
                0 => return Err(FsError::NoSpace),
                count => {
                    at += count as u64;
                    piece = piece.get(count..).unwrap_or_default();
                }
            }
        }
        Ok(())
    };
    if let Some(data) = from.in_memory() {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(data.len());
        return write(0, &data[..len]);
    }
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while at < len {
        let piece = (len - at).min(PIECE as u64) as usize;
        let got = from.read_at(at, &mut buffer[..piece])?.min(piece);
        if got == 0 {
            break;
        }
        write(at, &buffer[..got])?;
        at += got as u64;
    }
    Ok(())
}
