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

/// The contents of the program at `path`: in place if they are in memory, else a copy.
pub fn contents(path: &[u8]) -> Result<Cow<'static, [u8]>, Error> {
    let find = || vfs().lookup(&vfs().root()?, path, true);
    let node = find().map_err(Error::File)?;
    match node.file_type() {
        FileType::Regular => {}
        _ => return Err(Error::NotRegular),
    }
    match node.in_memory() {
        Some(bytes) => Ok(Cow::Borrowed(bytes)),
        None => read(&node).map(Cow::Owned),
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

/// What a script says that it wants to be run by.
pub fn script(file: &[u8]) -> Option<Error> {
    let line = file.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line.get(..256).unwrap_or(line));
    Some(Error::Script(line.trim().into()))
}

/// Errors of finding an interpreter.
pub fn interpreter_error(path: &[u8], error: Error) -> Error {
    let path = String::from_utf8_lossy(path).into_owned();
    match error {
        Error::File(error) => Error::Interpreter(path, error),
        Error::NotRegular => Error::Interpreter(path, FsError::Invalid),
        Error::Memory(_) => error,
        _ => Error::BadInterpreter(path),
    }
}
