//! The system calls.

use super::{Epoll, EpollFile, interest, open};
use unilith_posix_abi::raw::general::{
    EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, epoll_event,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, decode, encode, syscall};
use unilith_posix_fd::{deadline, give_way, table, with_mask};
use unilith_posix_task::wait;

/// Bytes in a `struct epoll_event`, which is packed on this architecture.
const EVENT: usize = size_of::<epoll_event>();

#[cfg(target_arch = "x86_64")]
syscall! {
    /// epoll_create(2): the size is a hint from long ago, but must be positive.
    pub fn epoll_create[__NR_epoll_create](size: i32) -> Result<Fd> {
        if size <= 0 { Err(Errno::EINVAL) } else { open(false) }
    }
}

syscall! {
    /// epoll_create1(2)
    pub fn epoll_create1[__NR_epoll_create1](flags: u32) -> Result<Fd> {
        if flags & !EPOLL_CLOEXEC != 0 {
            return Err(Errno::EINVAL);
        }
        open(flags & EPOLL_CLOEXEC != 0)
    }
}

syscall! {
    /// epoll_ctl(2)
    pub fn epoll_ctl[__NR_epoll_ctl](
        epfd: Fd,
        operation: u32,
        fd: Fd,
        event: UserPtr,
    ) -> Result<()> {
        let (events, data) = match operation {
            EPOLL_CTL_DEL => (0, 0),
            _ => {
                let bytes: [u8; EVENT] = event.read()?;
                (decode!(bytes, epoll_event, events), decode!(bytes, epoll_event, data))
            }
        };
        let (own, other) = (table::get(epfd)?, table::get(fd)?);
        if other.opened()?.queue().is_none() {
            return Err(Errno::EPERM);
        }
        if alloc::sync::Arc::ptr_eq(&own, &other) {
            return Err(Errno::EINVAL);
        }
        let epoll = &own.opened()?.downcast::<EpollFile>().ok_or(Errno::EINVAL)?.0;
        match operation {
            EPOLL_CTL_ADD => interest::add(epoll, fd, &other, events, data),
            EPOLL_CTL_MOD => interest::modify(epoll, fd, &other, events, data),
            EPOLL_CTL_DEL => interest::delete(epoll, fd, &other),
            _ => Err(Errno::EINVAL),
        }
    }
}

fn collect(epoll: &Epoll, to: UserPtr, most: usize) -> Result<usize> {
    epoll.collect(most, |index, events, data| {
        to.add(index * EVENT).copy_out(&encode!(epoll_event { events: events.0, data: data }))
    })
}

fn wait_until(epfd: Fd, events: UserPtr, most: i32, end: u64) -> Result<usize> {
    let most =
        usize::try_from(most).ok().filter(|&most| (1..=i32::MAX as usize / EVENT).contains(&most));
    let most = most.ok_or(Errno::EINVAL)?;
    let open = table::get(epfd)?;
    let epoll = &open.opened()?.downcast::<EpollFile>().ok_or(Errno::EINVAL)?.0;
    let look = || match collect(epoll, events, most) {
        Ok(0) => None,
        result => Some(result),
    };
    give_way();
    if end == 0 {
        return match collect(epoll, events, most) {
            Ok(0) => {
                unilith_sched_api::yield_now();
                collect(epoll, events, most)
            }
            result => result,
        };
    }
    wait(&[&epoll.queue], end, look)?.unwrap_or(Ok(0))
}

/// The end of a timeout in milliseconds, negative for none.
fn end(timeout: i32) -> u64 {
    deadline(u64::try_from(timeout).ok().map(|ms| ms * 1_000_000))
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// epoll_wait(2): `timeout` in milliseconds, negative for no limit.
    pub fn epoll_wait[__NR_epoll_wait](
        epfd: Fd,
        events: UserPtr,
        most: i32,
        timeout: i32,
    ) -> Result<usize> {
        wait_until(epfd, events, most, end(timeout))
    }
}

syscall! {
    /// epoll_pwait(2)
    pub fn epoll_pwait[__NR_epoll_pwait](
        epfd: Fd,
        events: UserPtr,
        most: i32,
        timeout: i32,
        mask: UserPtr,
        mask_size: usize,
    ) -> Result<usize> {
        with_mask(mask, mask_size, || wait_until(epfd, events, most, end(timeout)))
    }
}

syscall! {
    /// epoll_pwait2(2): the timeout is a `struct timespec`.
    pub fn epoll_pwait2[__NR_epoll_pwait2](
        epfd: Fd,
        events: UserPtr,
        most: i32,
        timeout: UserPtr,
        mask: UserPtr,
        mask_size: usize,
    ) -> Result<usize> {
        let timeout = if timeout.is_null() { None } else { Some(timeout.read_timespec()?) };
        with_mask(mask, mask_size, || wait_until(epfd, events, most, deadline(timeout)))
    }
}
