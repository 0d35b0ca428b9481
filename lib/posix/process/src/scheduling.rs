//! Processors and priorities: there is one processor, and everybody is equal.

use crate::identity::check_task;
use unilith_posix_abi::raw::general::{
    SCHED_BATCH, SCHED_FIFO, SCHED_IDLE, SCHED_NORMAL, SCHED_RR,
};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};

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

syscall! {
    /// sched_getscheduler(2)
    pub fn sched_getscheduler[__NR_sched_getscheduler](pid: i32) -> Result<usize> {
        check_task(pid).map(|()| SCHED_NORMAL as usize)
    }
}

/// A policy or priority that would not be kept is refused.
fn accept(pid: i32, policy: u32, parameters: UserPtr) -> Result<()> {
    check_task(pid)?;
    let (lowest, highest) = priorities(policy)?;
    let priority = parameters.read_u32()? as usize;
    match (priority, policy) {
        _ if priority < lowest || priority > highest => Err(Errno::EINVAL),
        (_, SCHED_NORMAL) => Ok(()),
        _ => Err(Errno::EPERM),
    }
}

syscall! {
    /// sched_setscheduler(2): SCHED_OTHER only.
    pub fn sched_setscheduler[__NR_sched_setscheduler](
        pid: i32,
        policy: u32,
        parameters: UserPtr,
    ) -> Result<()> {
        accept(pid, policy, parameters)
    }
}

syscall! {
    /// sched_setparam(2)
    pub fn sched_setparam[__NR_sched_setparam](pid: i32, parameters: UserPtr) -> Result<()> {
        accept(pid, SCHED_NORMAL, parameters)
    }
}

syscall! {
    /// sched_getparam(2)
    pub fn sched_getparam[__NR_sched_getparam](pid: i32, to: UserPtr) -> Result<()> {
        check_task(pid)?;
        to.copy_out(&0u32.to_ne_bytes())
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
