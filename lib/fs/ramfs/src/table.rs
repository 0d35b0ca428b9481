//! The table of inodes, and the operations that touch several of them.

use crate::directory::Directory;
use crate::file::PAGE;
use crate::inode::{Body, Inode, Number};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use unilith_fs_api::{FileType, FsError, Result, StatFs, check_name};

/// TMPFS_MAGIC.
const MAGIC: u64 = 0x0102_1994;
/// The root directory.
pub const ROOT: Number = 1;

/// All inodes of a file system.
pub struct Table {
    /// The inode with number n is at n - 1; `None` if there is none any more.
    inodes: Vec<Option<Inode>>,
    /// Numbers that can be given again.
    free: Vec<Number>,
    /// Pages that files may still take.
    room: u64,
    /// Pages that files may take in all.
    limit: u64,
}

impl Table {
    pub fn new(permissions: u32, limit: u64) -> Self {
        let root = Inode::new(Body::Directory(Directory::new(ROOT)), permissions);
        Self { inodes: vec![Some(root)], free: Vec::new(), room: limit, limit }
    }

    /// `NotFound` only for an inode that is gone, which no handle leads to.
    pub fn get(&self, number: Number) -> Result<&Inode> {
        let slot = self.inodes.get(slot(number));
        slot.and_then(Option::as_ref).ok_or(FsError::NotFound)
    }

    pub fn get_mut(&mut self, number: Number) -> Result<&mut Inode> {
        find_mut(&mut self.inodes, number)
    }

    pub fn statfs(&self) -> StatFs {
        // Without a limit there is no number to tell: tmpfs says 0 then, too.
        let known = |pages| if self.limit == u64::MAX / PAGE as u64 { 0 } else { pages };
        StatFs {
            magic: MAGIC,
            block_size: PAGE as u32,
            blocks: known(self.limit),
            free_blocks: known(self.room),
            nodes: 0,
            free_nodes: 0,
            read_only: false,
        }
    }

    pub fn write(&mut self, number: Number, offset: u64, data: &[u8]) -> Result<usize> {
        let inode = find_mut(&mut self.inodes, number)?;
        let written = inode.file()?.write(offset, data, &mut self.room)?;
        if written > 0 {
            inode.touch();
        }
        Ok(written)
    }

    pub fn truncate(&mut self, number: Number, size: u64) -> Result<()> {
        let inode = self.get_mut(number)?;
        let freed = inode.file()?.truncate(size)?;
        inode.touch();
        self.room += freed;
        Ok(())
    }

    pub fn allocate(&mut self, number: Number, offset: u64, len: u64) -> Result<()> {
        let inode = find_mut(&mut self.inodes, number)?;
        inode.file()?.allocate(offset, len, &mut self.room)?;
        inode.touch();
        Ok(())
    }

