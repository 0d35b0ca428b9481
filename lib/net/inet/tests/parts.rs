//! The parts that stand alone. Here, because the crate itself needs a platform to be linked.
#![allow(dead_code)]

extern crate alloc;

#[path = "../src/hash.rs"]
mod hash;
#[path = "../src/slab.rs"]
mod slab;

/// The vectors of the reference implementation, for the lengths that are whole words.
#[test]
fn hashes_are_as_in_the_reference() {
    let key = hash::Secret([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
    assert_eq!(key.hash(&[]), 0x726f_db47_dd0e_0e31);
    assert_eq!(key.hash(&[0x0706_0504_0302_0100]), 0x93f5_f579_9a93_2462);
}

#[test]
fn a_number_is_not_used_again() {
    let mut slab = slab::Slab::default();
    let first = slab.insert('a');
    assert_eq!(slab.remove(first), Some('a'));
    let second = slab.insert('b');
    assert_eq!((slab.get(first), slab.len()), (None, 1));
    assert_eq!(slab.remove(first), None);
    assert_eq!(slab.get(second), Some(&'b'));
    assert_eq!(slab.ids().collect::<Vec<_>>(), [second]);
}
