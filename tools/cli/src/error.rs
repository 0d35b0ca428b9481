//! What can go wrong, and the exit status that says so.

use std::fmt;

/// An error for the user: one message that says what to do.
#[derive(Debug)]
pub enum Error {
    /// What was asked for makes no sense: exit status 2.
    Usage(String),
    /// It makes sense and failed: exit status 1.
    Failed(String),
}

impl Error {
    pub fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    pub fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    pub fn failed(error: impl fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl From<unilith_image::Error> for Error {
    fn from(error: unilith_image::Error) -> Self {
        match error {
            unilith_image::Error::Build { .. } | unilith_image::Error::Io { .. } => {
                Self::failed(error)
            }
            unilith_image::Error::File { .. } | unilith_image::Error::Config(_) => {
                Self::usage(error)
            }
        }
    }
}

impl From<unilith_rootfs::Error> for Error {
    fn from(error: unilith_rootfs::Error) -> Self {
        match error {
            unilith_rootfs::Error::Io { .. } => Self::failed(error),
            _ => Self::usage(error),
        }
    }
}

/// A command's exit status, or why it has none of its own.
pub type Result<T = u8> = std::result::Result<T, Error>;
