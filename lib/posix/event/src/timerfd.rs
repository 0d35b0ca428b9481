//! timerfd_create(2): timers that can be waited for.
//!
//! How often a timer has expired is computed from the clock when somebody asks. The [`POLLER`]
//! only wakes who waits, at the time of the earliest expiration.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata};
use unilith_platform::{monotonic_ns, realtime_ns};
use unilith_posix_abi::raw::general::{
    CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_REALTIME_ALARM,
    O_CLOEXEC, O_NONBLOCK, O_RDWR, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET, itimerspec,
};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, encode, syscall};
use unilith_posix_fd::{Events, File, nameless, table};
use unilith_posix_task::WaitQueue;
use unilith_sched_api::{NEVER, Poller};
use unilith_sync::Lock;

const SECOND: u64 = 1_000_000_000;

/// When a timer expires, in monotonic nanoseconds.
#[derive(Clone, Copy)]
struct Setting {
    /// The next expiration; [`NEVER`] if there is none.
    next: u64,
    /// From one expiration to the next; 0 if there is one only.
    interval: u64,
    /// Expirations that have not been read.
    expired: u64,
}

impl Setting {
    /// Counts the expirations up to `now`.
    fn advance(&mut self, now: u64) {
        if now < self.next {
            return;
        }
        let count = match self.interval {
            0 => 1,
            interval => (now - self.next) / interval + 1,
        };
        self.expired = self.expired.saturating_add(count);
        self.next = match self.interval {
            0 => NEVER,
            interval => self.next.saturating_add(interval.saturating_mul(count)),
        };
    }

    /// `struct itimerspec`: the interval, then what is left.
    fn encode(&self, now: u64) -> [u8; size_of::<itimerspec>()] {
        let left = if self.next == NEVER { 0 } else { self.next.saturating_sub(now).max(1) };
        encode!(itimerspec {
            it_interval.tv_sec: self.interval / SECOND,
            it_interval.tv_nsec: self.interval % SECOND,
            it_value.tv_sec: left / SECOND,
            it_value.tv_nsec: left % SECOND,
        })
    }
}

struct Timer {
    clock: u32,
    setting: Lock<Setting>,
    queue: WaitQueue,
}

/// The timers that will expire, by time; and the address of each, to tell them apart.
static ARMED: Lock<BTreeMap<(u64, usize), Weak<Timer>>> = Lock::new(BTreeMap::new());
/// The first of them, so that the poller costs a load if there is none.
static EARLIEST: AtomicU64 = AtomicU64::new(NEVER);

/// Wakes who waits for timers.
pub const POLLER: Poller = Poller { run: expire, arm: || EARLIEST.load(Relaxed) };

fn expire() {
    let earliest = EARLIEST.load(Relaxed);
    if earliest == NEVER || monotonic_ns() < earliest {
        return;
    }
    let now = monotonic_ns();
    loop {
        let timer = {
            let mut armed = ARMED.lock();
            match armed.first_key_value().map(|(&(time, id), _)| (time, id)) {
                Some(key) if key.0 <= now => armed.remove(&key).and_then(|timer| timer.upgrade()),
                first => {
                    EARLIEST.store(first.map_or(NEVER, |(time, _)| time), Relaxed);
                    return;
                }
            }
        };
        if let Some(timer) = timer {
            timer.setting.lock().advance(now);
            timer.arm();
            timer.queue.wake_all();
        }
    }
}

impl Timer {
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    fn arm(self: &Arc<Self>) {
        let next = self.setting.lock().next;
        if next != NEVER {
            ARMED.lock().insert((next, self.id()), Arc::downgrade(self));
            EARLIEST.fetch_min(next, Relaxed);
        }
    }

    fn disarm(self: &Arc<Self>) {
        let next = self.setting.lock().next;
        ARMED.lock().remove(&(next, self.id()));
    }
}

struct TimerFd(Arc<Timer>);

