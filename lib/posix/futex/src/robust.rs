//! Locks that tell when their holder has died (Linux, Documentation/locking/robust-futexes.rst).

use unilith_posix_abi::raw::general::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS,
};
use unilith_posix_abi::{Result, UserPtr};

/// Locks that one thread can hold (ROBUST_LIST_LIMIT): the list is the application's, and may be
/// a ring.
const MOST: usize = 2048;

/// Marks the locks in the list at `head` that thread `tid` held when it ended, and wakes one who
/// waits for each. Stops where the list is not readable.
pub fn owner_died(head: UserPtr, tid: i32) {
    // What is broken is the application's business; it has ended.
    let _ = walk(head, tid as u32);
}

/// `struct robust_list_head`: the first entry, the distance from an entry to its word, and the
/// entry of a lock that was just being taken or given back.
fn walk(head: UserPtr, tid: u32) -> Result<()> {
    let [mut entry, offset, just] = [
        head.read_u64()? as usize,
        head.add(8).read_u64()? as usize,
        head.add(16).read_u64()? as usize,
    ];
    // The lowest bit says that the lock inherits priorities.
    let word = |entry: usize| UserPtr((entry & !1).wrapping_add(offset));
    for _ in 0..MOST {
        if entry & !1 == head.0 {
            break;
        }
        let next = UserPtr(entry & !1).read_u64()? as usize;
        if entry & !1 != just & !1 {
            mark(word(entry), tid, false)?;
        }
        entry = next;
    }
    if just & !1 != 0 { mark(word(just), tid, true) } else { Ok(()) }
}

fn mark(word: UserPtr, tid: u32, just: bool) -> Result<()> {
    if !word.0.is_multiple_of(size_of::<u32>()) {
        return Ok(());
    }
    let value = word.read_u32()?;
    let owner = value & FUTEX_TID_MASK;
    if owner == tid {
        word.copy_out(&(value & FUTEX_WAITERS | FUTEX_OWNER_DIED).to_ne_bytes())?;
    }
    // One that was just given back may not have woken anybody yet.
    if owner == tid && value & FUTEX_WAITERS != 0 || just && owner == 0 {
        crate::wake(word, 1, FUTEX_BITSET_MATCH_ANY)?;
    }
    Ok(())
}
