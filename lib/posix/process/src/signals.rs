//! Signal actions, masks and waiting for signals. What happens when one is due is in `deliver`.

use unilith_posix_abi::raw::general::{
    SA_EXPOSE_TAGBITS, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_NODEFER, SA_ONSTACK, SA_RESETHAND,
    SA_RESTART, SA_RESTORER, SA_SIGINFO, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SS_AUTODISARM,
    SS_DISABLE, SS_ONSTACK,
};
use unilith_posix_abi::{Errno, Result, Scalar, UserPtr, syscall};
use unilith_posix_task::{self as task, Action, AlternativeStack, Info, NEVER};

/// Bytes in a `sigset_t` of the kernel.
const SET: usize = 8;
/// Bytes in a `struct sigaction` of the kernel: handler, flags, restorer, mask.
const ACTION: usize = 32;
/// Flags that have a meaning; programs find out by setting others.
const FLAGS: u32 = SA_NOCLDSTOP
    | SA_NOCLDWAIT
    | SA_SIGINFO
    | SA_ONSTACK
    | SA_RESTART
    | SA_NODEFER
    | SA_RESETHAND
    | SA_EXPOSE_TAGBITS
    | SA_RESTORER;
/// Smallest alternative stack (MINSIGSTKSZ).
const SMALLEST_STACK: usize = 2048;

pub(crate) fn check_size(size: usize) -> Result<()> {
    if size == SET { Ok(()) } else { Err(Errno::EINVAL) }
}

fn read_action(from: UserPtr) -> Result<Action> {
    let bytes: [u8; ACTION] = from.read()?;
    let word = |index: usize| <u64 as Scalar>::get(&bytes[index * 8..]);
    Ok(Action {
        handler: word(0),
        flags: word(1) & u64::from(FLAGS),
        restorer: word(2),
        mask: word(3),
    })
}

fn action_bytes(action: &Action) -> [u8; ACTION] {
    let mut bytes = [0; ACTION];
    let words = [action.handler, action.flags, action.restorer, action.mask];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        word.put(to);
    }
    bytes
}

syscall! {
    /// sigaction(2)
    pub fn rt_sigaction[__NR_rt_sigaction](
        signal: u32,
        new: UserPtr,
        old: UserPtr,
        size: usize,
    ) -> Result<()> {
        check_size(size)?;
        let action = if new.is_null() { None } else { Some(read_action(new)?) };
        let before = task::set_action(signal, action)?;
        if old.is_null() { Ok(()) } else { old.copy_out(&action_bytes(&before)) }
    }
}

syscall! {
    /// sigprocmask(2)
    pub fn rt_sigprocmask[__NR_rt_sigprocmask](
        how: u32,
        new: UserPtr,
        old: UserPtr,
        size: usize,
    ) -> Result<()> {
        check_size(size)?;
        let set = if new.is_null() { None } else { Some(new.read_u64()?) };
        let before = task::blocked();
        if let Some(set) = set {
            task::set_blocked(match how {
                SIG_BLOCK => before | set,
                SIG_UNBLOCK => before & !set,
                SIG_SETMASK => set,
                _ => return Err(Errno::EINVAL),
            });
        }
        if old.is_null() { Ok(()) } else { old.copy_out(&before.to_ne_bytes()) }
    }
}

syscall! {
    /// sigpending(2)
    pub fn rt_sigpending[__NR_rt_sigpending](to: UserPtr, size: usize) -> Result<()> {
        let pending = task::pending().to_ne_bytes();
        to.copy_out(pending.get(..size).ok_or(Errno::EINVAL)?)
    }
}

syscall! {
    /// sigsuspend(2)
    pub fn rt_sigsuspend[__NR_rt_sigsuspend](mask: UserPtr, size: usize) -> Result<()> {
        check_size(size)?;
        let mask = mask.read_u64()?;
        task::with_mask(Some(mask), || task::wait(&[], NEVER, || None::<()>)).map(|_| ())
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// pause(2)
    pub fn pause[__NR_pause]() -> Result<()> {
        task::wait(&[], NEVER, || None::<()>).map(|_| ())
    }
}

syscall! {
    /// sigtimedwait(2): the signal. EAGAIN at the end of the time.
    pub fn rt_sigtimedwait[__NR_rt_sigtimedwait](
        set: UserPtr,
        info: UserPtr,
        timeout: UserPtr,
        size: usize,
    ) -> Result<usize> {
        check_size(size)?;
        let set = set.read_u64()?;
        let deadline = match timeout.is_null() {
            true => NEVER,
            false => match timeout.read_timespec()? {
                0 => 0,
                time => unilith_platform::monotonic_ns().saturating_add(time),
            },
        };
        let signal = match deadline {
            0 => task::take_signal(set & !task::UNSTOPPABLE),
            deadline => task::wait_signal(set, deadline)?,
        };
        let signal: Info = signal.ok_or(Errno::EAGAIN)?;
        if !info.is_null() {
            info.copy_out(&signal.bytes())?;
        }
        Ok(signal.signal() as usize)
    }
}

/// The `stack_t` of a stack.
pub(crate) fn stack_bytes(stack: AlternativeStack, flags: u32) -> [u8; 24] {
    let mut bytes = [0; 24];
    stack.base.put(&mut bytes);
    flags.put(&mut bytes[8..]);
    stack.size.put(&mut bytes[16..]);
    bytes
}

/// Checks a `stack_t`: ENOMEM if it is too small, EINVAL for unknown flags.
pub(crate) fn parse_stack(bytes: &[u8; 24]) -> Result<AlternativeStack> {
    let (base, flags) = (usize::get(bytes), u32::get(&bytes[8..]));
    let size = usize::get(&bytes[16..]);
    match flags & !SS_AUTODISARM {
        SS_DISABLE => Ok(AlternativeStack { flags, ..AlternativeStack::NONE }),
        0 | SS_ONSTACK if size < SMALLEST_STACK => Err(Errno::ENOMEM),
        // SS_ONSTACK means 0 here
        0 | SS_ONSTACK => Ok(AlternativeStack { base, flags: flags & SS_AUTODISARM, size }),
        _ => Err(Errno::EINVAL),
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// sigaltstack(2): EPERM while a handler runs on the stack.
    pub fn sigaltstack[__NR_sigaltstack](new: UserPtr, old: UserPtr) -> Result<()> {
        let wanted = match new.is_null() {
            true => None,
            false => Some(parse_stack(&new.read()?)?),
        };
        let pointer = unilith_posix_api::registers().rsp;
        let before = task::with_thread(|thread| {
            let before = thread.stack;
            if let Some(wanted) = wanted {
                if before.holds(pointer) {
                    return Err(Errno::EPERM);
                }
                thread.stack = wanted;
            }
            Ok(before)
        })?;
        if old.is_null() {
            return Ok(());
        }
        old.copy_out(&stack_bytes(before, before.flags_at(pointer)))
    }
}
