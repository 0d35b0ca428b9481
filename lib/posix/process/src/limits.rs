//! Limits and use of resources.

use crate::identity::check_task;
use unilith_posix_abi::raw::general::{
    RLIM_NLIMITS, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_STACK, RUSAGE_CHILDREN, RUSAGE_SELF,
    RUSAGE_THREAD, rlimit64, rusage,
};
use unilith_posix_abi::{Errno, Result, UserPtr, decode, encode, syscall};
use unilith_posix_fd::table;
use unilith_posix_task::{ProcessLocal, nothing};

/// RLIM64_INFINITY
const INFINITY: u64 = u64::MAX;
/// What the loader maps.
const STACK: u64 = (unilith_config::number(option_env!("CONFIG_ELF_STACK_KIB"), 8192) as u64) << 10;
/// Ticks of times(2) in a second (USER_HZ).
const TICKS: u64 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// Core dumps are never written, so any limit on them is kept.
static CORE: ProcessLocal<Limit> =
    ProcessLocal::new(|| Limit { soft: 0, hard: INFINITY }, |limit| *limit, nothing);

/// The limit on a resource (RLIMIT_NOFILE and so on).
pub(crate) fn get(resource: u32) -> Result<Limit> {
    Ok(match resource {
        RLIMIT_NOFILE => Limit { soft: table::limit() as u64, hard: table::HARD_LIMIT as u64 },
        RLIMIT_STACK => Limit { soft: STACK, hard: INFINITY },
        RLIMIT_CORE => CORE.with(|core| *core),
        0..RLIM_NLIMITS => Limit { soft: INFINITY, hard: INFINITY },
        _ => return Err(Errno::EINVAL),
    })
}

/// A limit that would not be kept is refused.
fn set(resource: u32, limit: Limit) -> Result<()> {
    let old = get(resource)?;
    if limit.soft > limit.hard {
        return Err(Errno::EINVAL);
    }
    match resource {
        RLIMIT_NOFILE if limit.hard >= old.hard || limit.hard == limit.soft => {
            table::set_limit(usize::try_from(limit.soft).map_err(|_| Errno::EPERM)?)
        }
        RLIMIT_CORE => {
            CORE.with(|core| *core = limit);
            Ok(())
        }
        _ if limit == old => Ok(()),
        _ => Err(Errno::EPERM),
    }
}

fn write(limit: Limit, to: UserPtr) -> Result<()> {
    to.copy_out(&encode!(rlimit64 { rlim_cur: limit.soft, rlim_max: limit.hard }))
}

fn read(from: UserPtr) -> Result<Limit> {
    let bytes: [u8; size_of::<rlimit64>()] = from.read()?;
    Ok(Limit { soft: decode!(bytes, rlimit64, rlim_cur), hard: decode!(bytes, rlimit64, rlim_max) })
}

syscall! {
    /// prlimit(2): limits on open files and core dumps can be set; others are as they are.
    pub fn prlimit64[__NR_prlimit64](
        pid: i32,
        resource: u32,
        new: UserPtr,
        old: UserPtr,
    ) -> Result<()> {
        check_task(pid)?;
        let before = get(resource)?;
        if !new.is_null() {
            set(resource, read(new)?)?;
        }
        if old.is_null() { Ok(()) } else { write(before, old) }
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// getrlimit(2)
    pub fn getrlimit[__NR_getrlimit](resource: u32, to: UserPtr) -> Result<()> {
        write(get(resource)?, to)
    }
}

syscall! {
    /// setrlimit(2)
    pub fn setrlimit[__NR_setrlimit](resource: u32, from: UserPtr) -> Result<()> {
        set(resource, read(from)?)
    }
}

syscall! {
    /// getrusage(2): the time since boot, all of it in user mode. Nothing else is counted.
    pub fn getrusage[__NR_getrusage](who: i32, to: UserPtr) -> Result<()> {
        const CHILDREN: i32 = RUSAGE_CHILDREN;
        const OWN: i32 = RUSAGE_SELF as i32;
        const THREAD: i32 = RUSAGE_THREAD as i32;
        let ns = match who {
            OWN | THREAD => unilith_platform::monotonic_ns(),
            CHILDREN => 0,
            _ => return Err(Errno::EINVAL),
        };
        to.copy_out(&encode!(rusage {
            ru_utime.tv_sec: ns / 1_000_000_000,
            ru_utime.tv_usec: ns % 1_000_000_000 / 1000,
        }))
    }
}

syscall! {
    /// times(2)
    pub fn times[__NR_times](to: UserPtr) -> Result<usize> {
        let ticks = unilith_platform::monotonic_ns() / (1_000_000_000 / TICKS);
        if !to.is_null() {
            let mut bytes = [0; 32]; // struct tms: four clock_t, the first is user time
            bytes[..8].copy_from_slice(&ticks.to_ne_bytes());
            to.copy_out(&bytes)?;
        }
        Ok(ticks as usize)
    }
}
