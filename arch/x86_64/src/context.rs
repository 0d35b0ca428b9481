//! The switch from one kernel thread to another.

use core::arch::naked_asm;

/// What a new thread calls first: never returns.
pub type Start = extern "C" fn(argument: usize) -> !;

/// The stack pointer of a thread that has not run: its first switch calls `start(argument)`.
///
/// # Safety
/// `top` is the 16-byte aligned end of a stack that nobody uses.
pub unsafe fn prepare(top: usize, start: Start, argument: usize) -> usize {
    // What `switch` pops, from low to high: r15, r14, r13, r12, rbx, rbp, its return address. The
    // word above is where a caller's return address would be: 0 ends every backtrace.
    let words = [0, 0, 0, argument, start as usize, 0, first as *const () as usize, 0];
    let sp = top - size_of_val(&words);
    // SAFETY: inside the caller's stack.
    unsafe { (sp as *mut [usize; 8]).write(words) };
    sp
}

/// The first return of `switch` in a new thread: the stack is as at the entry of a function.
#[unsafe(naked)]
extern "C" fn first() {
    naked_asm!("mov rdi, r12", "xor ebp, ebp", "jmp rbx")
}

/// Saves the callee-saved registers on this stack and its pointer to `save`, then goes on on the
/// stack of `load`. Returns when somebody switches back. The caller loses all other registers, as
/// in any call; the control words of x87 and SSE are not switched.
///
/// # Safety
/// `load` was saved by this function or made by [`prepare`], and has not been loaded since.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut usize, load: usize) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    /// The two stack pointers, and what the other thread has seen.
    struct Shared {
        main: usize,
        other: usize,
        seen: usize,
    }

    extern "C" fn other(argument: usize) -> ! {
        let shared = argument as *mut Shared;
        loop {
            // SAFETY: the test keeps it until it ends, and runs in turns with this function.
            unsafe {
                (*shared).seen += 1;
                switch(&raw mut (*shared).other, (*shared).main);
            }
        }
    }

    #[test]
    fn two_threads_take_turns() {
        let mut stack = vec![0u128; 4096];
        let mut shared = Shared { main: 0, other: 0, seen: 0 };
        let pointer = &raw mut shared;
        let top = stack.as_mut_ptr_range().end as usize;
        // SAFETY: the stack is the other thread's alone; both run in turns.
        unsafe {
            (*pointer).other = prepare(top, other, pointer as usize);
            for turn in 1..=3 {
                switch(&raw mut (*pointer).main, (*pointer).other);
                assert_eq!((*pointer).seen, turn);
            }
        }
    }
}
