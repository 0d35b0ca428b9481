//! The table of processes and threads.

use crate::action::{Action, LAST};
use crate::children::Status;
use crate::info::Pending;
use crate::life::Start;
use crate::thread::AlternativeStack;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_sched_api::{ThreadId, WaitQueue, current};
use unilith_sync::{Guard, Lock};

/// The first process, with which the image ends.
pub const INIT: i32 = 1;
/// The highest number of a process or thread; then numbers begin again (pid_max).
const HIGHEST: i32 = 32767;

/// What the table knows of a process.
pub struct Process {
    pub(crate) pid: i32,
    /// Its place in every [`crate::ProcessLocal`].
    pub(crate) slot: usize,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// The signal that its parent gets at its end; 0 for none.
    pub(crate) exit_signal: u32,
    /// It is over, and waits for its parent to ask.
    pub(crate) zombie: Option<Status>,
    /// All its threads are to end, with this status.
    pub(crate) ending: Option<Status>,
    /// All threads but this one are to end (execve).
    pub(crate) only: Option<i32>,
    /// Its parent sleeps until it has memory of its own.
    pub(crate) vfork: bool,
    /// It has had a new program since its creation (setpgid says no).
    pub(crate) has_exec: bool,
    /// Woken when a child ends, when a thread has ended, and when this child leaves its parent's
    /// memory.
    pub(crate) changes: Arc<WaitQueue>,
    /// Woken when a signal arrives.
    pub(crate) arrivals: Arc<WaitQueue>,
    pub(crate) actions: Box<[Action; LAST as usize]>,
    pub(crate) pending: Pending,
    /// The timer of setitimer(ITIMER_REAL): when it is due, and every how many nanoseconds.
    pub alarm: Option<(u64, u64)>,
}

/// What the table knows of a thread.
pub struct Thread {
    pub(crate) id: ThreadId,
    pub(crate) tid: i32,
    pub(crate) pid: i32,
    /// Which areas of the address space are its process's.
    pub(crate) memory: u32,
    pub(crate) blocked: u64,
    /// The mask to go back to, once a call that had another one has ended.
    pub(crate) saved_mask: Option<u64>,
    /// What sigtimedwait(2) waits for.
    pub(crate) waits_for: u64,
    pub(crate) pending: Pending,
    /// What it does first.
    pub(crate) start: Option<Start>,
    /// Where handlers run that ask for it.
    pub stack: AlternativeStack,
    /// The address of what is cleared when it ends (CLONE_CHILD_CLEARTID).
    pub clear_tid: usize,
    /// The head of the list of robust futexes.
    pub robust_list: usize,
    /// Its name (PR_SET_NAME); of the program if it has none.
    pub name: Option<[u8; 16]>,
    /// Its registered `struct rseq`, and the signature.
    pub rseq: Option<(usize, u32)>,
    /// Whom it goes before.
    pub schedule: Schedule,
}

/// A thread's policy and priorities (sched(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// SCHED_OTHER, ...
    pub policy: u32,
    /// Of real-time policies: 1 to 99; else 0.
    pub level: u8,
    /// Of the others: -20 to 19.
    pub nice: i8,
}

impl Thread {
    pub(crate) fn new(id: ThreadId, tid: i32, pid: i32, memory: u32) -> Self {
        Self {
            id,
            tid,
            pid,
            memory,
            blocked: 0,
            saved_mask: None,
            waits_for: 0,
            pending: Pending::new(),
            start: None,
            stack: AlternativeStack::NONE,
            clear_tid: 0,
            robust_list: 0,
            name: None,
            rseq: None,
            schedule: Schedule::default(),
        }
    }
}

pub(crate) struct Tasks {
    pub processes: Vec<Process>,
    /// By ascending [`ThreadId`].
    pub threads: Vec<Thread>,
    /// The number given out last.
    last: i32,
    /// The last identity of a memory.
    pub last_memory: u32,
}

