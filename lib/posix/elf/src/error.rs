//! Why a program cannot be started, and what to do about it.

use crate::format::MACHINE_NAME;
use alloc::string::String;
use core::fmt;
use unilith_fs_api::FsError;
use unilith_posix_abi::Errno;

/// Why a program cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The command line names no program.
    Unnamed,
    /// The file cannot be had.
    File(FsError),
    /// It is no file with contents.
    NotRegular,
    /// It is not executable.
    Permission,
    /// It is a script whose interpreter is a script, and so on.
    Scripts,
    /// It does not begin like an ELF file.
    NotElf,
    /// It is ELF for another machine, or not 64-bit little-endian.
    Machine,
    /// It is ELF, but neither executable nor position-independent.
    NotExecutable,
    /// It ends before its contents do.
    Truncated,
    /// A header contradicts itself: which one, and how.
    Broken(&'static str),
    /// A segment is writable and executable at once.
    WriteExecute,
    /// Its segments are at addresses that an application cannot have.
    Addresses,
    /// Its segments are at addresses that another process has.
    Taken,
    /// Its interpreter (PT_INTERP) cannot be had.
    Interpreter(String, FsError),
    /// Its interpreter has an interpreter, or is not position-independent.
    BadInterpreter(String),
    /// Arguments and environment do not fit onto its stack.
    Arguments,
    /// There is not enough memory.
    Memory(Errno),
}

impl Error {
    /// The error of execve(2).
    pub fn errno(&self) -> Errno {
        const ELIBBAD: Errno = Errno::from_number(80);
        match self {
            Self::Unnamed => Errno::ENOENT,
            Self::File(error) | Self::Interpreter(_, error) => (*error).into(),
            Self::NotRegular | Self::Permission => Errno::EACCES,
            Self::Scripts => Errno::ELOOP,
            Self::NotElf
            | Self::Machine
            | Self::NotExecutable
            | Self::Truncated
            | Self::Broken(_)
            | Self::WriteExecute => Errno::ENOEXEC,
            Self::Addresses | Self::Taken => Errno::ENOMEM,
            Self::BadInterpreter(_) => ELIBBAD,
            Self::Arguments => Errno::E2BIG,
            Self::Memory(error) => *error,
        }
    }

    /// Whether the error number hides what is particular to this system: then it should be said.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::WriteExecute | Self::Addresses | Self::Taken)
    }

    /// The exit status that a shell would give.
    pub fn status(&self) -> u8 {
        match self {
            Self::Unnamed | Self::File(FsError::NotFound | FsError::NotDirectory) => 127,
            _ => 126,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str(
                "no program to run: put unilith.program=/path/of/it on the command line",
            ),
            Self::File(FsError::NotFound) => {
                f.write_str("no such file; is it in the root file system of the image?")
            }
            Self::File(error) => error.fmt(f),
            Self::NotRegular => f.write_str("not a regular file"),
            Self::Permission => f.write_str("it is not executable"),
            Self::Scripts => f.write_str("the interpreter of this script is a script itself"),
            Self::NotElf => f.write_str("not an ELF program"),
            Self::Machine => {
                write!(f, "built for another machine; this image runs {MACHINE_NAME} programs")
            }
            Self::NotExecutable => f.write_str("an ELF file, but not a program (is it a library?)"),
            Self::Truncated => f.write_str("the file is cut off"),
            Self::Broken(what) => write!(f, "the file is broken: {what}"),
            Self::WriteExecute => f.write_str(
                "a segment is writable and executable at once; link it with -z noexecstack \
                 and without -N",
            ),
            Self::Addresses => f.write_str(
                "it must be at addresses that are not available; link it as position-independent",
            ),
            Self::Taken => f.write_str(
                "it must be at addresses that another process has, and there is one address space; \
                 link it as position-independent",
            ),
            Self::Interpreter(path, error) => write!(
                f,
                "its interpreter {path} cannot be loaded: {error}; \
                 put it into the root file system, or link statically"
            ),
            Self::BadInterpreter(path) => {
                write!(f, "its interpreter {path} is not a dynamic loader")
            }
            Self::Arguments => f.write_str(
                "arguments and environment are too long for its stack; raise ELF_STACK_KIB",
            ),
            Self::Memory(Errno::ENOMEM) => f.write_str("not enough memory; give the machine more"),
            Self::Memory(error) => write!(f, "cannot map it: {error}"),
        }
    }
}

impl core::error::Error for Error {}
