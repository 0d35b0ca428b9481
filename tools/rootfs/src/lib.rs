//! Root file systems: what goes into an image's initial RAM disk.
//!
//! A [`Tree`] gathers files from directories, archives and single host files, and what a dynamic
//! program needs beside itself; [`Tree::write`] makes a cpio archive (newc) of it, which the guest
//! reads in place. [`cached_image`] does so only when an input has changed. [`sniff`] tells what a file is by its content.
#![forbid(unsafe_code)]

mod cache;
mod cpio;
mod dynamic;
mod gather;
mod hint;
mod input;
mod ldcache;
mod place;
mod sniff;
mod tree;

pub use cache::{Include, Program, RootImage, Spec, cached_image};
pub(crate) use input::InputLog;
pub use place::guest_path;
pub use sniff::{Kind, sniff};
pub use tree::Tree;

use std::path::{Path, PathBuf};

/// Why a root file system cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A cpio archive is not what it should be.
    #[error("{}: {why}, at byte {offset}; make it again, for example with: find . | cpio -o -H newc", path.display())]
    Cpio {
        /// Which.
        path: PathBuf,
        /// Where.
        offset: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A tar archive is not what it should be.
    #[error("{}: not a whole tar archive ({why}); make it again, for example with: tar -cf {} -C DIR .", path.display(), path.display())]
    Tar {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is nothing at all.
    #[error("{}: no such file or directory; give a directory, a cpio (newc) or a tar archive", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// Neither a directory nor an archive that we read.
    #[error("{}: not a root file system; give a directory, a cpio (newc) or a tar archive", path.display())]
    Unknown {
        /// Which.
        path: PathBuf,
    },
    /// What is needed is not there.
    #[error("{path} is missing in the root file system")]
    Lacks {
        /// The guest's path.
        path: String,
    },
    /// A library that this machine does not have.
    #[error("{by} needs {name}, which this machine lacks{hint}")]
    Library {
        /// Which.
        name: String,
        /// Who needs it.
        by: String,
        /// How to get it.
        hint: String,
    },
    /// A path in the tree that cannot be there.
    #[error("{path}: {why}")]
    Guest {
        /// The guest's path.
        path: String,
        /// Why not.
        why: &'static str,
    },
}

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Where a root file system comes from.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub enum Source {
    /// A directory.
    Directory(PathBuf),
    /// A cpio archive (newc).
    Cpio(PathBuf),
    /// A tar archive, perhaps compressed by gzip.
    Tar(PathBuf),
}

impl Source {
    /// Finds out what `path` is.
    ///
    /// # Errors
    /// It cannot be read, or is none of the three.
    pub fn detect(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::Missing { path: path.to_owned() });
        }
        match sniff(path)? {
            Kind::Directory => Ok(Self::Directory(path.to_owned())),
            Kind::Cpio => Ok(Self::Cpio(path.to_owned())),
            Kind::Tar | Kind::Gzip => Ok(Self::Tar(path.to_owned())),
            _ => Err(Error::Unknown { path: path.to_owned() }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Directory(path) | Self::Cpio(path) | Self::Tar(path) => path,
        }
    }
}
