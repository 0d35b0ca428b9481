//! execve(2): a running process gets a new program.
//!
//! The new program is loaded beside the old one, into areas of its own, so that an error leaves
//! everything as it was; then the process changes over, and what only the old program had is
//! freed. What belongs to the process (descriptors, directory, ignored signals) stays.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::vec::Vec;
use unilith_elf::Program;
use unilith_fs_api::{FileType, NodeRef};
use unilith_posix_abi::raw::general::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW};
use unilith_posix_abi::{Entry, Errno, Fd, Result, UserPtr, syscall};
use unilith_posix_fs::{node_at, working};
use unilith_posix_task as task;
use unilith_print::eprintln;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[execve::ENTRY, execveat::ENTRY];

/// Bytes of one argument or variable, its NUL included (MAX_ARG_STRLEN).
const LONGEST: usize = 128 * 1024;
/// Bytes of all of them together, pointers included, as with Linux's stack limit (ARG_MAX).
const ALL: usize = 2 << 20;

/// Reads an array of strings that ends with a null pointer; none if it is a null pointer itself.
fn read_strings(from: UserPtr, left: &mut usize) -> Result<Vec<Vec<u8>>> {
    let mut strings = Vec::new();
    if from.is_null() {
        return Ok(strings);
    }
    loop {
        let at = UserPtr(from.add(strings.len() * size_of::<usize>()).read_u64()? as usize);
        if at.is_null() {
            return Ok(strings);
        }
        let string = at.read_string(LONGEST, Errno::E2BIG)?;
        let cost = string.len() + 1 + size_of::<usize>();
        *left = left.checked_sub(cost).ok_or(Errno::E2BIG)?;
        strings.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        strings.push(string);
    }
}

/// The name that a thread has by its program's path (TASK_COMM_LEN).
fn short_name(path: &[u8]) -> [u8; 16] {
    let base = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut name = [0; 16];
    for (to, from) in name.iter_mut().take(15).zip(base) {
        *to = *from;
    }
    name
}

/// Has the current process run the program in `node`.
fn execute(node: NodeRef, program: &Program) -> Result<()> {
    match node.file_type() {
        FileType::Regular if node.metadata().permissions & 0o111 != 0 => {}
        _ => return Err(Errno::EACCES),
    }
    let start = working()?;
    // From here on the current thread maps into areas that are nobody else's.
    let old = task::swap_memory(None);
    let loaded = unilith_elf::load(program, node, &start, false).map_err(|error| {
        if error.is_ours() {
            eprintln!("unilith: {}: {}", program.shown(), error);
        }
        error.errno()
    });
    let ready = loaded.and_then(|start| task::become_only_thread().map(|()| start));
    let start = match ready {
        Ok(start) => start,
        Err(error) => {
            let new = task::swap_memory(Some(old));
            task::end_memory(new);
            return Err(error);
        }
    };
    unilith_posix_process::start_program(start.registers());
    unilith_elf::set_running(start.program);
    task::finish_exec(short_name(&program.path));
    task::end_memory(old);
    Ok(())
}

fn exec(dir: Fd, path: UserPtr, args: UserPtr, env: UserPtr, flags: u32) -> Result<()> {
    let node = node_at(dir, path, flags & AT_SYMLINK_NOFOLLOW == 0, flags & AT_EMPTY_PATH != 0)?;
    if node.file_type() == FileType::Symlink {
        return Err(Errno::ELOOP);
    }
    let mut left = ALL;
    let mut args = read_strings(args, &mut left)?;
    let env = read_strings(env, &mut left)?;
    if args.is_empty() {
        args.push(Vec::new()); // programs rely on a name (Linux 5.18)
    }
    execute(node, &Program { path: shown_path(dir, path)?, args, env })
}

/// What the program is told as its path (AT_EXECFN).
fn shown_path(dir: Fd, path: UserPtr) -> Result<Vec<u8>> {
    let path = path.read_path()?;
    if dir == Fd::CWD || path.starts_with(b"/") {
        return Ok(path);
    }
    let mut shown = b"/dev/fd/".to_vec();
    let number = dir.0.unsigned_abs(); // it is open, so it is not negative
    let digits = (0..=number.checked_ilog10().unwrap_or(0)).rev();
    shown.extend(digits.map(|digit| b'0' + (number / 10u32.pow(digit) % 10) as u8));
    if !path.is_empty() {
        shown.push(b'/');
        shown.extend(path);
    }
    Ok(shown)
}

syscall! {
    /// execve(2): ENOMEM for a program that must be where another one is.
    pub fn execve[__NR_execve](path: UserPtr, args: UserPtr, env: UserPtr) -> Result<()> {
        exec(Fd::CWD, path, args, env, 0)
    }
}

syscall! {
    /// execveat(2)
    pub fn execveat[__NR_execveat](
        dir: Fd,
        path: UserPtr,
        args: UserPtr,
        env: UserPtr,
        flags: u32,
    ) -> Result<()> {
        if flags & !(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0 {
            return Err(Errno::EINVAL);
        }
        exec(dir, path, args, env, flags)
    }
}
