//! Children that have ended.

use crate::table::tasks;
use unilith_posix_abi::{Errno, Result};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By exit(2), with this status.
    Exited(u8),
    /// By this signal.
    Signaled(u8),
}

impl Status {
    /// What wait(2) tells.
    pub fn word(self) -> u32 {
        match self {
            Self::Exited(status) => u32::from(status) << 8,
            Self::Signaled(signal) => signal.into(),
        }
    }

    /// The exit status that a shell would give.
    pub fn as_exit(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signaled(signal) => 128u8.wrapping_add(signal),
        }
    }
}

/// Which children are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    Any,
    /// This one.
    Pid(i32),
    /// Those of this process group.
    Group(i32),
}

/// A child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its number.
    pub pid: i32,
    /// How it ended.
    pub status: Status,
}

/// One of these children that has ended, if there is one; unless `keep` it is forgotten then.
/// ECHILD if the current process has no such child.
pub fn reap(which: Which, keep: bool) -> Result<Option<Child>> {
    let mut tasks = tasks();
    let parent = tasks.thread().pid;
    let mut known = false;
    let found = tasks.processes.iter().position(|process| {
        let meant = match which {
            Which::Any => true,
            Which::Pid(pid) => process.pid == pid,
            Which::Group(group) => process.group == group,
        };
        let child = meant && process.parent == parent;
        known |= child;
        child && process.zombie.is_some()
    });
    let Some(index) = found else {
        return if known { Ok(None) } else { Err(Errno::ECHILD) };
    };
    let process = &tasks.processes[index];
    let child = process.zombie.map(|status| Child { pid: process.pid, status });
    if !keep {
        tasks.processes.remove(index);
    }
    Ok(child)
}
