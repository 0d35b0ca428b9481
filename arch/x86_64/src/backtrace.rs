//! Return addresses by frame pointers (System V ABI, AMD64 supplement, 3.2.2).

use core::arch::asm;
use core::ops::Range;

/// The caller's frame pointer.
#[inline(always)]
pub fn frame_pointer() -> usize {
    let rbp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) rbp, options(nomem, nostack, preserves_flags)) };
    rbp
}

/// Calls `visit` with the return addresses of the frames from `rbp` outwards, at most `limit`.
///
/// Stops at the first frame pointer that is not aligned, not inside `stack` or not above the one
/// before: a damaged stack ends the list, it does not end the kernel.
///
/// # Safety
/// All of `stack` is readable.
pub unsafe fn walk(
    mut rbp: usize,
    stack: Range<usize>,
    limit: usize,
    visit: &mut dyn FnMut(usize),
) {
    let mut floor = stack.start;
    for _ in 0..limit {
        if !rbp.is_multiple_of(8) || rbp < floor || rbp.saturating_add(16) > stack.end {
            return;
        }
        // SAFETY: both words are inside `stack`.
        let [next, return_address] = unsafe { *(rbp as *const [usize; 2]) };
        if return_address == 0 {
            return;
        }
        visit(return_address);
        floor = rbp + 16;
        rbp = next;
    }
}

/// The registers of interrupted code that its frames are found by.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted {
    /// The instruction.
    pub rip: usize,
    /// The stack pointer.
    pub rsp: usize,
    /// The frame pointer.
    pub rbp: usize,
}

/// Calls `visit` with the address of the interrupted instruction, then as [`walk`].
///
/// After a jump to somewhere bad (outside of `text`) the address of the call is on top of the
/// stack, if anywhere: it stands for the instruction.
///
/// # Safety
/// All of `stack` is readable.
pub unsafe fn walk_interrupted(
    at: Interrupted,
    text: Range<usize>,
    stack: Range<usize>,
    limit: usize,
    visit: &mut dyn FnMut(usize),
) {
    if text.contains(&at.rip) {
        visit(at.rip);
    } else if at.rsp.is_multiple_of(8)
        && stack.contains(&at.rsp)
        && stack.contains(&at.rsp.saturating_add(7))
    {
        // SAFETY: an aligned word inside `stack`.
        let caller = unsafe { *(at.rsp as *const usize) };
        if text.contains(&caller) {
            visit(caller);
        }
    }
    // SAFETY: passed on.
    unsafe { walk(at.rbp, stack, limit, visit) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_good_frames_and_stops_at_bad_ones() {
        let mut stack = [0usize; 16];
        let base = stack.as_ptr() as usize;
        stack[0] = base + 4 * 8;
        stack[1] = 0x11;
        stack[4] = base + 8 * 8;
        stack[5] = 0x22;
        stack[8] = base; // backwards: a loop
        stack[9] = 0x33;
        let mut seen = [0; 8];
        let mut n = 0;
        let range = base..base + size_of_val(&stack);
        // SAFETY: the range is the array.
        unsafe {
            walk(base, range.clone(), 8, &mut |pc| {
                seen[n] = pc;
                n += 1;
            })
        };
        assert_eq!(&seen[..n], &[0x11, 0x22, 0x33]);
        // SAFETY: the range is the array.
        unsafe { walk(base + 1, range.clone(), 8, &mut |_| panic!("misaligned")) };
        // SAFETY: the range is the array.
        unsafe { walk(usize::MAX - 7, range, 8, &mut |_| panic!("outside")) };
    }

    #[test]
    fn a_bad_jump_is_shown_by_its_caller() {
        let stack = [0x1234usize, 0, 0, 0];
        let base = stack.as_ptr() as usize;
        let range = base..base + size_of_val(&stack);
        let first = |rip, rsp| {
            let mut seen = None;
            let at = Interrupted { rip, rsp, rbp: 0 };
            // SAFETY: the range is the array.
            unsafe {
                walk_interrupted(at, 0x1000..0x2000, range.clone(), 8, &mut |pc| seen = Some(pc))
            };
            seen
        };
        assert_eq!(first(0x1800, base), Some(0x1800));
        assert_eq!(first(0, base), Some(0x1234));
        assert_eq!(first(0, base + 8), None);
        assert_eq!(first(0, range.end), None);
        assert_eq!(first(0, 3), None);
    }
}
