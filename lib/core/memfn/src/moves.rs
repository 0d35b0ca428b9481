//! The algorithms, for any kind of block.

use crate::block::Block;

/// A value at any address: what makes an unaligned access an ordinary one.
#[repr(C, packed)]
struct Unaligned<T>(T);

/// Loads a `T`, one register, from any address.
///
/// # Safety
/// `at` is readable for the size of `T`, and any bytes are a `T`.
#[inline(always)]
unsafe fn load<T: Copy>(at: *const u8) -> T {
    // SAFETY: the caller's promise; a packed struct has alignment 1.
    unsafe { (*at.cast::<Unaligned<T>>()).0 }
}

/// Stores a `T`, one register, to any address.
///
/// # Safety
/// `at` is writable for the size of `T`.
#[inline(always)]
unsafe fn store<T: Copy>(at: *mut u8, value: T) {
    // SAFETY: the caller's promise; a packed struct has alignment 1.
    unsafe { (*at.cast::<Unaligned<T>>()).0 = value }
}

/// Bytes that one iteration of a loop moves, and the most that is moved without one.
#[inline(always)]
const fn stride<B: Block>() -> usize {
    4 * B::SIZE
}

/// Copies by two `T`s which may overlap: `size <= len <= 2 * size`.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes.
#[inline(always)]
unsafe fn copy_two<T: Copy>(to: *mut u8, from: *const u8, len: usize) {
    let last = len - size_of::<T>();
    // SAFETY: both accesses stay within `len` bytes. Loads precede stores.
    unsafe {
        let head = load::<T>(from);
        let tail = load::<T>(from.add(last));
        store(to, head);
        store(to.add(last), tail);
    }
}

/// Copies by four blocks of which the second pair may overlap the first:
/// `2 * size <= len <= 4 * size`.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes.
#[inline(always)]
unsafe fn copy_four<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    let last = len - 2 * B::SIZE;
    // SAFETY: all accesses stay within `len` bytes. Loads precede stores.
    unsafe {
        let a = load::<B>(from);
        let b = load::<B>(from.add(B::SIZE));
        let c = load::<B>(from.add(last));
        let d = load::<B>(from.add(last + B::SIZE));
        store(to, a);
        store(to.add(B::SIZE), b);
        store(to.add(last), c);
        store(to.add(last + B::SIZE), d);
    }
}

/// Copies up to a stride.
///
/// # Safety
/// `from` is readable and `to` writable for `len <= stride` bytes; they may overlap.
#[inline(always)]
unsafe fn copy_small<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: every arm moves the `len` bytes and no others.
    unsafe {
        if len >= 2 * B::SIZE {
            copy_four::<B>(to, from, len);
        } else if len >= B::SIZE {
            copy_two::<B>(to, from, len);
        } else if len >= 8 {
            copy_two::<u64>(to, from, len);
        } else if len >= 4 {
            copy_two::<u32>(to, from, len);
        } else if len >= 2 {
            copy_two::<u16>(to, from, len);
        } else if len == 1 {
            *to = *from;
        }
    }
}

/// Copies more than a stride, low addresses first.
///
/// # Safety
/// `from` is readable and `to` writable for `len > stride` bytes, and `to` is not within
/// `from + 1..from + len`.
#[inline(always)]
unsafe fn copy_up<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    let last = len - stride::<B>();
    // SAFETY: all accesses stay within `len` bytes. If the buffers overlap, `to` is the lower
    // one, so the stores of an iteration only reach bytes that it or an earlier one has loaded,
    // or that are in the head or the tail; those are loaded first and stored last.
    unsafe {
        let head = load::<B>(from);
        let tail_a = load::<B>(from.add(last));
        let tail_b = load::<B>(from.add(last + B::SIZE));
        let tail_c = load::<B>(from.add(last + 2 * B::SIZE));
        let tail_d = load::<B>(from.add(last + 3 * B::SIZE));
        // Stores in the loop are aligned, so none crosses a cache line.
        let mut at = B::SIZE - (to as usize & (B::SIZE - 1));
        while at < last {
            copy_four::<B>(to.add(at), from.add(at), stride::<B>());
            at += stride::<B>();
        }
        store(to.add(last), tail_a);
        store(to.add(last + B::SIZE), tail_b);
        store(to.add(last + 2 * B::SIZE), tail_c);
        store(to.add(last + 3 * B::SIZE), tail_d);
        store(to, head);
    }
}

