//! Who has which name.

use super::channel::Channel;
use super::connection::Listener;
use crate::address::Name;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::sync::Weak;
use alloc::vec::Vec;
use unilith_fs_api::NodeRef;
use unilith_posix_abi::{Errno, Result};
use unilith_sync::Lock;

/// What stands behind a name.
#[derive(Clone)]
pub enum Target {
    /// A socket that is bound, and does not listen.
    Silent(u32),
    /// A listening socket of a kind.
    Listener(u32, Weak<Listener>),
    /// What a datagram socket receives.
    Inbox(Weak<Channel>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Abstract(Vec<u8>),
    /// Device and number of the node.
    Node(u64, u64),
}

static NAMES: Lock<BTreeMap<Key, Target>> = Lock::new(BTreeMap::new());

/// A name that is taken, for as long as this lives.
pub struct Binding {
    /// The name, as getsockname(2) tells it.
    pub name: Name,
    key: Key,
    /// The node lives as long, so that no other gets its number.
    _node: Option<NodeRef>,
}

impl Binding {
    /// Takes `name`; none means any abstract one that is free. EADDRINUSE.
    pub fn new(name: &Name, target: Target) -> Result<Self> {
        let (key, node) = match name {
            Name::Unnamed => return Self::any(target),
            Name::Abstract(bytes) => (Key::Abstract(bytes.clone()), None),
            Name::Path(path) => {
                let node = paths::make(path)?;
                let id = node.id();
                (Key::Node(id.device, id.inode), Some(node))
            }
        };
        match NAMES.lock().entry(key.clone()) {
            Entry::Occupied(_) => return Err(Errno::EADDRINUSE),
            Entry::Vacant(place) => place.insert(target),
        };
        Ok(Self { name: name.clone(), key, _node: node })
    }

    /// Five hexadecimal digits, as unix(7) says.
    fn any(target: Target) -> Result<Self> {
        for number in 0..1u32 << 20 {
            let digit = |place: u32| b"0123456789abcdef"[(number >> (4 * place) & 15) as usize];
            let name = Name::Abstract((0..5).rev().map(digit).collect());
            match Self::new(&name, target.clone()) {
                Err(Errno::EADDRINUSE) => {}
                result => return result,
            }
        }
        Err(Errno::EADDRINUSE)
    }

    /// Puts something else behind the name.
    pub fn set(&self, target: Target) {
        NAMES.lock().insert(self.key.clone(), target);
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        let target = NAMES.lock().remove(&self.key);
        drop(target);
    }
}

/// What stands behind `name`. ECONNREFUSED if there is nothing, ENOENT if there is no such file.
pub fn find(name: &Name) -> Result<Target> {
    let key = match name {
        Name::Unnamed => return Err(Errno::EINVAL),
        Name::Abstract(bytes) => Key::Abstract(bytes.clone()),
        Name::Path(path) => {
            let id = paths::find(path)?.id();
            Key::Node(id.device, id.inode)
        }
    };
    NAMES.lock().get(&key).cloned().ok_or(Errno::ECONNREFUSED)
}

/// Names in the file system. The file systems hold no sockets yet: an empty file stands for one,
/// which makes names unique, and removable by unlink(2).
#[cfg(feature = "paths")]
mod paths {
    use unilith_fs_api::NodeRef;
    use unilith_posix_abi::{Errno, Fd, Result};
    use unilith_posix_fs::Place;

    /// What a socket's node permits, with the usual umask.
    const PERMISSIONS: u32 = 0o755;

    pub fn make(path: &[u8]) -> Result<NodeRef> {
        let found = Place::of(Fd::CWD, path.to_vec())?.walk(false)?;
        match (found.node, found.name) {
            (None, Some(name)) => Ok(found.parent.create(&name, PERMISSIONS)?),
            _ => Err(Errno::EADDRINUSE),
        }
    }

    pub fn find(path: &[u8]) -> Result<NodeRef> {
        Place::of(Fd::CWD, path.to_vec())?.node(true)
    }
}

/// An image without paths has abstract names only.
#[cfg(not(feature = "paths"))]
mod paths {
    use unilith_fs_api::NodeRef;
    use unilith_posix_abi::{Errno, Result};

    pub fn make(_: &[u8]) -> Result<NodeRef> {
        Err(Errno::EOPNOTSUPP)
    }

    pub fn find(_: &[u8]) -> Result<NodeRef> {
        Err(Errno::ENOENT)
    }
}
