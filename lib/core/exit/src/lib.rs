//! The orderly end of the image: hooks, then power-off.
#![no_std]
#![forbid(unsafe_code)]

use unilith_sync::Lock;

const HOOKS: usize = unilith_config::number(option_env!("CONFIG_EXIT_HOOKS"), 4);

/// A function that is called at exit.
type Hook = Option<fn()>;

static REGISTERED: Lock<[Hook; HOOKS]> = Lock::new([None; HOOKS]);

/// There is no room for another hook: raise the option EXIT_HOOKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Has `hook` called when the image ends in order, the last registered first.
pub fn at_exit(hook: fn()) -> Result<(), Full> {
    let mut hooks = REGISTERED.lock();
    *hooks.iter_mut().find(|slot| slot.is_none()).ok_or(Full)? = Some(hook);
    Ok(())
}

/// Calls the hooks, then ends the machine with `status`. A hook that calls this ends it at once.
pub fn exit(status: u8) -> ! {
    let hooks = core::mem::replace(&mut *REGISTERED.lock(), [None; HOOKS]);
    for hook in hooks.into_iter().rev().flatten() {
        hook();
    }
    unilith_platform::exit(status)
}
