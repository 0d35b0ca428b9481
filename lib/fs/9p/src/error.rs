//! Errors of the server.

use unilith_fs_api::FsError;
use unilith_p9_api::ChannelError;

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server says so.
    Refused(FsError),
    /// The request was not sent.
    Unsent(FsError),
    /// There is no proper answer: what the server has done is not known.
    Broken,
}

impl From<Failure> for FsError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) | Failure::Unsent(error) => error,
            Failure::Broken => Self::Io,
        }
    }
}

impl From<ChannelError> for Failure {
    fn from(_: ChannelError) -> Self {
        Self::Broken
    }
}

/// The error that a number of Linux means (Rlerror).
pub fn from_number(number: u32) -> FsError {
    match number {
        1 | 13 => FsError::NotPermitted, // EPERM, EACCES
        2 => FsError::NotFound,          // ENOENT
        12 => FsError::NoMemory,         // ENOMEM
        16 | 26 => FsError::Busy,        // EBUSY, ETXTBSY
        17 => FsError::Exists,           // EEXIST
        18 => FsError::CrossDevice,      // EXDEV
        20 => FsError::NotDirectory,     // ENOTDIR
        21 => FsError::IsDirectory,      // EISDIR
        22 => FsError::Invalid,          // EINVAL
        27 => FsError::TooLarge,         // EFBIG
        28 | 122 => FsError::NoSpace,    // ENOSPC, EDQUOT
        30 => FsError::ReadOnly,         // EROFS
        36 => FsError::NameTooLong,      // ENAMETOOLONG
        38 | 95 => FsError::Unsupported, // ENOSYS, EOPNOTSUPP
        39 => FsError::NotEmpty,         // ENOTEMPTY
        40 => FsError::TooManyLinks,     // ELOOP
        _ => FsError::Io,
    }
}
