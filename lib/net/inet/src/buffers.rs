//! Memory for what is sent and received.

use crate::hash::Secret;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::Hash;
use core::sync::atomic::{AtomicUsize, Ordering};
use hashbrown::HashMap;
use unilith_mem_api::{PAGE_SIZE, free_pages};
use unilith_tcp::Ring;

/// Bytes of the buffers of a connection, at most.
const SEND: usize = unilith_config::number(option_env!("CONFIG_NET_TCP_SEND_KIB"), 32) * 1024;
pub const RECEIVE: usize =
    unilith_config::number(option_env!("CONFIG_NET_TCP_RECEIVE_KIB"), 32) * 1024;

/// Whether connections may take `bytes` more: a sixteenth of what there was at first stays for the
/// rest of the image, so that clients, however many, exhaust their own share.
pub fn is_room(bytes: usize) -> bool {
    static FIRST: AtomicUsize = AtomicUsize::new(0);
    let free = free_pages();
    let first = match FIRST.load(Ordering::Relaxed) {
        0 => {
            FIRST.store(free, Ordering::Relaxed);
            free
        }
        first => first,
    };
    free > first / 16 + bytes / PAGE_SIZE
}

/// Whether a table and the order of its entries have a place for one more, or get the memory to
/// grow. Clients, however many, do not take the last: growing takes twice what there is.
pub fn has_place<K: Eq + Hash, V, T>(
    table: &mut HashMap<K, V, Secret>,
    order: &mut VecDeque<T>,
) -> bool {
    let growth = 3 * (size_of::<(K, V)>() + size_of::<T>());
    let full = table.len() == table.capacity() || order.len() == order.capacity();
    !full
        || is_room(order.len() * growth)
            && table.try_reserve(1).is_ok()
            && order.try_reserve(1).is_ok()
}

/// A zeroed buffer, if there is memory.
pub fn buffer(len: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(len).ok()?;
    buffer.resize(len, 0);
    Some(buffer)
}

/// The buffers of a connection, to send from and to receive into; they have no memory yet.
pub fn rings() -> (Ring, Ring) {
    (Ring::new(SEND, is_room), Ring::new(RECEIVE, is_room))
}
