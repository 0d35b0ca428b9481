//! Sending signals, and taking them for delivery.

use crate::action::{Action, Disposition, LAST, UNSTOPPABLE, bit};
use crate::children::Status;
use crate::info::Info;
use crate::life::{leaves, mark_ending};
use crate::table::{Process, Tasks, Thread, tasks};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_posix_abi::raw::general::{SA_NODEFER, SA_RESETHAND, SIGKILL, SIGPIPE};
use unilith_posix_abi::{Errno, Result};
use unilith_sched_api::{WaitQueue, wake};

/// Some thread may have something to do before it returns to the application. One load on the way
/// back from a system call.
static ATTENTION: AtomicBool = AtomicBool::new(false);

pub(crate) fn note() {
    ATTENTION.store(true, Relaxed);
}

/// Whether it is worth asking what is due before returning to the application.
#[inline]
pub fn attention() -> bool {
    ATTENTION.load(Relaxed)
}

/// Finds out whether it will be worth asking again.
pub fn settle() {
    let mut tasks = tasks();
    let Tasks { processes, threads, .. } = &mut *tasks;
    let busy = threads.iter().any(|thread| {
        let process = processes.iter().find(|process| process.pid == thread.pid);
        thread.saved_mask.is_some()
            || process.is_some_and(|process| leaves(process, thread) || due(process, thread) != 0)
    });
    ATTENTION.store(busy, Relaxed);
}

fn disposition(process: &Process, signal: u32) -> Disposition {
    let action = process.actions.get((signal as usize).wrapping_sub(1));
    action.map_or(Disposition::Ignore, |action| action.disposition(signal))
}

/// The signals that `thread` has to take and that are not ignored.
pub(crate) fn due(process: &Process, thread: &Thread) -> u64 {
    let bits = (thread.pending.bits() | process.pending.bits()) & !thread.blocked;
    if bits == 0 {
        return 0;
    }
    let heeded = |signal: &u32| disposition(process, *signal) != Disposition::Ignore;
    (1..=LAST).filter(heeded).fold(0, |set, signal| set | bit(signal)) & bits
}

/// Sends to process `pid`, or to one of its threads. Whom to tell of the arrival, when the table
/// is free again.
pub(crate) fn post(
    tasks: &mut Tasks,
    pid: i32,
    tid: Option<i32>,
    info: Info,
    whole: bool,
) -> Result<Option<Arc<WaitQueue>>> {
    let signal = info.signal();
    let Tasks { processes, threads, .. } = &mut *tasks;
    let process = processes.iter_mut().find(|process| process.pid == pid).ok_or(Errno::ESRCH)?;
    if signal > LAST {
        return Err(Errno::EINVAL);
    }
    if signal == 0 || process.zombie.is_some() {
        return Ok(None);
    }
    let arrivals = process.arrivals.clone();
    if signal == SIGKILL {
        mark_ending(tasks, pid, Status::Signaled(SIGKILL as u8));
        return Ok(Some(arrivals));
    }
    let meant = |thread: &Thread| thread.pid == pid && tid.is_none_or(|tid| tid == thread.tid);
    let bit = bit(signal);
    match disposition(process, signal) {
        Disposition::Stop => return Err(Errno::ENOSYS),
        Disposition::Ignore => {
            let kept = |thread: &Thread| (thread.blocked | thread.waits_for) & bit != 0;
            if !threads.iter().any(|thread| meant(thread) && kept(thread)) {
                return Ok(None);
            }
        }
        Disposition::Terminate | Disposition::Handle => {}
    }
    let takes = |thread: &&mut Thread| {
        meant(thread) && (thread.blocked & bit == 0 || thread.waits_for & bit != 0)
    };
    // Who waits for it gets it; else the first thread, else any.
    let rank = |thread: &&mut Thread| (thread.waits_for & bit == 0, thread.tid != pid);
    let taker = threads.iter_mut().filter(takes).min_by_key(rank).map(|thread| thread.id);
    match tid {
        None => process.pending.push(info, whole)?,
        Some(tid) => {
            let thread = threads.iter_mut().find(|thread| thread.tid == tid);
            thread.ok_or(Errno::ESRCH)?.pending.push(info, whole)?;
        }
    }
    note();
    if let Some(taker) = taker {
        wake(taker);
    }
    Ok(Some(arrivals))
}

