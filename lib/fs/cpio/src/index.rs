//! The index over an archive: inodes, and the names in each directory.

use crate::format::{Entry, Error, Item, Problem, Reader};
use alloc::boxed::Box;
use alloc::vec::Vec;
use unilith_fs_api::FileType;

/// Position of an inode in [`Index::inodes`].
pub type Number = u32;
/// The root directory.
pub const ROOT: Number = 0;

/// An inode.
pub struct Inode {
    pub file_type: FileType,
    pub permissions: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    /// Seconds since the Unix epoch.
    pub modified: u32,
    pub device_number: (u32, u32),
    /// Contents of a file, target of a symbolic link.
    pub data: &'static [u8],
    /// The directory that a directory is in; itself for the root.
    pub parent: Number,
    /// The entries of a directory, sorted by name.
    pub entries: Box<[(&'static [u8], Number)]>,
}

/// All inodes of an archive.
pub struct Index {
    pub inodes: Box<[Inode]>,
}

/// Number and device of an inode where the archive was made.
type LinkKey = (u32, (u32, u32));

struct Builder {
    inodes: Vec<Inode>,
    /// The entries of each directory, sorted by name; empty for anything else. Who makes archives
    /// mostly sorts them, too.
    entries: Vec<Vec<(&'static [u8], Number)>>,
    /// Files of the archive that is being read which have more than one name, sorted.
    linked: Vec<(LinkKey, Number)>,
}

impl Index {
    pub fn build(archive: &'static [u8]) -> Result<Self, Error> {
        let mut builder = Builder { inodes: Vec::new(), entries: Vec::new(), linked: Vec::new() };
        let at_start = |problem| Error { offset: 0, problem };
        builder.add(directory(ROOT)).map_err(at_start)?;
        let mut reader = Reader::new(archive);
        while let Some(item) = reader.next()? {
            match item {
                Item::Entry(entry) => builder
                    .insert(&entry)
                    .map_err(|problem| Error { offset: entry.offset, problem })?,
                // Inode numbers mean something within one archive only.
                Item::Trailer => builder.linked.clear(),
            }
        }
        Ok(builder.finish())
    }

    pub fn get(&self, number: Number) -> Option<&Inode> {
        self.inodes.get(number as usize)
    }
}

/// A directory that the archive does not have, but needs.
fn directory(parent: Number) -> Inode {
    Inode {
        file_type: FileType::Directory,
        permissions: 0o755,
        uid: 0,
        gid: 0,
        links: 0,
        modified: 0,
        device_number: (0, 0),
        data: &[],
        parent,
        entries: Box::default(),
    }
}

/// An archive of many small files has an index that is larger than itself.
fn room_for_one<T>(list: &mut Vec<T>) -> Result<&mut Vec<T>, Problem> {
    list.try_reserve(1).map_err(|_| Problem::Memory)?;
    Ok(list)
}

impl Builder {
    fn add(&mut self, inode: Inode) -> Result<Number, Problem> {
        let number = Number::try_from(self.inodes.len()).map_err(|_| Problem::TooMany)?;
        room_for_one(&mut self.inodes)?.push(inode);
        room_for_one(&mut self.entries)?.push(Vec::new());
        Ok(number)
    }

    fn entry(&self, dir: Number, name: &[u8]) -> Option<Number> {
        let entries = self.entries.get(dir as usize)?;
        let index = entries.binary_search_by_key(&name, |&(name, _)| name).ok()?;
        Some(entries[index].1)
    }

    fn set_entry(
        &mut self,
        dir: Number,
        name: &'static [u8],
        number: Number,
    ) -> Result<(), Problem> {
        let Some(entries) = self.entries.get_mut(dir as usize) else { return Ok(()) };
        if entries.last().is_none_or(|&(last, _)| last < name) {
            room_for_one(entries)?.push((name, number));
            return Ok(());
        }
        match entries.binary_search_by_key(&name, |&(name, _)| name) {
            Ok(index) => entries[index].1 = number,
            Err(index) => room_for_one(entries)?.insert(index, (name, number)),
        }
        Ok(())
    }

    fn inode(&mut self, number: Number) -> Option<&mut Inode> {
        self.inodes.get_mut(number as usize)
    }

    fn is_directory(&self, number: Number) -> bool {
        let inode = self.inodes.get(number as usize);
        inode.is_some_and(|inode| inode.file_type == FileType::Directory)
    }

    fn insert(&mut self, entry: &Entry) -> Result<(), Problem> {
        let file_type = FileType::from_mode(entry.mode).ok_or(Problem::Type)?;
        let mut names =
            entry.path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
        let mut dir = ROOT;
        let Some(mut name) = names.next() else {
            if file_type != FileType::Directory {
                return Err(Problem::NotDirectory);
            }
            self.update(ROOT, entry);
            return Ok(());
        };
        for next in names {
            dir = self.enter(dir, name)?;
            name = next;
        }

        let existing = self.entry(dir, name);
        let existing_dir = existing.filter(|&number| self.is_directory(number));
        let number = match (existing_dir, file_type) {
            (Some(number), FileType::Directory) => number,
            (Some(_), _) => return Err(Problem::NotDirectory),
            (None, FileType::Regular) if entry.links > 1 => {
                let key = (entry.inode, entry.device);
                match self.linked.binary_search_by_key(&key, |&(key, _)| key) {
                    Ok(index) => self.linked[index].1,
                    Err(index) => {
                        let number = self.add(directory(dir))?;
                        room_for_one(&mut self.linked)?.insert(index, (key, number));
                        number
                    }
                }
            }
            (None, _) => self.add(directory(dir))?,
        };
        if let Some(inode) = self.inode(number) {
            inode.file_type = file_type;
        }
        self.update(number, entry);
        self.set_entry(dir, name, number)
    }

    /// The directory `name` in `dir`, made if there is none.
    fn enter(&mut self, dir: Number, name: &'static [u8]) -> Result<Number, Problem> {
        match self.entry(dir, name) {
            Some(number) if self.is_directory(number) => Ok(number),
            Some(_) => Err(Problem::NotDirectory),
            None => {
                let number = self.add(directory(dir))?;
                self.set_entry(dir, name, number)?;
                Ok(number)
            }
        }
    }

    fn update(&mut self, number: Number, entry: &Entry) {
        let Some(inode) = self.inode(number) else { return };
        inode.permissions = entry.mode & 0o7777;
        inode.uid = entry.uid;
        inode.gid = entry.gid;
        inode.modified = entry.modified;
        inode.device_number = entry.device_number;
        // Of several names for one file, one entry only carries the contents.
        if !entry.data.is_empty() || entry.links <= 1 {
            inode.data = entry.data;
        }
    }

    /// Counts the names of each inode, now that it is known which ones were replaced.
    fn finish(mut self) -> Index {
        for dir in 0..self.inodes.len() {
            let entries = core::mem::take(&mut self.entries[dir]).into_boxed_slice();
            for &(_, number) in &entries {
                let number = number as usize;
                match self.inodes[number].file_type {
                    // Its own `.` and its name; and its `..` is one more name of the parent.
                    FileType::Directory => {
                        self.inodes[number].links += 2;
                        self.inodes[dir].links += 1;
                    }
                    _ => self.inodes[number].links += 1,
                }
            }
            self.inodes[dir].entries = entries;
        }
        self.inodes[ROOT as usize].links += 2;
        Index { inodes: self.inodes.into_boxed_slice() }
    }
}
