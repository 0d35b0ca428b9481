//! What belongs to a thread.

use crate::action::{Action, Disposition, UNSTOPPABLE, bit};
use crate::send::note;
use crate::table::{Process, Tasks, Thread, tasks};
use unilith_posix_abi::raw::general::{SS_AUTODISARM, SS_DISABLE, SS_ONSTACK};
use unilith_posix_abi::{Errno, Result};
use unilith_sched_api::ThreadId;

/// The stack that sigaltstack(2) sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlternativeStack {
    /// Its lowest address.
    pub base: usize,
    /// SS_DISABLE, SS_AUTODISARM.
    pub flags: u32,
    /// Its length.
    pub size: usize,
}

impl AlternativeStack {
    /// There is none.
    pub const NONE: Self = Self { base: 0, flags: SS_DISABLE, size: 0 };

    /// Whether `pointer` is on it. A stack that disarms itself is never in use.
    pub fn holds(&self, pointer: u64) -> bool {
        self.flags & (SS_DISABLE | SS_AUTODISARM) == 0
            && (pointer as usize).checked_sub(self.base).is_some_and(|at| at > 0 && at <= self.size)
    }

    /// What sigaltstack(2) tells of its flags while the stack pointer is `pointer`.
    pub fn flags_at(&self, pointer: u64) -> u32 {
        self.flags | if self.holds(pointer) { SS_ONSTACK } else { 0 }
    }
}

impl Thread {
    /// Its number.
    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// The kernel's thread that it is.
    pub fn id(&self) -> ThreadId {
        self.id
    }
}

/// Uses what the table knows of the current thread.
pub fn with_thread<T>(act: impl FnOnce(&mut Thread) -> T) -> T {
    act(tasks().thread())
}

/// Uses what the table knows of thread `tid`; ESRCH if there is none.
pub fn with_thread_of<T>(tid: i32, act: impl FnOnce(&mut Thread) -> T) -> Result<T> {
    tasks().thread_of(tid).map(act).ok_or(Errno::ESRCH)
}

/// Uses what the table knows of every thread, with the group of its process.
pub fn with_threads(mut act: impl FnMut(i32, &mut Thread)) {
    let mut tasks = tasks();
    let Tasks { processes, threads, .. } = &mut *tasks;
    for thread in threads {
        if let Some(process) = processes.iter().find(|process| process.pid == thread.pid) {
            act(process.group, thread);
        }
    }
}

/// Uses what the table knows of every process that is not over.
pub fn with_process<T>(mut act: impl FnMut(i32, &mut Process) -> Option<T>) -> Option<T> {
    let mut tasks = tasks();
    let mut living = tasks.processes.iter_mut().filter(|process| process.zombie.is_none());
    living.find_map(|process| act(process.pid, process))
}

/// Whether the current thread would call a function of the application for `signal` now.
pub fn handles(signal: u32) -> bool {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    let action = process.actions.get((signal as usize).wrapping_sub(1));
    thread.blocked & bit(signal) == 0
        && action.is_some_and(|action| action.disposition(signal) == Disposition::Handle)
}

/// The signals that the current thread blocks.
pub fn blocked() -> u64 {
    tasks().thread().blocked
}

/// Sets which signals the current thread blocks; which ones it did.
pub fn set_blocked(set: u64) -> u64 {
    let before = core::mem::replace(&mut tasks().thread().blocked, set & !UNSTOPPABLE);
    note();
    before
}

/// Sets the action of `signal`, or only tells it. EINVAL if there is no such signal, or nothing to
/// set.
pub fn set_action(signal: u32, action: Option<Action>) -> Result<Action> {
    let mut tasks = tasks();
    let index = (signal as usize).checked_sub(1).ok_or(Errno::EINVAL)?;
    if action.is_some() && UNSTOPPABLE & bit(signal) != 0 {
        return Err(Errno::EINVAL);
    }
    let process = tasks.process();
    let slot = process.actions.get_mut(index).ok_or(Errno::EINVAL)?;
    let before = *slot;
    if let Some(mut action) = action {
        action.mask &= !UNSTOPPABLE;
        *slot = action;
        // What is ignored does not stay pending, even if it is blocked (POSIX).
        if action.disposition(signal) == Disposition::Ignore {
            process.pending.discard(bit(signal));
            let pid = process.pid;
            let own = tasks.threads.iter_mut().filter(|thread| thread.pid == pid);
            own.for_each(|thread| thread.pending.discard(bit(signal)));
        }
    }
    Ok(before)
}
