//! New threads and processes.
//!
//! There is one address space, so a process begins in its parent's memory (vfork, posix_spawn) and
//! gets its own by execve(2). fork(2) would need the same addresses to mean two things: it is
//! ENOSYS, and reported at the end of the image among the calls that were missing.

use crate::end::exit_thread;
use unilith_posix_abi::raw::general::{
    __NR_fork, CLONE_ARGS_SIZE_VER0, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID, CLONE_CLEAR_SIGHAND,
    CLONE_DETACHED, CLONE_FILES, CLONE_FS, CLONE_IO, CLONE_PARENT_SETTID, CLONE_SETTLS,
    CLONE_SIGHAND, CLONE_SYSVSEM, CLONE_THREAD, CLONE_UNTRACED, CLONE_VFORK, CLONE_VM, CSIGNAL,
    SIGCHLD, clone_args,
};
use unilith_posix_abi::{Errno, Result, SyscallArgs, UserPtr, decode, syscall};
use unilith_posix_task::{self as task, LAST, Spawn, Status};

/// What clone(2) and its kin ask for.
#[derive(Clone, Copy, Debug)]
struct Request {
    flags: u64,
    exit_signal: u32,
    /// The stack pointer; 0 for the caller's.
    stack: u64,
    parent_tid: UserPtr,
    child_tid: UserPtr,
    tls: usize,
}

const fn all(flags: &[u32]) -> u64 {
    let mut bits = 0;
    let mut index = 0;
    while index < flags.len() {
        bits |= flags[index] as u64;
        index += 1;
    }
    bits
}

/// What threads of one process share here in any case.
const SHARED: u64 = all(&[CLONE_VM, CLONE_SIGHAND, CLONE_FILES, CLONE_FS]);
/// Flags without a meaning here: there are no traces, semaphores or priorities of devices.
const MEANINGLESS: u64 = all(&[CLONE_SYSVSEM, CLONE_DETACHED, CLONE_UNTRACED, CLONE_IO]);
const TIDS: u64 =
    all(&[CLONE_SETTLS, CLONE_PARENT_SETTID, CLONE_CHILD_SETTID, CLONE_CHILD_CLEARTID]);
const FOR_THREADS: u64 = SHARED | CLONE_THREAD as u64 | MEANINGLESS | TIDS;
const FOR_PROCESSES: u64 =
    CLONE_VM as u64 | CLONE_VFORK as u64 | CLONE_CLEAR_SIGHAND | MEANINGLESS | TIDS;

/// Remembers that a program wanted fork(2).
fn fork() -> Errno {
    unilith_syscall::missing(&SyscallArgs { nr: __NR_fork as usize, args: [0; 6] });
    Errno::ENOSYS
}

impl Request {
    fn has(&self, flag: u32) -> bool {
        self.flags & u64::from(flag) != 0
    }

    /// Whether it can be done. EINVAL for what contradicts itself or asks for namespaces and the
    /// like; ENOSYS for two processes that share more or less than is possible here.
    fn check(&self) -> Result<()> {
        let (vm, thread) = (self.has(CLONE_VM), self.has(CLONE_THREAD));
        let sighand = self.has(CLONE_SIGHAND);
        let known = FOR_THREADS | FOR_PROCESSES;
        if self.flags & !known != 0
            || thread && !sighand
            || sighand && !vm
            || sighand && self.flags & CLONE_CLEAR_SIGHAND != 0
            || self.exit_signal > LAST
        {
            return Err(Errno::EINVAL);
        }
        if thread {
            let complete = self.flags & SHARED == SHARED && self.flags & !FOR_THREADS == 0;
            return if complete { Ok(()) } else { Err(Errno::ENOSYS) };
        }
        match vm {
            false => Err(fork()),
            true if self.flags & !FOR_PROCESSES != 0 => Err(Errno::ENOSYS),
            true => Ok(()),
        }
    }