/// Copies more than a stride, high addresses first.
///
/// # Safety
/// `from` is readable and `to` writable for `len > stride` bytes, and `from` is not within
/// `to + 1..to + len`.
#[inline(always)]
unsafe fn copy_down<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    let last = len - B::SIZE;
    // SAFETY: the mirror image of `copy_up`.
    unsafe {
        let head_a = load::<B>(from);
        let head_b = load::<B>(from.add(B::SIZE));
        let head_c = load::<B>(from.add(2 * B::SIZE));
        let head_d = load::<B>(from.add(3 * B::SIZE));
        let tail = load::<B>(from.add(last));
        let mut end = len - (to.add(len) as usize & (B::SIZE - 1));
        while end > stride::<B>() {
            end -= stride::<B>();
            copy_four::<B>(to.add(end), from.add(end), stride::<B>());
        }
        store(to, head_a);
        store(to.add(B::SIZE), head_b);
        store(to.add(2 * B::SIZE), head_c);
        store(to.add(3 * B::SIZE), head_d);
        store(to.add(last), tail);
    }
}

/// See [`copy`](crate::copy).
///
/// # Safety
/// See there.
#[inline(always)]
pub(crate) unsafe fn copy<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: passed on.
    unsafe {
        if len <= stride::<B>() {
            copy_small::<B>(to, from, len)
        } else {
            copy_up::<B>(to, from, len)
        }
    }
}

/// See [`copy_overlapping`](crate::copy_overlapping).
///
/// # Safety
/// See there.
#[inline(always)]
pub(crate) unsafe fn copy_overlapping<B: Block>(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: passed on; the comparison is true exactly if `to` is within `from..from + len`.
    unsafe {
        if len <= stride::<B>() {
            copy_small::<B>(to, from, len)
        } else if (to as usize).wrapping_sub(from as usize) < len {
            copy_down::<B>(to, from, len)
        } else {
            copy_up::<B>(to, from, len)
        }
    }
}

/// See [`fill`](crate::fill).
///
/// # Safety
/// See there.
#[inline(always)]
pub(crate) unsafe fn fill<B: Block>(to: *mut u8, byte: u8, len: usize) {
    let word = u64::from(byte) * 0x0101_0101_0101_0101;
    // SAFETY: every arm writes the `len` bytes and no others, as the arms of `copy_small` and
    // `copy_up` do.
    unsafe {
        if len >= B::SIZE {
            let block = B::splat(byte);
            let last = len - B::SIZE;
            store(to, block);
            if len > 2 * B::SIZE {
                // Stores in the loop are aligned, so none crosses a cache line.
                let mut at = B::SIZE - (to as usize & (B::SIZE - 1));
                while at + stride::<B>() <= last {
                    store(to.add(at), block);
                    store(to.add(at + B::SIZE), block);
                    store(to.add(at + 2 * B::SIZE), block);
                    store(to.add(at + 3 * B::SIZE), block);
                    at += stride::<B>();
                }
                while at < last {
                    store(to.add(at), block);
                    at += B::SIZE;
                }
            }
            store(to.add(last), block);
        } else if len >= 8 {
            store(to, word);
            store(to.add(len - 8), word);
        } else if len >= 4 {
            store(to, word as u32);
            store(to.add(len - 4), word as u32);
        } else if len >= 2 {
            store(to, word as u16);
            store(to.add(len - 2), word as u16);
        } else if len == 1 {
            *to = byte;
        }
    }
}

/// Up to 16 bytes as a pair of numbers that is ordered as the bytes are. They are read as
/// big-endian numbers, which may overlap: what the second shows again was equal in the first.
///
/// # Safety
/// `at` is readable for `len` bytes, which is 1 to 16.
#[inline(always)]
unsafe fn key(at: *const u8, len: usize) -> (u64, u64) {
    // SAFETY: every arm reads some of the `len` bytes.
    unsafe {
        if len >= 8 {
            (u64::from_be(load(at)), u64::from_be(load(at.add(len - 8))))
        } else if len >= 4 {
            (u32::from_be(load(at)).into(), u32::from_be(load(at.add(len - 4))).into())
        } else {
            let middle = u64::from(*at.add(len / 2));
            (u64::from(*at) << 8 | middle, u64::from(*at.add(len - 1)))
        }
    }
}

/// Compares two blocks.
///
/// # Safety
/// `a` and `b` are readable for a block.
#[inline(always)]
unsafe fn compare_block<B: Block>(a: *const u8, b: *const u8) -> i32 {
    // SAFETY: the caller's promise; the index is within the block.
    unsafe {
        match load::<B>(a).first_difference(load(b)) {
            Some(index) => i32::from(*a.add(index)) - i32::from(*b.add(index)),
            None => 0,
        }
    }
}

/// See [`compare`](crate::compare).
///
/// # Safety
/// See there.
#[inline(always)]
pub(crate) unsafe fn compare<B: Block>(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: all accesses stay within `len` bytes. What the last block shows again was equal.
    unsafe {
        if len >= B::SIZE {
            let last = len - B::SIZE;
            let mut at = 0;
            while at < last {
                let order = compare_block::<B>(a.add(at), b.add(at));
                if order != 0 {
                    return order;
                }
                at += B::SIZE;
            }
            compare_block::<B>(a.add(last), b.add(last))
        } else if len > 0 {
            let (a, b) = (key(a, len), key(b, len));
            i32::from(a > b) - i32::from(a < b)
        } else {
            0
        }
    }
}
