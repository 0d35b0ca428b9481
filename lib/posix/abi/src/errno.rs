//! Error numbers.

use core::fmt;
use unilith_fs_api::FsError;
use unilith_posix_api::{Fault, MapError};

/// Why a system call failed (errno(3)).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(u16);

impl Errno {
    /// The error with this number.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The number, positive.
    pub const fn number(self) -> u16 {
        self.0
    }
}

macro_rules! errnos {
    ($($name:ident $doc:literal,)*) => {
        impl Errno {
            $(#[doc = $doc] pub const $name: Self = Self(linux_raw_sys::errno::$name as u16);)*
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str(stringify!($name)),)*
                    Self(number) => write!(f, "errno {number}"),
                }
            }
        }

        impl fmt::Display for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str($doc),)*
                    Self(number) => write!(f, "error {number}"),
                }
            }
        }
    };
}

errnos! {
    EPERM "Operation not permitted",
    ENOENT "No such file or directory",
    ESRCH "No such process",
    EINTR "Interrupted system call",
    EIO "Input/output error",
    ENXIO "No such device or address",
    E2BIG "Argument list too long",
    ENOEXEC "Exec format error",
    EBADF "Bad file descriptor",
    ECHILD "No child processes",
    EAGAIN "Resource temporarily unavailable",
    ENOMEM "Cannot allocate memory",
    EACCES "Permission denied",
    EFAULT "Bad address",
    EBUSY "Device or resource busy",
    EEXIST "File exists",
    EXDEV "Invalid cross-device link",
    ENODEV "No such device",
    ENOTDIR "Not a directory",
    EISDIR "Is a directory",
    EINVAL "Invalid argument",
    ENFILE "Too many open files in system",
    EMFILE "Too many open files",
    ENOTTY "Inappropriate ioctl for device",
    EFBIG "File too large",
    ENOSPC "No space left on device",
    ESPIPE "Illegal seek",
    EROFS "Read-only file system",
    EMLINK "Too many links",
    EPIPE "Broken pipe",
    EDOM "Numerical argument out of domain",
    ERANGE "Numerical result out of range",
    ENAMETOOLONG "File name too long",
    ENOSYS "Function not implemented",
    ENOTEMPTY "Directory not empty",
    ELOOP "Too many levels of symbolic links",
    EOVERFLOW "Value too large for defined data type",
    EOPNOTSUPP "Operation not supported",
    ENOTSOCK "Socket operation on non-socket",
    EDESTADDRREQ "Destination address required",
    EMSGSIZE "Message too long",
    EPROTOTYPE "Protocol wrong type for socket",
    ENOPROTOOPT "Protocol not available",
    EPROTONOSUPPORT "Protocol not supported",
    ESOCKTNOSUPPORT "Socket type not supported",
    EAFNOSUPPORT "Address family not supported by protocol",
    EADDRINUSE "Address already in use",
    EADDRNOTAVAIL "Cannot assign requested address",
    ENETUNREACH "Network is unreachable",
    ECONNABORTED "Software caused connection abort",
    ECONNRESET "Connection reset by peer",
    ENOBUFS "No buffer space available",
    EISCONN "Transport endpoint is already connected",
    ENOTCONN "Transport endpoint is not connected",
    ETOOMANYREFS "Too many references: cannot splice",
    ECONNREFUSED "Connection refused",
    EHOSTUNREACH "No route to host",
    EALREADY "Operation already in progress",
    EINPROGRESS "Operation now in progress",
    ETIMEDOUT "Connection timed out",
}

/// The one place where errors of file systems become numbers.
impl From<FsError> for Errno {
    fn from(error: FsError) -> Self {
        match error {
            FsError::NotFound => Self::ENOENT,
            FsError::Exists => Self::EEXIST,
            FsError::NotDirectory => Self::ENOTDIR,
            FsError::IsDirectory => Self::EISDIR,
            FsError::NotEmpty => Self::ENOTEMPTY,
            FsError::ReadOnly => Self::EROFS,
            FsError::CrossDevice => Self::EXDEV,
            FsError::NameTooLong => Self::ENAMETOOLONG,
            FsError::TooManyLinks => Self::ELOOP,
            FsError::NoSpace => Self::ENOSPC,
            FsError::TooLarge => Self::EFBIG,
            FsError::NoMemory => Self::ENOMEM,
            FsError::Invalid => Self::EINVAL,
            FsError::NotPermitted => Self::EPERM,
            FsError::Busy => Self::EBUSY,
            FsError::Io => Self::EIO,
            FsError::Unsupported => Self::EOPNOTSUPP,
        }
    }
}

impl From<Fault> for Errno {
    fn from(_: Fault) -> Self {
        Self::EFAULT
    }
}

impl From<MapError> for Errno {
    fn from(error: MapError) -> Self {
        match error {
            MapError::NoMemory => Self::ENOMEM,
            MapError::Invalid => Self::EINVAL,
        }
    }
}
