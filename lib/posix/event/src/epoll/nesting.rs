//! Instances that wait for each other: no circles, and no long chains, as an event travels along
//! them on one stack.

use super::{Epoll, EpollFile};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_posix_abi::{Errno, Result};

/// Instances in a chain, as in Linux (EP_MAX_NESTS, and the one that it ends with).
const LONGEST: usize = 5;

/// The instances that `epoll` waits for.
fn children(epoll: &Epoll) -> Vec<Arc<Epoll>> {
    let items: Vec<_> = epoll.interest.lock().values().cloned().collect();
    let inside = items.iter().filter_map(|item| item.open.upgrade());
    inside.filter_map(|open| Some(open.file().downcast::<EpollFile>()?.0.clone())).collect()
}

/// The instances that wait for `epoll`.
fn parents(epoll: &Epoll) -> Vec<Arc<Epoll>> {
    epoll.parents.lock().iter().filter_map(Weak::upgrade).collect()
}

/// Instances in the longest chain from `epoll` on, itself included; and in `known` those of all
/// that it passes.
fn chain(
    epoll: &Arc<Epoll>,
    next: fn(&Epoll) -> Vec<Arc<Epoll>>,
    known: &mut BTreeMap<usize, usize>,
) -> usize {
    let id = Arc::as_ptr(epoll) as usize;
    if let Some(&length) = known.get(&id) {
        return length;
    }
    let longest = next(epoll).iter().map(|other| chain(other, next, known)).max();
    let length = 1 + longest.unwrap_or(0);
    known.insert(id, length);
    length
}

/// ELOOP if `outer` cannot wait for `inner`.
pub fn check_nesting(outer: &Arc<Epoll>, inner: &Arc<Epoll>) -> Result<()> {
    let mut below = BTreeMap::new();
    let length = chain(inner, children, &mut below) + chain(outer, parents, &mut BTreeMap::new());
    let circle = below.contains_key(&(Arc::as_ptr(outer) as usize));
    if circle || length > LONGEST { Err(Errno::ELOOP) } else { Ok(()) }
}