    /// Starts the thread or process: its number.
    fn start(self) -> Result<usize> {
        self.check()?;
        let process = !self.has(CLONE_THREAD);
        let mut registers = unilith_posix_api::registers();
        registers.rax = 0;
        registers.orig_rax = u64::MAX;
        if self.stack != 0 {
            registers.rsp = self.stack;
        }
        let tls = match self.has(CLONE_SETTLS) {
            true if self.tls >= unilith_posix_api::range().end => return Err(Errno::EPERM),
            true => self.tls,
            false => unilith_posix_api::thread_pointer(),
        };
        let what = Spawn {
            process: process.then_some(self.exit_signal),
            vfork: process && self.has(CLONE_VFORK),
            no_handlers: self.flags & CLONE_CLEAR_SIGHAND != 0,
            clear_tid: if self.has(CLONE_CHILD_CLEARTID) { self.child_tid.0 } else { 0 },
        };
        let tid = task::spawn(&what, move || {
            if self.has(CLONE_CHILD_SETTID) {
                // As on Linux, nobody learns of a bad address.
                let _ = self.child_tid.copy_out(&task::tid().to_ne_bytes());
            }
            if task::must_end() {
                exit_thread(task::ending().unwrap_or(Status::Exited(0)));
            }
            // Last, as it is the application's only when the thread is in there.
            unilith_posix_api::set_thread_pointer(tls);
            registers
        })?;
        if self.has(CLONE_PARENT_SETTID) {
            let _ = self.parent_tid.copy_out(&tid.to_ne_bytes());
        }
        if what.vfork {
            task::waits_for_vfork(tid);
        }
        Ok(tid as usize)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// clone(2): threads of this process, and processes in its memory.
    pub fn clone[__NR_clone](
        flags: usize,
        stack: usize,
        parent_tid: UserPtr,
        child_tid: UserPtr,
        tls: usize,
    ) -> Result<usize> {
        let exit_signal = flags as u32 & CSIGNAL;
        let flags = (flags as u32 & !CSIGNAL).into();
        Request { flags, exit_signal, stack: stack as u64, parent_tid, child_tid, tls }.start()
    }
}

syscall! {
    /// clone3(2): as clone(2).
    pub fn clone3[__NR_clone3](args: UserPtr, size: usize) -> Result<usize> {
        const SIZE: usize = size_of::<clone_args>();
        const MOST: usize = 4096;
        if size < CLONE_ARGS_SIZE_VER0 as usize {
            return Err(Errno::EINVAL);
        }
        if size > MOST {
            return Err(Errno::E2BIG);
        }
        let mut bytes = unilith_posix_abi::buffer(size.max(SIZE))?;
        args.copy_in(&mut bytes[..size])?;
        if bytes[SIZE..].iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
        let stack = decode!(bytes, clone_args, stack);
        let stack_size = decode!(bytes, clone_args, stack_size);
        let exit_signal = decode!(bytes, clone_args, exit_signal);
        let flags = decode!(bytes, clone_args, flags);
        if (stack == 0) != (stack_size == 0)
            || flags & u64::from(CSIGNAL) != 0
            || exit_signal > u64::from(LAST)
            || decode!(bytes, clone_args, set_tid_size) != 0
        {
            return Err(Errno::EINVAL);
        }
        let pointer = |address: u64| UserPtr(address as usize);
        Request {
            flags,
            exit_signal: exit_signal as u32,
            stack: stack.checked_add(stack_size).ok_or(Errno::EINVAL)?,
            parent_tid: pointer(decode!(bytes, clone_args, parent_tid)),
            child_tid: pointer(decode!(bytes, clone_args, child_tid)),
            tls: decode!(bytes, clone_args, tls) as usize,
        }
        .start()
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// vfork(2)
    pub fn vfork[__NR_vfork]() -> Result<usize> {
        let null = UserPtr::NULL;
        let flags = u64::from(CLONE_VM | CLONE_VFORK);
        let (parent_tid, child_tid) = (null, null);
        Request { flags, exit_signal: SIGCHLD, stack: 0, parent_tid, child_tid, tls: 0 }.start()
    }
}
