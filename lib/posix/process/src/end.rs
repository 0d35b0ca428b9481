//! The end of threads and processes, and asking for it. With the first process the image ends.

use core::convert::Infallible;
use unilith_posix_abi::raw::general::{
    CLD_EXITED, CLD_KILLED, FUTEX_BITSET_MATCH_ANY, P_ALL, P_PGID, P_PID, SIGCHLD, WCONTINUED,
    WEXITED, WNOHANG, WNOWAIT, WSTOPPED, WUNTRACED,
};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_task::{self as task, Child, Info, NEVER, Status, Which};

/// Bytes in a `struct rusage`, all zero: nothing is counted for children.
const USAGE: usize = 144;

/// Ends the current thread, and the process if it is the last one.
pub fn exit_thread(status: Status) -> ! {
    let (tid, clear, robust) = task::with_thread(|thread| {
        let take = core::mem::take::<usize>;
        (thread.tid(), UserPtr(take(&mut thread.clear_tid)), take(&mut thread.robust_list))
    });
    if robust != 0 {
        unilith_posix_futex::owner_died(UserPtr(robust), tid);
    }
    if !clear.is_null() && clear.copy_out(&0u32.to_ne_bytes()).is_ok() {
        // Who joins a thread waits for this word.
        let _ = unilith_posix_futex::wake(clear, 1, FUTEX_BITSET_MATCH_ANY);
    }
    let last = task::is_last_thread();
    let ending = task::ending();
    if task::is_init() && (last || ending.is_some()) {
        unilith_exit::exit(ending.unwrap_or(status).as_exit());
    }
    if last {
        task::forget_process();
    }
    task::bury(status);
    unilith_sched_api::exit_thread()
}

/// Ends the current process.
pub fn exit_process(status: Status) -> ! {
    task::end_process(status);
    exit_thread(status)
}

syscall! {
    /// exit(2): of the one thread.
    pub fn exit[__NR_exit](status: i32) -> Infallible {
        exit_thread(Status::Exited(status as u8))
    }
}

syscall! {
    /// exit_group(2)
    pub fn exit_group[__NR_exit_group](status: i32) -> Infallible {
        exit_process(Status::Exited(status as u8))
    }
}

/// Waits for one of these children to end; `None` if `options` say not to wait.
fn wait_child(which: Which, options: u32, keep: bool) -> Result<Option<Child>> {
    let reap = || task::reap(which, keep);
    if options & WNOHANG != 0 {
        return reap();
    }
    let queue = task::child_queue();
    match task::wait(&[&queue], NEVER, || reap().transpose())? {
        Some(child) => child.map(Some),
        None => Ok(None),
    }
}

syscall! {
    /// wait4(2): children do not stop, so that they end is all that there is to tell.
    pub fn wait4[__NR_wait4](
        pid: i32,
        status: UserPtr,
        options: u32,
        usage: UserPtr,
    ) -> Result<usize> {
        const CLONES: u32 = 0xe000_0000; // __WNOTHREAD, __WALL, __WCLONE
        if options & !(WNOHANG | WUNTRACED | WCONTINUED | CLONES) != 0 {
            return Err(Errno::EINVAL);
        }
        let which = match pid {
            -1 => Which::Any,
            0 => Which::Group(task::group(0)?),
            1.. => Which::Pid(pid),
            i32::MIN => return Err(Errno::ESRCH),
            _ => Which::Group(-pid),
        };
        let Some(child) = wait_child(which, options, false)? else { return Ok(0) };
        if !status.is_null() {
            status.copy_out(&child.status.word().to_ne_bytes())?;
        }
        if !usage.is_null() {
            usage.copy_out(&[0; USAGE])?;
        }
        Ok(child.pid as usize)
    }
}

/// What waitid(2) tells of a child.
fn child_info(child: Child) -> Info {
    match child.status {
        Status::Exited(status) => Info::child(CLD_EXITED as i32, child.pid, status.into()),
        Status::Signaled(signal) => Info::child(CLD_KILLED as i32, child.pid, signal.into()),
    }
    .as_signal(SIGCHLD)
}

syscall! {
    /// waitid(2)
    pub fn waitid[__NR_waitid](
        kind: u32,
        id: i32,
        info: UserPtr,
        options: u32,
        usage: UserPtr,
    ) -> Result<()> {
        const KNOWN: u32 = WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT | 0xe000_0000;
        if options & WEXITED == 0 || options & !KNOWN != 0 {
            return Err(Errno::EINVAL); // nothing would ever be told of what only stops
        }
        let which = match kind {
            P_ALL => Which::Any,
            P_PID if id > 0 => Which::Pid(id),
            P_PGID if id > 0 => Which::Group(id),
            P_PGID if id == 0 => Which::Group(task::group(0)?),
            _ => return Err(Errno::EINVAL),
        };
        let child = wait_child(which, options, options & WNOWAIT != 0)?;
        if !info.is_null() {
            info.copy_out(&child.map_or([0; Info::FULL], |child| child_info(child).bytes()))?;
        }
        if !usage.is_null() {
            usage.copy_out(&[0; USAGE])?;
        }
        Ok(())
    }
}
