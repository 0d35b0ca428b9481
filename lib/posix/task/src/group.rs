//! Process groups and sessions: numbers that processes share.

use crate::table::{Process, Tasks, tasks};
use alloc::vec::Vec;
use unilith_posix_abi::{Errno, Result};

/// The process that a call means: the current one if it says 0.
fn meant(tasks: &mut Tasks, pid: i32) -> Result<&mut Process> {
    let pid = if pid == 0 { tasks.thread().pid } else { pid };
    tasks.process_of(pid).ok_or(Errno::ESRCH)
}

/// The group of `pid` (0: the current process).
pub fn group(pid: i32) -> Result<i32> {
    Ok(meant(&mut tasks(), pid)?.group)
}

/// The session of `pid` (0: the current process).
pub fn session(pid: i32) -> Result<i32> {
    Ok(meant(&mut tasks(), pid)?.session)
}

/// setpgid(2)
pub fn set_group(pid: i32, group: i32) -> Result<()> {
    let mut tasks = tasks();
    let (own, session) = {
        let process = tasks.process();
        (process.pid, process.session)
    };
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let process = meant(&mut tasks, pid)?;
    if process.pid != own && process.parent != own {
        return Err(Errno::ESRCH);
    }
    if process.pid != own && process.has_exec {
        return Err(Errno::EACCES);
    }
    if process.session == process.pid || process.session != session {
        return Err(Errno::EPERM);
    }
    let pid = process.pid;
    let group = if group == 0 { pid } else { group };
    let exists = |other: &Process| other.group == group && other.session == session;
    if group != pid && !tasks.processes.iter().any(exists) {
        return Err(Errno::EPERM);
    }
    if let Some(process) = tasks.process_of(pid) {
        process.group = group;
    }
    Ok(())
}

/// setsid(2): the new session. EPERM for the leader of a group.
pub fn new_session() -> Result<i32> {
    let mut tasks = tasks();
    let pid = tasks.thread().pid;
    if tasks.processes.iter().any(|process| process.group == pid) {
        return Err(Errno::EPERM);
    }
    let process = tasks.process();
    (process.group, process.session) = (pid, pid);
    Ok(pid)
}

/// The processes of a group.
pub fn members(group: i32) -> Vec<i32> {
    let tasks = tasks();
    let all = tasks.processes.iter().filter(|process| process.group == group);
    all.map(|process| process.pid).collect()
}

/// All processes.
pub fn all_pids() -> Vec<i32> {
    tasks().processes.iter().map(|process| process.pid).collect()
}
