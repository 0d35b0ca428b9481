//! Processes and threads as the families of system calls see them: who makes this call, what
//! belongs to it, and how a call waits.
//!
//! All processes share one address space. Each has its own descriptors, directory, signal actions
//! and areas; the family whose state that is keeps it in a [`ProcessLocal`]. Every call that may
//! wait does so by [`wait`], so that a signal or the end of the process ends the wait (EINTR) in
//! one place.
//!
//! Threads that the scheduler knows and this table does not (those of a native application) count
//! as the first process's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod action;
mod children;
mod group;
mod info;
mod life;
mod local;
mod send;
mod table;
mod thread;
mod wait;

pub use action::{Action, Disposition, LAST, UNSTOPPABLE, bit};
pub use children::{Child, Status, Which, reap};
pub use group::{all_pids, group, members, new_session, session, set_group};
pub use info::{Info, Pending};
pub use life::{
    PROCESSES, Spawn, THREADS, become_only_thread, bury, child_queue, end_memory, end_process,
    ending, finish_exec, forget_process, is_init, is_last_thread, memory_in_use, must_end,
    on_memory_end, own_memory, spawn, swap_memory, thread_count, waits_for_vfork,
};
pub use local::{ProcessLocal, nothing};
pub use send::{
    Delivery, attention, begin_handler, broken_pipe, deliverable, force, next_delivery, pending,
    send_process, send_thread, settle, signal_queue, take_signal,
};
pub use table::{INIT, Process, Schedule, Thread, exists, owner, parent, pid, tid};
pub use thread::{
    AlternativeStack, blocked, handles, set_action, set_blocked, with_process, with_thread,
    with_thread_of, with_threads,
};
pub use unilith_sched_api::{NEVER, WaitQueue};
pub use wait::{interrupted, restore_mask, wait, wait_signal, with_mask};
