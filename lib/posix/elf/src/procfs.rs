//! What /proc tells about the program (proc(5)).

use crate::Program;
use alloc::vec::Vec;
use unilith_fs_api::FsError;
use unilith_posix_task::{ProcessLocal, nothing};
use unilith_procfs_api::Entry;
use unilith_vfs::vfs;

/// Files of /proc.
pub const PROCFS: &[Entry] = &[
    Entry::link("self/exe", executable),
    Entry::text("self/cmdline", || lines(|program| program.args)),
    Entry::text("self/environ", || lines(|program| program.env)),
];

/// What each process runs, once it has a program.
static RUNNING: ProcessLocal<Option<Program>> = ProcessLocal::new(|| None, Clone::clone, nothing);

/// Remembers what the current process runs.
pub fn set_running(program: Program) {
    let before = RUNNING.with(|running| running.replace(program));
    drop(before);
}

fn running() -> Result<Program, FsError> {
    RUNNING.with(|running| running.clone()).ok_or(FsError::NotFound)
}

/// The path of the program's file, without symbolic links.
fn executable() -> Result<Vec<u8>, FsError> {
    let program = running()?;
    let found = vfs().walk(&vfs().root()?, &program.path, true)?;
    let mut path = vfs().path_of(&found.parent)?;
    if path != b"/" {
        path.push(b'/');
    }
    path.extend(found.name.ok_or(FsError::NotFound)?);
    Ok(path)
}

/// Strings, each with a NUL after it.
fn lines(which: fn(Program) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Ok(program) = running() {
        for line in which(program) {
            text.extend(line);
            text.push(0);
        }
    }
    text
}
