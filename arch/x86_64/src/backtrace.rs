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
}