impl Drop for TimerFd {
    fn drop(&mut self) {
        self.0.disarm();
    }
}

impl TimerFd {
    /// Reads the expirations. The poller's entry moves with the time of the next.
    fn take(&self) -> u64 {
        if self.0.setting.lock().next != NEVER {
            self.0.disarm();
            self.0.setting.lock().advance(monotonic_ns());
            self.0.arm();
        }
        core::mem::take(&mut self.0.setting.lock().expired)
    }

    /// What the setting would be if the poller had just run. Changes nothing: the poller would not
    /// wake those who wait for an expiration that somebody who only looks has counted.
    fn now(&self) -> Setting {
        let mut setting = *self.0.setting.lock();
        if setting.next != NEVER {
            setting.advance(monotonic_ns());
        }
        setting
    }
}

impl File for TimerFd {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::CharDevice, 0o600, 2))
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        let into = buf.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        match self.take() {
            0 => Err(Errno::EAGAIN),
            count => {
                *into = count.to_ne_bytes();
                Ok(into.len())
            }
        }
    }

    fn ready(&self) -> Events {
        Events::READ.when(self.now().expired > 0)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }
}

syscall! {
    /// timerfd_create(2). The clocks with an alarm would wake a machine that sleeps: none does.
    pub fn timerfd_create[__NR_timerfd_create](clock: u32, flags: u32) -> Result<Fd> {
        let known = matches!(
            clock,
            CLOCK_REALTIME
                | CLOCK_MONOTONIC
                | CLOCK_BOOTTIME
                | CLOCK_REALTIME_ALARM
                | CLOCK_BOOTTIME_ALARM
        );
        if !known || flags & !(O_CLOEXEC | O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        let setting = Lock::new(Setting { next: NEVER, interval: 0, expired: 0 });
        let timer = Arc::new(Timer { clock, setting, queue: WaitQueue::new() });
        let flags = (O_RDWR | flags & O_NONBLOCK, flags & O_CLOEXEC != 0);
        table::open(Box::new(TimerFd(timer)), flags.0, flags.1)
    }
}

fn with_timer<T>(fd: Fd, act: impl FnOnce(&TimerFd) -> Result<T>) -> Result<T> {
    let open = table::get(fd)?;
    act(open.opened()?.downcast().ok_or(Errno::EINVAL)?)
}

syscall! {
    /// timerfd_settime(2). TFD_TIMER_CANCEL_ON_SET changes nothing, as the clock is never set.
    pub fn timerfd_settime[__NR_timerfd_settime](
        fd: Fd,
        flags: u32,
        new: UserPtr,
        old: UserPtr,
    ) -> Result<()> {
        if flags & !(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
            return Err(Errno::EINVAL);
        }
        let (interval, value) = (new.read_timespec()?, new.add(16).read_timespec()?);
        with_timer(fd, |file| {
            let timer = &file.0;
            let now = monotonic_ns();
            let next = match value {
                0 => NEVER,
                ns if flags & TFD_TIMER_ABSTIME == 0 => now.saturating_add(ns),
                at if matches!(timer.clock, CLOCK_REALTIME | CLOCK_REALTIME_ALARM) => {
                    now.saturating_add(at.saturating_sub(realtime_ns()))
                }
                at => at,
            };
            timer.disarm();
            let before = {
                let mut setting = timer.setting.lock();
                setting.advance(now);
                let before = setting.encode(now);
                *setting = Setting { next, interval, expired: 0 };
                before
            };
            timer.arm();
            timer.queue.wake_all();
            if old.is_null() { Ok(()) } else { old.copy_out(&before) }
        })
    }
}

syscall! {
    /// timerfd_gettime(2)
    pub fn timerfd_gettime[__NR_timerfd_gettime](fd: Fd, current: UserPtr) -> Result<()> {
        with_timer(fd, |file| current.copy_out(&file.now().encode(monotonic_ns())))
    }
}