static TASKS: Lock<Tasks> =
    Lock::new(Tasks { processes: Vec::new(), threads: Vec::new(), last: INIT, last_memory: 0 });

/// The table; at the first call with the first process in it.
pub(crate) fn tasks() -> Guard<'static, Tasks> {
    let mut tasks = TASKS.lock();
    if tasks.processes.is_empty() {
        tasks.processes.push(Process {
            pid: INIT,
            slot: 0,
            parent: 0,
            group: INIT,
            session: INIT,
            exit_signal: 0,
            zombie: None,
            ending: None,
            only: None,
            vfork: false,
            has_exec: true,
            changes: Arc::default(),
            arrivals: Arc::default(),
            actions: Box::new([Action::default(); LAST as usize]),
            pending: Pending::new(),
            alarm: None,
        });
        tasks.threads.push(Thread::new(current(), INIT, INIT, 0));
    }
    tasks
}

impl Tasks {
    /// Where the current thread is in the table.
    pub fn current_index(&self) -> usize {
        let id = current();
        match self.threads.binary_search_by_key(&id, |thread| thread.id) {
            Ok(index) => index,
            Err(_) => self.threads.iter().position(|thread| thread.pid == INIT).unwrap_or(0),
        }
    }

    pub fn thread(&mut self) -> &mut Thread {
        let index = self.current_index();
        // The first process has a thread as long as the image lives.
        &mut self.threads[index]
    }

    pub fn thread_of(&mut self, tid: i32) -> Option<&mut Thread> {
        self.threads.iter_mut().find(|thread| thread.tid == tid)
    }

    pub fn process(&mut self) -> &mut Process {
        let pid = self.thread().pid;
        let index = self.processes.iter().position(|process| process.pid == pid).unwrap_or(0);
        &mut self.processes[index]
    }

    pub fn process_of(&mut self, pid: i32) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.pid == pid)
    }

    /// The current thread and its process.
    pub fn current(&mut self) -> (&mut Process, &mut Thread) {
        let index = self.current_index();
        let thread = &mut self.threads[index];
        let pid = thread.pid;
        let at = self.processes.iter().position(|process| process.pid == pid).unwrap_or(0);
        (&mut self.processes[at], thread)
    }

    /// A number that no process, group, session or thread has.
    pub fn next_number(&mut self) -> i32 {
        loop {
            self.last = if self.last >= HIGHEST { INIT + 1 } else { self.last + 1 };
            let number = self.last;
            let taken = self.threads.iter().any(|thread| thread.tid == number)
                || self
                    .processes
                    .iter()
                    .any(|p| p.pid == number || p.group == number || p.session == number);
            if !taken {
                return number;
            }
        }
    }
}

/// The slot that was found last, above it the thread: slots of threads do not change, and numbers
/// of the scheduler's threads are not used again.
static LAST_SLOT: AtomicU64 = AtomicU64::new(0);

/// The current process's place in every [`crate::ProcessLocal`].
pub(crate) fn slot() -> usize {
    let thread = u64::from(current().0) << 32;
    let last = LAST_SLOT.load(Relaxed);
    if last & !0xffff_ffff == thread && last != 0 {
        return (last & 0xffff_ffff) as usize;
    }
    let slot = tasks().process().slot;
    LAST_SLOT.store(thread | slot as u64, Relaxed);
    slot
}

/// The current process (getpid).
pub fn pid() -> i32 {
    tasks().thread().pid
}

/// The current thread (gettid).
pub fn tid() -> i32 {
    tasks().thread().tid
}

/// The parent of the current process; 0 for the first.
pub fn parent() -> i32 {
    tasks().process().parent
}

/// The process of thread `tid`.
pub fn owner(tid: i32) -> Option<i32> {
    tasks().thread_of(tid).map(|thread| thread.pid)
}

/// Whether there is such a process, be it over.
pub fn exists(pid: i32) -> bool {
    tasks().process_of(pid).is_some()
}
