//! Sending signals. Everybody is root, so everybody may.

use unilith_posix_abi::raw::general::{SI_TKILL, SI_USER};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_task::{self as task, INIT, Info};

/// The process that `pid`, which may be one of its threads, means.
fn process_of(pid: i32) -> Result<i32> {
    if task::exists(pid) { Ok(pid) } else { task::owner(pid).ok_or(Errno::ESRCH) }
}

/// Sends to all of `pids`: fine if one of them got it.
fn send_all(pids: impl IntoIterator<Item = i32>, info: Info) -> Result<()> {
    let mut result = Err(Errno::ESRCH);
    for pid in pids {
        let sent = task::send_process(pid, info, false);
        if result.is_err() {
            result = sent;
        }
    }
    result
}

syscall! {
    /// kill(2): ENOSYS for a signal that would stop a process.
    pub fn kill[__NR_kill](pid: i32, signal: u32) -> Result<()> {
        let own = task::pid();
        let info = Info::user(signal, SI_USER as i32, own);
        match pid {
            1.. => task::send_process(process_of(pid)?, info, false),
            0 => send_all(task::members(task::group(0)?), info),
            // Not to the first process and not to the sender, as on Linux.
            -1 => {
                let others = task::all_pids().into_iter();
                send_all(others.filter(|&pid| pid != own && pid != INIT), info)
            }
            i32::MIN => Err(Errno::ESRCH),
            _ => send_all(task::members(-pid), info),
        }
    }
}

fn to_thread(tid: i32, signal: u32) -> Result<()> {
    task::send_thread(tid, Info::user(signal, SI_TKILL, task::pid()), false)
}

syscall! {
    /// tkill(2)
    pub fn tkill[__NR_tkill](tid: i32, signal: u32) -> Result<()> {
        if tid <= 0 { Err(Errno::EINVAL) } else { to_thread(tid, signal) }
    }
}

syscall! {
    /// tgkill(2)
    pub fn tgkill[__NR_tgkill](pid: i32, tid: i32, signal: u32) -> Result<()> {
        check_pair(pid, tid)?;
        to_thread(tid, signal)
    }
}

fn check_pair(pid: i32, tid: i32) -> Result<()> {
    if pid <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    if task::owner(tid) == Some(pid) { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Reads what the sender says about a signal. EPERM if it says to others that the kernel sent it.
fn read_info(from: UserPtr, signal: u32, own: bool) -> Result<Info> {
    let info = Info(from.read()?).as_signal(signal);
    let kernels = info.code() >= 0 || info.code() == SI_TKILL;
    if kernels && !own { Err(Errno::EPERM) } else { Ok(info) }
}

syscall! {
    /// sigqueue(3): EAGAIN if too many are queued.
    pub fn rt_sigqueueinfo[__NR_rt_sigqueueinfo](
        pid: i32,
        signal: u32,
        info: UserPtr,
    ) -> Result<()> {
        let info = read_info(info, signal, pid == task::pid())?;
        task::send_process(process_of(pid)?, info, true)
    }
}

syscall! {
    /// pthread_sigqueue(3)
    pub fn rt_tgsigqueueinfo[__NR_rt_tgsigqueueinfo](
        pid: i32,
        tid: i32,
        signal: u32,
        info: UserPtr,
    ) -> Result<()> {
        check_pair(pid, tid)?;
        task::send_thread(tid, read_info(info, signal, pid == task::pid())?, true)
    }
}
