//! The beginning and the end of threads and processes.

use crate::action::Action;
use crate::children::Status;
use crate::info::{Info, Pending};
use crate::send::{note, post};
use crate::table::{INIT, Process, Tasks, Thread, tasks};
use crate::thread::AlternativeStack;
use crate::{NEVER, local};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_posix_abi::raw::general::{CLD_EXITED, CLD_KILLED, SIGCHLD};
use unilith_posix_abi::{Errno, Result};
use unilith_posix_api::Registers;
use unilith_sched_api::{SpawnError, WaitQueue, wait_any, wake};
use unilith_sync::Once;

/// Processes that there can be at once, those included that nobody has asked for yet.
pub const PROCESSES: usize = 64;
/// Threads that there can be at once.
pub const THREADS: usize = 4096;

/// What a new thread is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spawn {
    /// It is the first of a new process, whose end this signal tells (0: none does).
    pub process: Option<u32>,
    /// As a process, it borrows its parent's memory, and its parent waits.
    pub vfork: bool,
    /// As a process, it has no handlers (CLONE_CLEAR_SIGHAND).
    pub no_handlers: bool,
    /// What is cleared when it ends.
    pub clear_tid: usize,
}

/// What a new thread does before it enters the application: gives the registers to do that with.
pub(crate) type Start = Box<dyn FnOnce() -> Registers + Send>;

/// The whole of a thread. It never comes back, so nothing may be left here to be freed.
fn begin() {
    let start = tasks().thread().start.take();
    if let Some(start) = start {
        let registers = start();
        unilith_posix_api::enter(&registers);
    }
}

/// Starts a thread, which calls `run` and enters the application with the registers that it gives;
/// its number. It does not run before this returns. EAGAIN if there are too many.
pub fn spawn(what: &Spawn, run: impl FnOnce() -> Registers + Send + 'static) -> Result<i32> {
    {
        let tasks = tasks();
        if tasks.threads.len() >= THREADS
            || what.process.is_some() && tasks.processes.len() >= PROCESSES
        {
            return Err(Errno::EAGAIN);
        }
    }
    let id = unilith_sched_api::spawn(Box::new(begin)).map_err(|error| match error {
        SpawnError::NoMemory => Errno::ENOMEM,
        SpawnError::Unsupported => Errno::EAGAIN,
    })?;
    let mut tasks = tasks();
    let tid = tasks.next_number();
    let (process, creator) = tasks.current();
    let mut thread = Thread::new(id, tid, process.pid, creator.memory);
    thread.schedule = creator.schedule;
    thread.start = Some(Box::new(run));
    thread.blocked = creator.blocked;
    thread.name = creator.name;
    thread.clear_tid = what.clear_tid;
    if what.vfork {
        thread.stack = creator.stack;
    }
    let mut slots = None;
    if let Some(exit_signal) = what.process {
        let (parent, from) = (process.pid, process.slot);
        let (group, session) = (process.group, process.session);
        let mut actions = process.actions.clone();
        if what.no_handlers {
            actions.iter_mut().for_each(|action| *action = action.after_exec());
        }
        let used = |slot: &usize| tasks.processes.iter().any(|process| process.slot == *slot);
        let slot = (0..PROCESSES).find(|slot| !used(slot)).ok_or(Errno::EAGAIN)?;
        thread.pid = tid;
        slots = Some((from, slot));
        tasks.processes.push(Process {
            pid: tid,
            slot,
            parent,
            group,
            session,
            exit_signal,
            zombie: None,
            ending: None,
            only: None,
            vfork: what.vfork,
            has_exec: false,
            changes: Arc::default(),
            arrivals: Arc::default(),
            actions,
            pending: Pending::new(),
            alarm: None,
        });
    }
    let at = tasks.threads.partition_point(|other| other.id < id);
    tasks.threads.insert(at, thread);
    drop(tasks);
    if let Some((parent, child)) = slots {
        local::fork(parent, child);
    }
    Ok(tid)
}

/// Has all threads of process `pid` end; `status` is its status unless it was ending already.
pub(crate) fn mark_ending(tasks: &mut Tasks, pid: i32, status: Status) {
    if let Some(process) = tasks.process_of(pid) {
        process.ending.get_or_insert(status);
        wake_threads(tasks, pid);
    }
}

fn wake_threads(tasks: &Tasks, pid: i32) {
    let own = tasks.threads.iter().filter(|thread| thread.pid == pid);
    own.for_each(|thread| wake(thread.id));
    note();
}

/// Has all threads of the current process end, the current one included, when they come out of
/// the call that they are in.
pub fn end_process(status: Status) {
    let mut tasks = tasks();
    let pid = tasks.thread().pid;
    mark_ending(&mut tasks, pid, status);
}

/// With which status the current process ends, if it does.
pub fn ending() -> Option<Status> {
    tasks().process().ending
}

/// Whether the current thread has to end instead of returning to the application.
pub fn must_end() -> bool {
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    leaves(process, thread)
}

pub(crate) fn leaves(process: &Process, thread: &Thread) -> bool {
    process.ending.is_some() || process.only.is_some_and(|only| only != thread.tid)
}

/// How many threads the current process has.
pub fn thread_count() -> usize {
    let mut tasks = tasks();
    let pid = tasks.thread().pid;
    tasks.threads.iter().filter(|thread| thread.pid == pid).count()
}

/// Whether the current thread is the last of its process.
pub fn is_last_thread() -> bool {
    thread_count() < 2
}

/// Drops everything that the families keep of the current process: its last thread ends.
pub fn forget_process() {
    let slot = tasks().process().slot;
    local::exit(slot);
}

