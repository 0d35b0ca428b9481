//! Every function against its definition, for both kinds of block, over all small sizes.

use crate::block::{Block, Native};
use crate::{compare, copy, copy_overlapping, fill, length, moves};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// Sizes up to this are tried one by one: well past every change of method.
const SIZES: usize = 300;
/// Alignments that matter: those within a block.
const ALIGNMENTS: usize = 16;

/// Bytes that differ from their neighbours, and from those of another seed.
fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| ((i + seed) * 167 + ((i + seed) >> 8) * 13) as u8).collect()
}

/// Copies between all alignments of source and destination; the surroundings stay as they were.
fn copies_are_exact<B: Block>(one: unsafe fn(*mut u8, *const u8, usize)) {
    let from = pattern(SIZES + 2 * ALIGNMENTS, 1);
    let around = pattern(SIZES + 3 * ALIGNMENTS, 99);
    for len in 0..SIZES {
        for source in 0..ALIGNMENTS {
            for target in 0..ALIGNMENTS {
                // A small size does not look at the alignment: a few are enough.
                if len <= 4 * B::SIZE && source * target % 5 != 0 {
                    continue;
                }
                let mut to = around.clone();
                // SAFETY: both buffers are long enough and apart.
                unsafe { one(to.as_mut_ptr().add(target), from.as_ptr().add(source), len) };
                assert_eq!(to[..target], around[..target], "{len} {source} {target}");
                assert_eq!(to[target..][..len], from[source..][..len], "{len} {source} {target}");
                assert_eq!(to[target + len..], around[target + len..], "{len} {source} {target}");
            }
        }
    }
}

#[test]
fn memcpy_is_exact() {
    copies_are_exact::<Native>(copy);
    copies_are_exact::<u64>(moves::copy::<u64>);
}

#[test]
fn memmove_is_exact_when_apart() {
    copies_are_exact::<Native>(copy_overlapping);
    copies_are_exact::<u64>(moves::copy_overlapping::<u64>);
}

/// All sizes, at all distances between source and destination up to beyond the size, both ways.
fn overlaps_are_respected(one: unsafe fn(*mut u8, *const u8, usize)) {
    let before = pattern(3 * SIZES, 7);
    for len in 0..SIZES {
        let mut distances: Vec<usize> = (0..=80.min(len)).collect();
        distances.extend((81..=len + 2).step_by(7).chain([len.saturating_sub(1), len, len + 1]));
        for distance in distances {
            for (source, target) in [(40, 40 + distance), (40 + distance, 40), (43 + distance, 43)]
            {
                let mut buffer = before.clone();
                let mut expected = before.clone();
                expected.copy_within(source..source + len, target);
                let base = buffer.as_mut_ptr();
                // SAFETY: both ranges are within the buffer.
                unsafe { one(base.add(target), base.add(source), len) };
                assert_eq!(buffer, expected, "{len} bytes from {source} to {target}");
            }
        }
    }
}

#[test]
fn memmove_respects_overlaps() {
    overlaps_are_respected(copy_overlapping);
    overlaps_are_respected(moves::copy_overlapping::<u64>);
}

/// The compiler may copy a value onto itself.
#[test]
fn memcpy_onto_itself_changes_nothing() {
    for len in 0..SIZES {
        let before = pattern(len, 3);
        let mut buffer = before.clone();
        let base = buffer.as_mut_ptr();
        // SAFETY: the buffer has `len` bytes.
        unsafe { copy(base, base, len) };
        assert_eq!(buffer, before);
    }
}

#[test]
fn memset_is_exact() {
    for one in [fill, moves::fill::<u64>] as [unsafe fn(*mut u8, u8, usize); 2] {
        let around = pattern(SIZES + 2 * ALIGNMENTS, 5);
        for len in 0..SIZES {
            for target in 0..ALIGNMENTS {
                for byte in [0, 1, 0x80, 0xff] {
                    let mut to = around.clone();
                    // SAFETY: the buffer is long enough.
                    unsafe { one(to.as_mut_ptr().add(target), byte, len) };
                    assert_eq!(to[..target], around[..target]);
                    assert!(to[target..][..len].iter().all(|&b| b == byte), "{len} {target}");
                    assert_eq!(to[target + len..], around[target + len..]);
                }
            }
        }
    }
}

#[test]
fn memcmp_orders_as_slices_do() {
    for one in
        [compare, moves::compare::<u64>] as [unsafe fn(*const u8, *const u8, usize) -> i32; 2]
    {
        for len in 0..SIZES {
            for shift in [0, 1, 7, 15] {
                let mut a = vec![0; shift];
                a.extend(pattern(len + 1, 11));
                let mut b = pattern(len + 1, 11);
                // The byte past the end differs and must not matter.
                b[len] ^= 0xff;
                let order = |a: &[u8], b: &[u8]| {
                    // SAFETY: both have `len` bytes.
                    unsafe { one(a.as_ptr(), b.as_ptr(), len) }.signum()
                };
                assert_eq!(order(&a[shift..], &b), 0);
                for index in 0..len {
                    // Later bytes that point the other way must not matter either.
                    let saved = b.clone();
                    for (change, later) in [(0x80, 0), (1, 0xff), (0xff, 0x55)] {
                        b[index] ^= change;
                        if let Some(next) = b[..len].get_mut(index + 1..) {
                            next.fill(later);
                        }
                        let expected = a[shift..][..len].cmp(&b[..len]) as i32;
                        assert_eq!(order(&a[shift..], &b), expected, "{len} {index}");
                        b.copy_from_slice(&saved);
                    }
                }
            }
        }
    }
}

#[test]
fn strlen_finds_the_first_zero() {
    for one in [length, u64::length] as [unsafe fn(*const u8) -> usize; 2] {
        for len in 0..SIZES {
            for start in 0..ALIGNMENTS {
                // Zeros before the text and after its end must not matter.
                let mut text = vec![0; start];
                text.extend(core::iter::repeat_n(0x80 | len as u8, len));
                text.extend([0, 1, 0]);
                // SAFETY: the text ends with a zero.
                assert_eq!(unsafe { one(text.as_ptr().add(start)) }, len);
            }
        }
    }
}

/// Larger than any cache line, page or stride, and not a multiple of one.
#[test]
fn large_blocks_are_copied_too() {
    let text: String = (0..20_000).map(|n| std::format!("{n} ")).collect();
    let mut to = vec![0; text.len()];
    // SAFETY: both have the same length.
    unsafe { copy(to.as_mut_ptr(), text.as_ptr(), text.len()) };
    assert_eq!(to, text.as_bytes());
    // SAFETY: both are `len - 3` bytes within the buffer.
    unsafe { copy_overlapping(to.as_mut_ptr().add(3), to.as_ptr(), text.len() - 3) };
    assert_eq!(to[3..], text.as_bytes()[..text.len() - 3]);
    // SAFETY: `to` is that long.
    unsafe { fill(to.as_mut_ptr(), 7, to.len()) };
    assert!(to.iter().all(|&b| b == 7));
}
