//! Processors and priorities: there is one processor. Whether somebody goes before others is for the
//! scheduler to say; if it does not, whatever would differ is refused.

use crate::identity::check_task;
use unilith_posix_abi::raw::general::{
    SCHED_BATCH, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_task::{self as task, Schedule, Thread};
use unilith_sched_api::Priority;

const WORD: u32 = size_of::<usize>() as u32;

syscall! {
    /// sched_yield(2)
    pub fn sched_yield[__NR_sched_yield]() -> () {
        unilith_sched_api::yield_now();
    }
}

syscall! {
    /// sched_getaffinity(2): processor 0.
    pub fn sched_getaffinity[__NR_sched_getaffinity](
        pid: i32,
        len: u32,
        to: UserPtr,
    ) -> Result<usize> {
        if len < WORD || !len.is_multiple_of(WORD) {
            return Err(Errno::EINVAL);
        }
        check_task(pid)?;
        to.copy_out(&1usize.to_ne_bytes())?;
        Ok(WORD as usize)
    }
}

syscall! {
    /// sched_setaffinity(2): EINVAL for a set without processor 0.
    pub fn sched_setaffinity[__NR_sched_setaffinity](
        pid: i32,
        len: u32,
        from: UserPtr,
    ) -> Result<()> {
        check_task(pid)?;
        let mut set = [0];
        from.copy_in(&mut set[..len.min(1) as usize])?;
        if set[0] & 1 != 0 { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

/// Whether there is this policy; the lowest and the highest of its priorities.
fn priorities(policy: u32) -> Result<(usize, usize)> {
    match policy {
        SCHED_NORMAL | SCHED_BATCH | SCHED_IDLE => Ok((0, 0)),
        SCHED_FIFO | SCHED_RR => Ok((1, 99)),
        _ => Err(Errno::EINVAL),
    }
}

syscall! {
    /// sched_get_priority_max(2)
    pub fn sched_get_priority_max[__NR_sched_get_priority_max](policy: u32) -> Result<usize> {
        Ok(priorities(policy)?.1)
    }
}

syscall! {
    /// sched_get_priority_min(2)
    pub fn sched_get_priority_min[__NR_sched_get_priority_min](policy: u32) -> Result<usize> {
        Ok(priorities(policy)?.0)
    }
}

/// What the scheduler calls it.
fn priority(schedule: Schedule) -> Priority {
    match schedule.policy {
        SCHED_FIFO => Priority::Fifo(schedule.level),
        SCHED_RR => Priority::RoundRobin(schedule.level),
        SCHED_IDLE => Priority::Idle,
        _ => Priority::Fair(schedule.nice),
    }
}

/// Gives a thread another schedule; EPERM if all are equal here.
fn set(thread: &mut Thread, change: impl FnOnce(&mut Schedule)) -> Result<()> {
    let mut schedule = thread.schedule;
    change(&mut schedule);
    if priority(schedule) != priority(thread.schedule) {
        let set = unilith_sched_api::set_priority(thread.id(), priority(schedule));
        set.map_err(|_| Errno::EPERM)?;
    }
    thread.schedule = schedule;
    Ok(())
}

/// Uses what is known of thread `tid`, or of the current one.
fn with<T>(tid: i32, act: impl FnOnce(&mut Thread) -> T) -> Result<T> {
    match tid {
        0 => Ok(task::with_thread(act)),
        tid => task::with_thread_of(tid, act),
    }
}

/// The same for sched_setscheduler(2) and its like: EINVAL for what is no number of a thread.
fn with_known<T>(tid: i32, act: impl FnOnce(&mut Thread) -> T) -> Result<T> {
    if tid < 0 { Err(Errno::EINVAL) } else { with(tid, act) }
}

syscall! {
    /// sched_getscheduler(2)
    pub fn sched_getscheduler[__NR_sched_getscheduler](pid: i32) -> Result<usize> {
        with_known(pid, |thread| thread.schedule.policy as usize)
    }
}

/// Sets the policy, or keeps it, and its priority.
fn set_policy(tid: i32, policy: Option<u32>, parameters: UserPtr) -> Result<()> {
    if tid < 0 || parameters.is_null() {
        return Err(Errno::EINVAL);
    }
    let level = parameters.read_u32()?;
    with(tid, |thread| {
        let policy = policy.unwrap_or(thread.schedule.policy);
        let (lowest, highest) = priorities(policy)?;
        let level = u8::try_from(level).map_err(|_| Errno::EINVAL)?;
        if !(lowest..=highest).contains(&usize::from(level)) {
            return Err(Errno::EINVAL);
        }
        set(thread, |schedule| (schedule.policy, schedule.level) = (policy, level))
    })?
}

syscall! {
    /// sched_setscheduler(2)
    pub fn sched_setscheduler[__NR_sched_setscheduler](
        pid: i32,
        policy: u32,
        parameters: UserPtr,
    ) -> Result<()> {
        set_policy(pid, Some(policy), parameters)
    }
}

syscall! {
    /// sched_setparam(2)
    pub fn sched_setparam[__NR_sched_setparam](pid: i32, parameters: UserPtr) -> Result<()> {
        set_policy(pid, None, parameters)
    }
}

syscall! {
    /// sched_getparam(2)
    pub fn sched_getparam[__NR_sched_getparam](pid: i32, to: UserPtr) -> Result<()> {
        if to.is_null() {
            return Err(Errno::EINVAL);
        }
        let level = with_known(pid, |thread| thread.schedule.level)?;
        to.copy_out(&u32::from(level).to_ne_bytes())
    }
}

syscall! {
    /// sched_rr_get_interval(2): of SCHED_RR; other policies have no interval that is always the
    /// same.
    pub fn sched_rr_get_interval[__NR_sched_rr_get_interval](pid: i32, to: UserPtr) -> Result<()> {
        const ROUND_NS: u64 = 100_000_000;
        let policy = with_known(pid, |thread| thread.schedule.policy)?;
        let ns = if policy == SCHED_RR { ROUND_NS } else { 0 };
        let mut interval = [0; 16];
        interval[8..].copy_from_slice(&ns.to_ne_bytes());
        to.copy_out(&interval)
    }
}

/// Calls `act` for all that getpriority(2) means by `which` and `who`; ESRCH if there is none.
fn for_each(which: i32, who: i32, mut act: impl FnMut(&mut Thread) -> Result<()>) -> Result<()> {
    const PRIO_PROCESS: i32 = 0;
    const PRIO_PGRP: i32 = 1;
    const PRIO_USER: i32 = 2;
    let group = match (which, who) {
        (PRIO_PROCESS, tid) => return with(tid, act)?,
        (PRIO_PGRP, 0) => Some(task::group(task::pid())?),
        (PRIO_PGRP, group) => Some(group),
        // There is one user.
        (PRIO_USER, 0) => None,
        (PRIO_USER, _) => return Err(Errno::ESRCH),
        _ => return Err(Errno::EINVAL),
    };
    let mut result = Err(Errno::ESRCH);
    task::with_threads(|of, thread| {
        if group.is_none_or(|group| group == of) && matches!(result, Ok(()) | Err(Errno::ESRCH)) {
            result = act(thread);
        }
    });
    result
}

syscall! {
    /// getpriority(2): 20 less the lowest nice value.
    pub fn getpriority[__NR_getpriority](which: i32, who: i32) -> Result<usize> {
        let mut lowest = i8::MAX;
        for_each(which, who, |thread| {
            lowest = lowest.min(thread.schedule.nice);
            Ok(())
        })?;
        Ok((20 - isize::from(lowest)) as usize)
    }
}

syscall! {
    /// setpriority(2)
    pub fn setpriority[__NR_setpriority](which: i32, who: i32, nice: i32) -> Result<()> {
        let nice = nice.clamp(-20, 19) as i8;
        for_each(which, who, |thread| set(thread, |schedule| schedule.nice = nice))
    }
}

syscall! {
    /// getcpu(2): processor 0 of node 0.
    pub fn getcpu[__NR_getcpu](cpu: UserPtr, node: UserPtr) -> Result<()> {
        for to in [cpu, node].into_iter().filter(|to| !to.is_null()) {
            to.copy_out(&0u32.to_ne_bytes())?;
        }
        Ok(())
    }
}