fn tell(arrivals: Option<Arc<WaitQueue>>) {
    if let Some(arrivals) = arrivals {
        arrivals.wake_all();
    }
}

/// Sends a signal to a process; 0 only asks whether that is possible. ESRCH if there is no such
/// process, EINVAL if there is no such signal, ENOSYS if it would stop, EAGAIN if `whole` and too
/// many are queued.
pub fn send_process(pid: i32, info: Info, whole: bool) -> Result<()> {
    let arrivals = post(&mut tasks(), pid, None, info, whole)?;
    tell(arrivals);
    Ok(())
}

/// Sends a signal to a thread; errors as of [`send_process`].
pub fn send_thread(tid: i32, info: Info, whole: bool) -> Result<()> {
    let arrivals = {
        let mut tasks = tasks();
        let pid = tasks.thread_of(tid).ok_or(Errno::ESRCH)?.pid;
        post(&mut tasks, pid, Some(tid), info, whole)?
    };
    tell(arrivals);
    Ok(())
}

/// Sends the current thread a signal that it cannot go on without taking, as an instruction raised
/// it: one that is blocked or ignored ends the process.
pub fn force(info: Info) {
    let signal = info.signal();
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    let refused = thread.blocked & bit(signal) != 0;
    if let Some(action) = process.actions.get_mut((signal as usize).wrapping_sub(1))
        && (refused || action.disposition(signal) == Disposition::Ignore)
    {
        *action = Action::default();
    }
    thread.blocked &= !bit(signal);
    // There is at most one of it in the thread's set: room, or the bit alone.
    let _ = thread.pending.push(info, false);
    note();
}

/// The current thread wrote to what nobody will read any more (SIGPIPE), besides the EPIPE that its
/// call gives.
pub fn broken_pipe() {
    let (pid, tid) = {
        let mut tasks = tasks();
        let thread = tasks.thread();
        (thread.pid, thread.tid)
    };
    // A process that could not have it is none.
    let _ = send_thread(tid, Info::user(SIGPIPE, 0, pid), false);
}

/// A signal that the current thread has to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The process ends by it.
    Terminate(u32),
    /// A function of the application has to be called.
    Handle {
        /// The signal.
        info: Info,
        /// The function, and how.
        action: Action,
        /// What is blocked again when it returns.
        mask: u64,
    },
}

/// Takes the next signal that the current thread has to take.
pub fn next_delivery() -> Option<Delivery> {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    let due = due(process, thread);
    // What is not blocked any more and means nothing is forgotten.
    let forgotten = !thread.blocked & !due;
    process.pending.discard(forgotten);
    thread.pending.discard(forgotten);
    // What came to the thread itself may be about the instruction that it is at.
    let info = thread.pending.take(due).or_else(|| process.pending.take(due))?;
    let signal = info.signal();
    let action = *process.actions.get((signal as usize).wrapping_sub(1))?;
    Some(match action.disposition(signal) {
        Disposition::Handle => {
            let mask = thread.saved_mask.unwrap_or(thread.blocked);
            Delivery::Handle { info, action, mask }
        }
        _ => Delivery::Terminate(signal),
    })
}

/// The handler of `signal` is about to run: blocks what its action says.
pub fn begin_handler(signal: u32, action: &Action) {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    let own = if action.flags & u64::from(SA_NODEFER) != 0 { 0 } else { bit(signal) };
    thread.blocked = (thread.blocked | action.mask | own) & !UNSTOPPABLE;
    thread.saved_mask = None;
    if action.flags & u64::from(SA_RESETHAND) != 0
        && let Some(slot) = process.actions.get_mut((signal as usize).wrapping_sub(1))
    {
        slot.handler = 0;
    }
}

/// The signals that the current thread has to take.
pub fn deliverable() -> u64 {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    due(process, thread)
}

/// The signals that are pending for the current thread because it blocks them.
pub fn pending() -> u64 {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    (process.pending.bits() | thread.pending.bits()) & thread.blocked
}

/// Takes a pending signal of `set` that came to the current thread or process (signalfd).
pub fn take_signal(set: u64) -> Option<Info> {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    thread.pending.take(set).or_else(|| process.pending.take(set))
}

/// The queue that is woken when a signal arrives for the current process, for signalfd: those that
/// it may take are [`take_signal`]'s.
pub fn signal_queue() -> Arc<WaitQueue> {
    tasks().process().arrivals.clone()
}
