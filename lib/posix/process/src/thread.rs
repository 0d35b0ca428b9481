//! The one thread: what C libraries set up for it before main.

use crate::identity::{PID, is_self};
use unilith_posix_abi::raw::prctl::{PR_GET_DUMPABLE, PR_GET_NAME, PR_SET_NAME};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_sync::Lock;

/// Bytes in the name of a thread (TASK_COMM_LEN).
const NAME: usize = 16;
/// Bytes of `struct rseq` in its first version, which is all that anybody may register.
const RSEQ_LEN: u32 = 32;
const RSEQ_FLAG_UNREGISTER: u32 = 1;

/// The name of the thread, once it has been set.
static THREAD_NAME: Lock<Option<[u8; NAME]>> = Lock::new(None);

/// Where a `struct rseq` is registered, and with which signature.
static RSEQ: Lock<Option<(UserPtr, u32)>> = Lock::new(None);

/// The name that execve(2) gives: the last component of the program's path.
fn first_name() -> [u8; NAME] {
    let mut name = [0; NAME];
    let Some(program) = unilith_cmdline::option("unilith.program") else { return name };
    let start = program.bytes().enumerate().filter(|&(_, byte)| byte == b'/').last();
    let base = program.bytes().skip(start.map_or(0, |(index, _)| index + 1));
    for (to, from) in name.iter_mut().take(NAME - 1).zip(base) {
        *to = from;
    }
    name
}

syscall! {
    /// set_tid_address(2): the address would be cleared for others when the thread ends; there
    /// are none.
    pub fn set_tid_address[__NR_set_tid_address](address: UserPtr) -> usize {
        let _ = address;
        PID as usize
    }
}

syscall! {
    /// set_robust_list(2): the list would be walked for others when the thread ends; there are
    /// none.
    pub fn set_robust_list[__NR_set_robust_list](head: UserPtr, len: usize) -> Result<()> {
        let _ = head;
        if len == 24 { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

syscall! {
    /// rseq(2): restartable sequences. The thread runs on processor 0 and nothing takes it off,
    /// so telling so once is all there is to do.
    pub fn rseq[__NR_rseq](area: UserPtr, len: u32, flags: u32, signature: u32) -> Result<()> {
        let mut registered = RSEQ.lock();
        match (*registered, flags) {
            (Some(old), RSEQ_FLAG_UNREGISTER) if old == (area, signature) && len == RSEQ_LEN => {
                *registered = None;
                Ok(())
            }
            (Some((old, sig)), 0) if old == area && len == RSEQ_LEN => {
                Err(if sig == signature { Errno::EBUSY } else { Errno::EPERM })
            }
            (None, 0) if len == RSEQ_LEN && area.0.is_multiple_of(RSEQ_LEN as usize) => {
                area.copy_out(&[0; 8])?; // cpu_id_start and cpu_id
                *registered = Some((area, signature));
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

syscall! {
    /// prctl(2): the name of the thread.
    pub fn prctl[__NR_prctl](option: u32, argument: usize) -> Result<usize> {
        match option {
            PR_GET_NAME => {
                let name = THREAD_NAME.lock().unwrap_or_else(first_name);
                UserPtr(argument).copy_out(&name)?;
                Ok(0)
            }
            PR_SET_NAME => {
                let mut name = [0; NAME];
                for (index, byte) in name.iter_mut().take(NAME - 1).enumerate() {
                    [*byte] = UserPtr(argument).add(index).read()?;
                    if *byte == 0 {
                        break;
                    }
                }
                *THREAD_NAME.lock() = Some(name);
                Ok(0)
            }
            PR_GET_DUMPABLE => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }
}

syscall! {
    /// sched_yield(2): to nobody.
    pub fn sched_yield[__NR_sched_yield]() -> () {}
}

syscall! {
    /// sched_getaffinity(2): processor 0.
    pub fn sched_getaffinity[__NR_sched_getaffinity](
        pid: i32,
        len: u32,
        to: UserPtr,
    ) -> Result<usize> {
        const WORD: u32 = size_of::<usize>() as u32;
        if len < WORD || !len.is_multiple_of(WORD) {
            return Err(Errno::EINVAL);
        }
        if !is_self(pid) {
            return Err(Errno::ESRCH);
        }
        to.copy_out(&1usize.to_ne_bytes())?;
        Ok(WORD as usize)
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

#[cfg(target_arch = "x86_64")]
syscall! {
    /// arch_prctl(2): the thread pointer.
    pub fn arch_prctl[__NR_arch_prctl](option: u32, argument: usize) -> Result<()> {
        // <asm/prctl.h>
        const ARCH_SET_FS: u32 = 0x1002;
        const ARCH_GET_FS: u32 = 0x1003;
        match option {
            ARCH_SET_FS if unilith_posix_api::set_thread_pointer(argument) => Ok(()),
            ARCH_SET_FS => Err(Errno::EPERM),
            ARCH_GET_FS => {
                let base = unilith_posix_api::thread_pointer();
                UserPtr(argument).copy_out(&base.to_ne_bytes())
            }
            _ => Err(Errno::EINVAL),
        }
    }
}
