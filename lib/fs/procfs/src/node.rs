//! Nodes of a tree.

use crate::tree::{Place, SELF, Tree};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use unilith_fs_api::{
    DirEntry, FileType, FsError, Metadata, MetadataChange, Node, NodeId, NodeRef, Result, StatFs,
    Timestamp,
};
use unilith_procfs_api::{Content, Links, text};
use unilith_sync::Lock;

struct ProcNode {
    tree: Arc<Tree>,
    place: Place,
    /// The content, since reading started: so that a reader of pieces gets one state of it.
    text: Lock<Option<Arc<Vec<u8>>>>,
}

pub fn root(tree: Tree) -> NodeRef {
    node(&Arc::new(tree), Place::Directory(""))
}

fn node(tree: &Arc<Tree>, place: Place) -> NodeRef {
    Arc::new(ProcNode { tree: tree.clone(), place, text: Lock::new(None) })
}

fn file_type(place: Place) -> FileType {
    match place {
        Place::Directory(_) => FileType::Directory,
        Place::Number(..) => FileType::Symlink,
        Place::Entry(_, entry) => match entry.content {
            Content::Text(_) | Content::Setting(..) => FileType::Regular,
            Content::Link(_) => FileType::Symlink,
            Content::Links(_) => FileType::Directory,
        },
    }
}

impl ProcNode {
    fn links(&self) -> Option<Links> {
        match self.place {
            Place::Entry(_, entry) | Place::Number(_, entry, _) => match entry.content {
                Content::Links(links) => Some(links),
                _ => None,
            },
            Place::Directory(_) => None,
        }
    }

    /// The content, made anew at the start.
    fn text(&self, offset: u64) -> Result<Arc<Vec<u8>>> {
        let Place::Entry(_, entry) = self.place else { return Err(FsError::Invalid) };
        let (Content::Text(make) | Content::Setting(make, _)) = entry.content else {
            return Err(FsError::Invalid);
        };
        let known = self.text.lock().clone();
        match known.filter(|_| offset > 0) {
            Some(text) => Ok(text),
            None => {
                let text = Arc::new(make());
                *self.text.lock() = Some(text.clone());
                Ok(text)
            }
        }
    }
}

impl Node for ProcNode {
    fn id(&self) -> NodeId {
        NodeId { device: self.tree.device, inode: self.tree.inode(self.place) }
    }

    fn file_type(&self) -> FileType {
        file_type(self.place)
    }

    fn metadata(&self) -> Metadata {
        let now = Timestamp::from_ns(unilith_platform::realtime_ns());
        let file_type = self.file_type();
        let permissions = match file_type {
            FileType::Directory => 0o555,
            FileType::Symlink => 0o777,
            _ if self.is_read_only() => 0o444,
            _ => 0o644,
        };
        Metadata {
            links: if file_type == FileType::Directory { 2 } else { 1 },
            block_size: 1024,
            accessed: now,
            modified: now,
            changed: now,
            ..Metadata::new(self.id(), file_type, permissions)
        }
    }

    fn set_metadata(&self, _: &MetadataChange) -> Result<()> {
        Err(FsError::NotPermitted)
    }

    fn statfs(&self) -> StatFs {
        StatFs::without_storage(self.tree.magic)
    }

    fn is_read_only(&self) -> bool {
        !matches!(self.place, Place::Entry(_, entry) if matches!(entry.content, Content::Setting(..)))
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        if self.file_type() == FileType::Directory {
            return Err(FsError::IsDirectory);
        }
        let text = self.text(offset)?;
        let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..));
        let rest = rest.unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, _: u64, data: &[u8]) -> Result<usize> {
        match self.place {
            Place::Entry(_, entry) => match entry.content {
                Content::Setting(_, set) => set(data).map(|()| data.len()),
                _ => Err(FsError::Io),
            },
            _ => Err(FsError::Invalid),
        }
    }

    /// As on Linux: open(2) with O_TRUNC does not fail, but there is nothing to cut off.
    fn truncate(&self, _: u64) -> Result<()> {
        match self.is_read_only() {
            true => Err(FsError::NotPermitted),
            false => Ok(()),
        }
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match (self.place, self.links()) {
            (Place::Number(_, _, number), Some(links)) => (links.target)(number),
            (Place::Entry(_, entry), _) => match entry.content {
                Content::Link(target) => target(),
                _ => Err(FsError::Invalid),
            },
            _ => Err(FsError::Invalid),
        }
    }

    fn jump(&self) -> Option<NodeRef> {
        match self.place {
            Place::Number(_, _, number) => (self.links()?.node)(number),
            _ => None,
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<NodeRef> {
        let place = match (self.place, self.links()) {
            (Place::Directory(prefix), _) => self.tree.child(prefix, name),
            (Place::Entry(index, entry), Some(links)) => number(name)
                .filter(|&number| (links.target)(number).is_ok())
                .map(|number| Place::Number(index, entry, number)),
            _ => return Err(FsError::NotDirectory),
        };
        place.map(|place| node(&self.tree, place)).ok_or(FsError::NotFound)
    }

    fn parent(&self) -> Result<NodeRef> {
        let path = match self.place {
            Place::Directory(path) => path,
            Place::Entry(_, entry) if self.links().is_some() => entry.path,
            _ => return Err(FsError::NotDirectory),
        };
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Ok(node(&self.tree, Place::Directory(if path == SELF { "" } else { parent })))
    }

    fn read_dir(&self, cookie: u64, visit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> Result<()> {
        let mut entry = |name: &[u8], place: Place, next: u64| {
            let (inode, file_type) = (self.tree.inode(place), file_type(place));
            visit(DirEntry { name, inode, file_type, next })
        };
        match (self.place, self.links()) {
            (Place::Directory(prefix), _) => {
                for child in self.tree.children(prefix, cookie) {
                    if !entry(&child.name, child.place, child.next) {
                        break;
                    }
                }
            }
            (Place::Entry(index, link), Some(links)) => {
                for number in (links.numbers)() {
                    let next = u64::from(number) + 1;
                    let place = Place::Number(index, link, number);
                    if next > cookie && !entry(&text!("{number}"), place, next) {
                        break;
                    }
                }
            }
            _ => return Err(FsError::NotDirectory),
        }
        Ok(())
    }
}

/// A number in its shortest form.
fn number(name: &[u8]) -> Option<u32> {
    if name.len() > 1 && name.starts_with(b"0") || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}