/// Takes the current thread out of the table, with which it belongs to no process any more: all
/// that is left to do is to end it. `status` is the process's if it was the last thread. Not for
/// the last thread of the first process, with which the image ends.
pub fn bury(status: Status) {
    let mut queues = Vec::new();
    let memory;
    {
        let mut tasks = tasks();
        let index = tasks.current_index();
        let thread = tasks.threads.remove(index);
        let pid = thread.pid;
        memory = thread.memory;
        let rest = tasks.threads.iter().any(|thread| thread.pid == pid);
        let Some(process) = tasks.process_of(pid) else { return };
        queues.push(process.changes.clone());
        if !rest {
            let status = *process.ending.get_or_insert(status);
            process.zombie = Some(status);
            process.vfork = false;
            let (parent, signal) = (process.parent, process.exit_signal);
            // Its children have nobody who would ask for them any more.
            tasks.processes.retain(|child| child.parent != pid || child.zombie.is_none());
            for child in tasks.processes.iter_mut().filter(|child| child.parent == pid) {
                child.parent = 0;
            }
            let forgets = |parent: &mut Process| {
                let action = parent.actions[SIGCHLD as usize - 1];
                signal == SIGCHLD && Action::forgets_children(&action)
            };
            if tasks.process_of(parent).is_none_or(forgets) {
                tasks.processes.retain(|process| process.pid != pid);
            }
            let info = match status {
                Status::Exited(code) => Info::child(CLD_EXITED as i32, pid, code.into()),
                Status::Signaled(signal) => Info::child(CLD_KILLED as i32, pid, signal.into()),
            };
            if signal != 0 && parent != 0 {
                let arrivals = post(&mut tasks, parent, None, info.as_signal(signal), false);
                queues.extend(arrivals.ok().flatten());
            }
            if let Some(parent) = tasks.process_of(parent) {
                queues.push(parent.changes.clone());
            }
        }
    }
    end_memory(memory);
    queues.iter().for_each(|queue| queue.wake_all());
}

/// Waits until the child `pid` has memory of its own or is over, or the current process has to
/// end.
pub fn waits_for_vfork(pid: i32) {
    let queue = tasks().process().changes.clone();
    wait_any(&[&queue], NEVER, || {
        let mut tasks = tasks();
        let borrows = tasks.process_of(pid).is_some_and(|child| child.vfork);
        let (process, thread) = tasks.current();
        (!borrows || leaves(process, thread)).then_some(())
    });
}

/// Which areas of the address space are the current thread's; threads of one process have the same
/// ones, and a process that was made by vfork(2) has its parent's.
pub fn own_memory() -> u32 {
    tasks().thread().memory
}

/// Gives the current thread another memory (`None`: a new one); which one it had.
pub fn swap_memory(memory: Option<u32>) -> u32 {
    let mut tasks = tasks();
    let memory = memory.unwrap_or_else(|| {
        tasks.last_memory += 1;
        tasks.last_memory
    });
    core::mem::replace(&mut tasks.thread().memory, memory)
}

impl Tasks {
    fn uses(&self, memory: u32) -> bool {
        self.threads.iter().any(|thread| thread.memory == memory)
    }
}

/// Whether a thread has this memory.
pub fn memory_in_use(memory: u32) -> bool {
    tasks().uses(memory)
}

static MEMORY_END: Once<fn(u32)> = Once::new();

/// Has `free` called for a memory that no thread has any more. For the one library that knows the
/// areas.
pub fn on_memory_end(free: fn(u32)) {
    let _ = MEMORY_END.set(free);
}

/// Frees `memory` if no thread has it.
pub fn end_memory(memory: u32) {
    if !memory_in_use(memory)
        && let Some(free) = MEMORY_END.get()
    {
        free(memory);
    }
}

/// For execve(2): ends the other threads of the current process, and gives this one the number of
/// the process. EINTR if the process has to end itself.
pub fn become_only_thread() -> Result<()> {
    let (queue, pid) = {
        let mut tasks = tasks();
        let (process, thread) = tasks.current();
        if leaves(process, thread) {
            return Err(Errno::EINTR);
        }
        process.only = Some(thread.tid);
        let (queue, pid) = (process.changes.clone(), process.pid);
        wake_threads(&tasks, pid);
        (queue, pid)
    };
    let alone = wait_any(&[&queue], NEVER, || {
        let mut tasks = tasks();
        if tasks.process().ending.is_some() {
            return Some(Err(Errno::EINTR));
        }
        let own = tasks.threads.iter().filter(|thread| thread.pid == pid).count();
        (own == 1).then_some(Ok(()))
    });
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    process.only = None;
    thread.tid = pid;
    alone.unwrap_or(Err(Errno::EINTR))
}

/// For execve(2): the current thread has its new memory and program, called `name`. Resets what a
/// new program does not take over, and lets a parent go on that has lent its memory.
pub fn finish_exec(name: [u8; 16]) {
    local::exec();
    let queue = {
        let mut tasks = tasks();
        let (process, thread) = tasks.current();
        process.has_exec = true;
        process.vfork = false;
        process.actions.iter_mut().for_each(|action| *action = action.after_exec());
        thread.stack = AlternativeStack::NONE;
        thread.clear_tid = 0;
        thread.robust_list = 0;
        thread.rseq = None;
        thread.name = Some(name);
        let parent = process.parent;
        tasks.process_of(parent).map(|parent| parent.changes.clone())
    };
    if let Some(queue) = queue {
        queue.wake_all();
    }
}

/// The queue that is woken when a thread of the current process or a child has ended.
pub fn child_queue() -> Arc<WaitQueue> {
    tasks().process().changes.clone()
}

/// Whether the current process is the one that the image ends with.
pub fn is_init() -> bool {
    tasks().thread().pid == INIT
}
