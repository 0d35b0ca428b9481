//! What C libraries set up for every thread.

use unilith_posix_abi::raw::prctl::{PR_GET_DUMPABLE, PR_GET_NAME, PR_SET_NAME};
use unilith_posix_abi::{Errno, Result, UserPtr, syscall};
use unilith_posix_task as task;

/// Bytes in the name of a thread (TASK_COMM_LEN).
const NAME: usize = 16;
/// Bytes of `struct robust_list_head`.
const ROBUST_LIST: usize = 24;

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

/// The name of the current thread.
pub(crate) fn name() -> [u8; NAME] {
    task::with_thread(|thread| thread.name).unwrap_or_else(first_name)
}

syscall! {
    /// set_tid_address(2): what is cleared, and who waits for it is woken, when the thread ends.
    pub fn set_tid_address[__NR_set_tid_address](address: UserPtr) -> usize {
        task::with_thread(|thread| {
            thread.clear_tid = address.0;
            thread.tid() as usize
        })
    }
}

syscall! {
    /// set_robust_list(2)
    pub fn set_robust_list[__NR_set_robust_list](head: UserPtr, len: usize) -> Result<()> {
        if len != ROBUST_LIST {
            return Err(Errno::EINVAL);
        }
        task::with_thread(|thread| thread.robust_list = head.0);
        Ok(())
    }
}

syscall! {
    /// get_robust_list(2)
    pub fn get_robust_list[__NR_get_robust_list](
        tid: i32,
        head: UserPtr,
        len: UserPtr,
    ) -> Result<()> {
        let tid = if tid == 0 { task::tid() } else { tid };
        let list = task::with_thread_of(tid, |thread| thread.robust_list)?;
        len.copy_out(&ROBUST_LIST.to_ne_bytes())?;
        head.copy_out(&list.to_ne_bytes())
    }
}

syscall! {
    /// prctl(2): the name of the thread.
    pub fn prctl[__NR_prctl](option: u32, argument: usize) -> Result<usize> {
        match option {
            PR_GET_NAME => {
                UserPtr(argument).copy_out(&name())?;
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
                task::with_thread(|thread| thread.name = Some(name));
                Ok(0)
            }
            PR_GET_DUMPABLE => Ok(0),
            _ => Err(Errno::EINVAL),
        }
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
