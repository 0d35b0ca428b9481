//! Files, gathered.

use crate::input::{InputLog, mark};
use crate::{Error, Source, cpio};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Symbolic links followed in one path, as Linux has it.
pub(crate) const LINKS_MAX: usize = 40;

/// Where a regular file's bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A file of the host, of this size.
    Host(PathBuf, u64),
    /// Here.
    Bytes(Arc<[u8]>),
}

/// What an entry is.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Directory,
    File(Content),
    Link(Vec<u8>),
}

/// A file, directory or symbolic link.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds since the epoch.
    pub mtime: u32,
    /// Entries with the same one are one file with several names.
    pub link: Option<Link>,
    /// Tells a file of the host from a changed one; 0 for what is no file of the host.
    pub mark: u64,
}

/// A file with several names: which source it is of, and its device and inode there.
pub(crate) type Link = (u32, u64, u64);

/// A path: its components.
pub(crate) type Components = Vec<Vec<u8>>;

/// The files of a root file system.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(crate) entries: BTreeMap<Components, Entry>,
    /// Sources that were added.
    pub(crate) sources: u32,
    /// What it was made from.
    pub(crate) log: InputLog,
}

pub(crate) fn components(path: &[u8]) -> Components {
    let parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).collect()
}

impl Tree {
    /// An empty root directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds everything that a source has.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn add_source(&mut self, source: &Source) -> Result<(), Error> {
        self.sources += 1;
        self.log.metadata(source.path());
        match source {
            Source::Directory(path) => {
                self.add_below(path, &Components::new(), &mut Vec::new()).map(drop)
            }
            Source::Cpio(path) => {
                let bytes = fs::read(path).map_err(Error::io(path))?;
                cpio::read(self, path, &bytes)
            }
            Source::Tar(path) => self.add_tar(path),
        }
    }

    /// Adds what is in the directory `root` at `base`; its regular files are added to `files`.
    /// Returns the links that lead out of it, and where they lead.
    pub(crate) fn add_below(
        &mut self,
        root: &Path,
        base: &[Vec<u8>],
        files: &mut Vec<PathBuf>,
    ) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
        let mut outside = Vec::new();
        let metadata = root.metadata().map_err(Error::io(root))?;
        self.log.note(root, Some(&metadata));
        self.insert(base.to_vec(), entry(What::Directory, &metadata));
        let mut open = vec![root.to_owned()];
        while let Some(directory) = open.pop() {
            for found in fs::read_dir(&directory).map_err(Error::io(&directory))? {
                let path = found.map_err(Error::io(&directory))?.path();
                let metadata = path.symlink_metadata().map_err(Error::io(&path))?;
                self.log.note(&path, Some(&metadata));
                let kind = metadata.file_type();
                let what = if kind.is_dir() {
                    open.push(path.clone());
                    What::Directory
                } else if kind.is_symlink() {
                    let target = fs::read_link(&path).map_err(Error::io(&path))?;
                    if let Some(target) = leads_out(root, &directory, &target) {
                        outside.push((path.clone(), target));
                    }
                    What::Link(target.into_os_string().into_encoded_bytes())
                } else if kind.is_socket()
                    || kind.is_fifo()
                    || kind.is_char_device()
                    || kind.is_block_device()
                {
                    continue; // the guest has devices of its own
                } else {
                    File::open(&path).map_err(Error::io(&path))?; // readable, or said now
                    files.push(path.clone());
                    What::File(Content::Host(path.clone(), metadata.len()))
                };
                let inside = path.strip_prefix(root).unwrap_or(&path);
                let mut entry = entry(what, &metadata);
                if kind.is_file() && metadata.nlink() > 1 {
                    entry.link = Some((self.sources, metadata.dev(), metadata.ino()));
                }
                let inside = components(inside.as_os_str().as_bytes());
                self.insert([base, &inside].concat(), entry);
            }
        }
        Ok(outside)
    }

    fn add_tar(&mut self, path: &Path) -> Result<(), Error> {
        let damaged = |e: std::io::Error| Error::Tar { path: path.to_owned(), why: e.to_string() };
        let mut magic = [0; 2];
        let mut file = File::open(path).map_err(Error::io(path))?;
        let _ = file.read(&mut magic).map_err(Error::io(path))?;
        let file = File::open(path).map_err(Error::io(path))?;
        let reader: Box<dyn Read> = if magic == [0x1f, 0x8b] {
            Box::new(flate2::read::GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut archive = tar::Archive::new(reader);
        let mut links = 0;
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            let name = components(&entry.path_bytes());
            if name.iter().any(|part| part == b"..") {
                continue;
            }
            let header = entry.header();
            let (mode, uid) = (header.mode().map_err(damaged)?, header.uid().map_err(damaged)?);
            let (gid, mtime) = (header.gid().map_err(damaged)?, header.mtime().map_err(damaged)?);
            let link = entry.link_name_bytes().map(|name| name.into_owned());
            let mut shared = None;
            let what = match entry.header().entry_type() {
                tar::EntryType::Directory => What::Directory,
                _ if name.is_empty() => continue,
                tar::EntryType::Symlink => What::Link(link.unwrap_or_default()),
                tar::EntryType::Link => {
                    let target = components(&link.unwrap_or_default());
                    let Some(target) = self.entries.get_mut(&target) else { continue };
                    links += 1;
                    shared = Some(*target.link.get_or_insert((self.sources, 0, links)));
                    target.what.clone()
                }
                tar::EntryType::Regular => {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).map_err(damaged)?;
                    What::File(Content::Bytes(bytes.into()))
                }
                _ => continue,
            };
            let number = |n: u64| n.min(u32::MAX.into()) as u32;
            self.insert(
                name,
                Entry {
                    what,
                    mode: mode & 0o7777,
                    uid: number(uid),
                    gid: number(gid),
                    mtime: number(mtime),
                    link: shared,
                    mark: 0,
                },
            );
        }
        Ok(())
    }

    /// Puts an entry at a path; directories above it are made where they are missing.
    pub(crate) fn insert(&mut self, path: Components, entry: Entry) {
        for end in 1..path.len() {
            let parent = self.entries.entry(path[..end].to_vec()).or_insert(DIRECTORY);
            if matches!(parent.what, What::File(_)) {
                *parent = DIRECTORY;
            }
        }
        self.entries.insert(path, entry);
    }

    /// Puts a file of the host at `guest`, whose directories may be symbolic links.
    ///
    /// # Errors
    /// The file cannot be read; links that go round in circles.
    pub fn insert_file(&mut self, guest: &str, host: &Path) -> Result<(), Error> {
        let fail = |why| Error::Guest { path: guest.to_owned(), why };
        let path =
            self.resolve(guest.as_bytes()).ok_or_else(|| fail("links go round in circles"))?;
        if path.is_empty() {
            return Err(fail("not a path of a file"));
        }
        let metadata = host.metadata().map_err(Error::io(host))?;
        self.log.metadata(host);
        let what = What::File(Content::Host(host.to_owned(), metadata.len()));
        self.insert(path, entry(what, &metadata));
        Ok(())
    }

    /// Puts a file with this text, or a directory, at a path where there is nothing yet.
    pub(crate) fn supply(&mut self, guest: &str, text: Option<&str>) {
        let Some(path) = self.resolve(guest.as_bytes()) else { return };
        if self.entries.contains_key(&path) {
            return;
        }
        let new = match text {
            None => DIRECTORY,
            Some(text) => {
                let what = What::File(Content::Bytes(text.as_bytes().into()));
                Entry { what, mode: 0o644, ..DIRECTORY }
            }
        };
        self.insert(path, new);
    }

    /// Whether there is something at `path` once links are followed.
    pub fn contains(&self, path: &str) -> bool {
        self.resolve(path.as_bytes()).is_some_and(|path| self.entries.contains_key(&path))
    }

    /// A path without links; `None` if they go round in circles.
    fn resolve(&self, path: &[u8]) -> Option<Components> {
        self.follow(components(path))
    }

    /// The same for the components of one.
    pub(crate) fn follow(&self, mut open: Components) -> Option<Components> {
        let mut done = Components::new();
        open.reverse();
        let mut links = 0;
        while let Some(part) = open.pop() {
            if part == b".." {
                done.pop();
                continue;
            }
            done.push(part);
            if let Some(Entry { what: What::Link(target), .. }) = self.entries.get(&done) {
                links += 1;
                if links > LINKS_MAX {
                    return None;
                }
                if target.starts_with(b"/") {
                    done.clear();
                } else {
                    done.pop();
                }
                open.extend(components(target).into_iter().rev());
            }
        }
        Some(done)
    }
}

/// Where a link in `directory` leads, if that is not below `root`.
fn leads_out(root: &Path, directory: &Path, target: &Path) -> Option<PathBuf> {
    let mut path = directory.to_owned();
    for part in target.components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    (!path.starts_with(root)).then_some(path)
}

/// An entry that is described as a file of the host is.
pub(crate) fn entry(what: What, metadata: &fs::Metadata) -> Entry {
    Entry {
        what,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: metadata.mtime().clamp(0, u32::MAX.into()) as u32,
        link: None,
        mark: mark(metadata),
    }
}

/// A directory that nobody described.
pub(crate) const DIRECTORY: Entry =
    Entry { what: What::Directory, mode: 0o755, uid: 0, gid: 0, mtime: 0, link: None, mark: 0 };
