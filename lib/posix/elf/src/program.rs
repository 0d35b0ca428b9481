//! What is to be run: the program and its surroundings, from the command line.

use crate::Error;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use unilith_cmdline::Word;
use unilith_fs_api::{FileType, FsError, NodeRef};
use unilith_vfs::vfs;

/// A program and what it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its path.
    pub path: Vec<u8>,
    /// Its name for itself, then its arguments.
    pub args: Vec<Vec<u8>>,
    /// Its environment: `NAME=value`.
    pub env: Vec<Vec<u8>>,
}

fn bytes(word: Word<'_>) -> Vec<u8> {
    word.bytes().collect()
}

impl Program {
    /// The one that the command line names.
    pub fn from_command_line() -> Result<Self, Error> {
        let path = unilith_cmdline::option("unilith.program").map(bytes);
        let path = path.filter(|path| !path.is_empty()).ok_or(Error::Unnamed)?;
        let name = unilith_cmdline::option("unilith.argv0").map_or_else(|| path.clone(), bytes);
        let args = core::iter::once(name).chain(unilith_cmdline::args().map(bytes)).collect();
        let env = unilith_cmdline::env()
            .map(|(name, value)| {
                let mut variable = bytes(name);
                variable.push(b'=');
                variable.extend(value.bytes());
                variable
            })
            .collect();
        Ok(Self { path, args, env })
    }

    /// Its path, for people.
    pub fn shown(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.path)
    }
}

/// The node at `path`, from `start` on if that is relative.
pub fn find(start: &NodeRef, path: &[u8]) -> Result<NodeRef, Error> {
    vfs().lookup(start, path, true).map_err(Error::File)
}

/// The contents of a program: in place if they are in memory, else a copy.
pub fn contents(node: &NodeRef) -> Result<Cow<'static, [u8]>, Error> {
    match node.file_type() {
        FileType::Regular => {}
        _ => return Err(Error::NotRegular),
    }
    match node.in_memory() {
        Some(bytes) => Ok(Cow::Borrowed(bytes)),
        None => read(node).map(Cow::Owned),
    }
}

fn read(node: &NodeRef) -> Result<Vec<u8>, Error> {
    let too_large = Error::Memory(unilith_posix_abi::Errno::ENOMEM);
    let size = usize::try_from(node.metadata().size).map_err(|_| too_large.clone())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| too_large)?;
    bytes.resize(size, 0);
    let mut done = 0;
    while done < size {
        match node.read_at(done as u64, &mut bytes[done..]) {
            Ok(0) => return Err(Error::Truncated),
            Ok(count) => done += count.min(size - done),
            Err(error) => return Err(Error::File(error)),
        }
    }
    Ok(bytes)
}

/// Bytes of the first line of a script that are looked at (BINPRM_BUF_SIZE).
const FIRST_LINE: usize = 256;

/// The interpreter that a script wants, and the one argument that it may have.
pub fn script(file: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let line = file.strip_prefix(b"#!")?;
    let line = line.get(..FIRST_LINE).unwrap_or(line).split(|&byte| byte == b'\n').next()?;
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (interpreter, argument) = line.split_at(end);
    let argument = argument.trim_ascii_start();
    (!interpreter.is_empty()).then_some((interpreter, Some(argument).filter(|a| !a.is_empty())))
}

impl Program {
    /// What to run for the script at its path: its interpreter's arguments take the place of its
    /// own name.
    pub fn interpreted(&self, interpreter: &[u8], argument: Option<&[u8]>, script: &[u8]) -> Self {
        let own = self.args.iter().skip(1).cloned();
        let mut args = Vec::new();
        args.push(interpreter.to_vec());
        args.extend(argument.map(<[u8]>::to_vec));
        args.push(script.to_vec());
        args.extend(own);
        Self { path: self.path.clone(), args, env: self.env.clone() }
    }
}

/// Errors of finding an interpreter.
pub fn interpreter_error(path: &[u8], error: Error) -> Error {
    let path = String::from_utf8_lossy(path).into_owned();
    match error {
        Error::File(error) => Error::Interpreter(path, error),
        Error::NotRegular => Error::Interpreter(path, FsError::Invalid),
        Error::Memory(_) | Error::Taken => error,
        _ => Error::BadInterpreter(path),
    }
}