    /// Adds an inode under a new name.
    pub fn create(&mut self, dir: Number, name: &[u8], inode: Inode) -> Result<Number> {
        self.free_name(dir, name)?;
        let name = self.room_for(dir, name)?;
        // Room for its number, too: when it goes, the number is free.
        self.inodes.try_reserve(1).map_err(|_| FsError::NoSpace)?;
        let numbers = self.inodes.len() + 1 - self.free.len();
        self.free.try_reserve(numbers).map_err(|_| FsError::NoSpace)?;
        let is_directory = inode.file_type() == FileType::Directory;
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.inodes.push(None);
                self.inodes.len() as Number
            }
        };
        if let Some(slot) = self.inodes.get_mut(slot(number)) {
            *slot = Some(inode);
        }
        self.add_name(dir, name, number)?;
        if is_directory {
            self.get_mut(dir)?.links += 1;
        }
        Ok(number)
    }

    pub fn link(&mut self, dir: Number, name: &[u8], number: Number) -> Result<()> {
        self.free_name(dir, name)?;
        if self.get(number)?.file_type() == FileType::Directory {
            return Err(FsError::NotPermitted);
        }
        let name = self.room_for(dir, name)?;
        let inode = self.get_mut(number)?;
        inode.links += 1;
        inode.changed = crate::now();
        self.add_name(dir, name, number)
    }

    pub fn unlink(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let number = self.get(dir)?.directory()?.get(name).ok_or(FsError::NotFound)?;
        if self.get(number)?.file_type() == FileType::Directory {
            return Err(FsError::IsDirectory);
        }
        self.remove_name(dir, name)?;
        self.drop_links(number, 1);
        Ok(())
    }

    pub fn remove_dir(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let number = self.get(dir)?.directory()?.get(name).ok_or(FsError::NotFound)?;
        if !self.get(number)?.directory()?.is_empty() {
            return Err(FsError::NotEmpty);
        }
        self.remove_name(dir, name)?;
        self.get_mut(dir)?.links -= 1;
        self.get_mut(number)?.directory_mut()?.parent = None;
        self.drop_links(number, 2);
        Ok(())
    }

    pub fn rename(
        &mut self,
        (dir, name): (Number, &[u8]),
        (new_dir, new_name): (Number, &[u8]),
        keep: bool,
    ) -> Result<()> {
        check_name(new_name)?;
        let number = self.get(dir)?.directory()?.get(name).ok_or(FsError::NotFound)?;
        let moves_directory = self.get(number)?.file_type() == FileType::Directory;
        let target = self.get(new_dir)?.directory()?;
        if target.parent.is_none() {
            return Err(FsError::NotFound);
        }
        let replaced = target.get(new_name);
        if moves_directory && self.is_inside(new_dir, number)? {
            return Err(FsError::Invalid);
        }
        // Before anything is changed: a file must not lose its old name and get no new one.
        let room = self.room_for(new_dir, new_name)?;
        match replaced {
            Some(_) if keep => return Err(FsError::Exists),
            Some(replaced) if replaced == number => return Ok(()), // says POSIX
            Some(replaced) => match (moves_directory, self.get(replaced)?.directory()) {
                (true, Err(_)) => return Err(FsError::NotDirectory),
                (false, Ok(_)) => return Err(FsError::IsDirectory),
                (true, Ok(_)) => self.remove_dir(new_dir, new_name)?,
                (false, Err(_)) => self.unlink(new_dir, new_name)?,
            },
            None => {}
        }
        self.remove_name(dir, name)?;
        self.add_name(new_dir, room, number)?;
        if moves_directory {
            self.get_mut(dir)?.links -= 1;
            self.get_mut(new_dir)?.links += 1;
            self.get_mut(number)?.directory_mut()?.parent = Some(new_dir);
        }
        self.get_mut(number)?.changed = crate::now();
        Ok(())
    }

    /// Notes one more handle.
    pub fn hold(&mut self, number: Number) {
        if let Ok(inode) = self.get_mut(number) {
            inode.handles += 1;
        }
    }

    /// Notes one handle less.
    pub fn release(&mut self, number: Number) {
        if let Ok(inode) = self.get_mut(number) {
            inode.handles -= 1;
            self.collect(number);
        }
    }

    /// Whether `dir` is `ancestor` or below it.
    fn is_inside(&self, mut dir: Number, ancestor: Number) -> Result<bool> {
        while dir != ancestor {
            match self.get(dir)?.directory()?.parent {
                Some(parent) if parent != dir => dir = parent,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Checks that `name` can be added to `dir`.
    fn free_name(&self, dir: Number, name: &[u8]) -> Result<()> {
        check_name(name)?;
        let directory = self.get(dir)?.directory()?;
        match directory.get(name) {
            Some(_) => Err(FsError::Exists),
            None if directory.parent.is_none() => Err(FsError::NotFound), // it was removed
            None => Ok(()),
        }
    }

    /// Takes the memory that [`add_name`](Self::add_name) needs.
    fn room_for(&mut self, dir: Number, name: &[u8]) -> Result<Box<[u8]>> {
        self.get_mut(dir)?.directory_mut()?.room_for(name).map_err(|_| FsError::NoSpace)
    }

    fn add_name(&mut self, dir: Number, name: Box<[u8]>, number: Number) -> Result<()> {
        let inode = self.get_mut(dir)?;
        inode.directory_mut()?.insert(name, number);
        inode.touch();
        Ok(())
    }

    fn remove_name(&mut self, dir: Number, name: &[u8]) -> Result<()> {
        let inode = self.get_mut(dir)?;
        inode.directory_mut()?.remove(name);
        inode.touch();
        Ok(())
    }

    fn drop_links(&mut self, number: Number, links: u32) {
        if let Ok(inode) = self.get_mut(number) {
            inode.links = inode.links.saturating_sub(links);
            inode.changed = crate::now();
            self.collect(number);
        }
    }

    /// Frees an inode that nothing leads to any more.
    fn collect(&mut self, number: Number) {
        let Ok(inode) = self.get(number) else { return };
        if inode.links == 0 && inode.handles == 0 {
            if let Body::File(file) = &inode.body {
                self.room += file.pages();
            }
            if let Some(slot) = self.inodes.get_mut(slot(number)) {
                *slot = None;
                self.free.push(number);
            }
        }
    }
}

/// Where the inode with this number is.
fn slot(number: Number) -> usize {
    usize::try_from(number).map_or(usize::MAX, |number| number.wrapping_sub(1))
}

fn find_mut(inodes: &mut [Option<Inode>], number: Number) -> Result<&mut Inode> {
    inodes.get_mut(slot(number)).and_then(Option::as_mut).ok_or(FsError::NotFound)
}
