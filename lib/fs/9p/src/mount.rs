//! Mounting what the command line says.

use crate::client::Client;
use crate::error::Failure;
use crate::node;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use unilith_fs_api::{FsError, NodeRef};
use unilith_p9_api::Channel;
use unilith_vfs::{Vfs, vfs};

/// Why a volume could not be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The word is not `TAG:/path`.
    Word,
    /// No device has this tag.
    Tag,
    /// There is no 9P2000.L server at the other end.
    Server,
    /// The server refuses to share the directory.
    Attach(FsError),
    /// Nothing can be mounted at this path.
    Path(FsError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word => f.write_str("should be TAG:/path"),
            Self::Tag => f.write_str("the machine has no volume with this tag"),
            Self::Server => f.write_str("the other end does not speak 9P2000.L"),
            Self::Attach(error) => write!(f, "the server refuses: {error}"),
            Self::Path(error) => write!(f, "cannot mount there: {error}"),
        }
    }
}

impl core::error::Error for Error {}

/// The root directory of what the server at the other end of a channel shares.
///
/// # Errors
/// [`Error::Server`], [`Error::Attach`]
pub fn root(channel: Arc<dyn Channel>) -> Result<NodeRef, Error> {
    let client = Client::new(channel).map_err(|_| Error::Server)?;
    node::root(&Arc::new(client)).map_err(|failure| match failure {
        Failure::Refused(error) | Failure::Unsent(error) => Error::Attach(error),
        Failure::Broken => Error::Server,
    })
}

/// Mounts a volume as `TAG:/path` says, in directories that are made if they are missing.
fn mount(
    vfs: &Vfs,
    word: &[u8],
    find: impl Fn(&[u8]) -> Option<Arc<dyn Channel>>,
) -> Result<(), Error> {
    let colon = word.iter().position(|&byte| byte == b':').ok_or(Error::Word)?;
    let (tag, path) = (word.get(..colon), word.get(colon + 1..));
    let (Some(tag), Some(path @ [b'/', ..])) = (tag, path) else { return Err(Error::Word) };
    let root = root(find(tag).ok_or(Error::Tag)?)?;
    if let Ok(start) = vfs.root() {
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        for end in ends.map(|(index, _)| index).chain([path.len()]) {
            // If that fails it is there, or the last name needs no directory; else mounting fails.
            let _ = vfs.create_dir(&start, path.get(..end).unwrap_or(path), 0o755);
        }
    }
    vfs.mount(path, root).map_err(Error::Path)
}

/// Mounts what the words `9p.mount=TAG:/path` of the command line say; `find` gives the channel
/// that has a tag. What cannot be mounted ends the image with status 1: the application would
/// write what should survive to where it does not.
pub fn mount_all(find: fn(&[u8]) -> Option<Arc<dyn Channel>>) {
    for word in unilith_cmdline::values("9p.mount") {
        let word: Vec<u8> = word.bytes().collect();
        if let Err(error) = mount(vfs(), &word, find) {
            let word = String::from_utf8_lossy(&word);
            unilith_print::eprintln!("unilith: 9p.mount={}: {}", word, error);
            unilith_exit::exit(1);
        }
    }
}
