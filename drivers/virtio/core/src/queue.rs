//! A split virtqueue: buffers go to the device and come back.

use crate::device::reset;
use crate::memory::DmaBuffer;
use crate::ring::{MAX_SIZE, Ring, VIRTQ_DESC_F_NEXT, VIRTQ_DESC_F_WRITE};
use crate::transport::Transport;
use crate::{Error, barrier};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

/// A buffer that the device has.
struct InFlight {
    buffer: DmaBuffer,
    tag: u16,
    descriptors: u16,
    /// How much of it the device may write, in bytes.
    writable: u32,
}

/// A buffer that came back.
pub struct Completion {
    /// The buffer.
    pub buffer: DmaBuffer,
    /// What it was submitted with.
    pub tag: u16,
    /// Bytes that the device says it wrote, at most as many as it was allowed to.
    pub written: usize,
}

/// A buffer that was not taken, and why.
pub struct Rejected {
    /// The buffer.
    pub buffer: DmaBuffer,
    /// Why.
    pub error: Error,
}

/// A virtqueue. Interrupts are off until [`arm`](Self::arm) asks for one.
///
/// What the device writes to shared memory is checked against what the queue remembers in memory
/// of its own; a contradiction makes the queue [`Broken`](Error::Broken) for good.
pub struct Queue {
    transport: Arc<dyn Transport>,
    index: u16,
    /// Always there until the queue is dropped.
    ring: Option<Ring>,
    event_idx: bool,
    /// By descriptor: the one that follows in its chain or among the free ones.
    next: Vec<u16>,
    first_free: u16,
    free: u16,
    /// By head of the chain.
    in_flight: Vec<Option<InFlight>>,
    chains: u16,
    /// The next index in the available ring, and what it was when the device was last notified.
    available: u16,
    announced: u16,
    /// The next index in the used ring.
    used: u16,
    armed: bool,
    broken: bool,
}

impl Queue {
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        index: u16,
        size: u16,
        event_idx: bool,
    ) -> Result<Self, Error> {
        let limit = transport.queue_limit(index).min(size).min(MAX_SIZE);
        if limit == 0 {
            return Err(Error::NoQueue);
        }
        let size = 1 << limit.ilog2();
        let ring = Ring::new(size)?;
        if !event_idx {
            ring.set_interrupts(false);
        }
        let addresses = ring.addresses();
        let queue = Self {
            transport,
            index,
            ring: Some(ring),
            event_idx,
            next: (1..=size).collect(),
            first_free: 0,
            free: size,
            in_flight: (0..size).map(|_| None).collect(),
            chains: 0,
            available: 0,
            announced: 0,
            used: 0,
            armed: false,
            broken: false,
        };
        // SAFETY: the queue owns the rings; it also owns the buffers that it names there. Both are
        // given up after a reset only.
        unsafe { queue.transport.start_queue(index, size, addresses)? };
        Ok(queue)
    }

    /// How many descriptors it has.
    pub fn size(&self) -> u16 {
        self.in_flight.len() as u16
    }

    /// How many descriptors are free.
    pub fn free(&self) -> u16 {
        self.free
    }

    /// How many buffers the device has.
    pub fn in_flight(&self) -> u16 {
        self.chains
    }

    /// Whether the device has broken the rules.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Gives `buffer` to the device, which may read the ranges `readable` and write the ranges
    /// `writable` of it, in this order. `tag` comes back with it. The device need not notice
    /// before [`notify`](Self::notify).
    ///
    /// # Errors
    /// `Full`; `Broken`; `Invalid` if there is no range, or one is empty or not in the buffer.
    #[inline(always)] // most callers have one range: nothing is left of the loops then
    pub fn submit(
        &mut self,
        buffer: DmaBuffer,
        tag: u16,
        readable: &[Range<usize>],
        writable: &[Range<usize>],
    ) -> Result<(), Rejected> {
        let count = readable.len() + writable.len();
        let fits = |range: &Range<usize>| !range.is_empty() && buffer.get(range.clone()).is_some();
        let error = if self.broken {
            Some(Error::Broken)
        } else if count == 0 || !readable.iter().chain(writable).all(fits) {
            Some(Error::Invalid)
        } else if count > usize::from(self.free) {
            Some(Error::Full)
        } else {
            None
        };
        let total: usize = writable.iter().map(|range| range.len()).sum();
        let (Some(ring), Ok(writable_len), None) = (&self.ring, u32::try_from(total), error) else {
            return Err(Rejected { buffer, error: error.unwrap_or(Error::Invalid) });
        };

        let head = self.first_free;
        let flags = readable.iter().map(|range| (range, 0));
        let flags = flags.chain(writable.iter().map(|range| (range, VIRTQ_DESC_F_WRITE)));
        for (position, (range, mut flags)) in flags.enumerate() {
            let at = self.first_free;
            // As many as there are free are taken, so this follows the list of the free ones.
            let next = self.next.get(usize::from(at)).copied().unwrap_or(0);
            if position + 1 < count {
                flags |= VIRTQ_DESC_F_NEXT;
            }
            let address = buffer.address() + range.start as u64;
            ring.describe(at, address, range.len() as u32, flags, next);
            self.first_free = next;
        }
        let descriptors = count as u16;
        self.free -= descriptors;
        self.chains += 1;
        if let Some(slot) = self.in_flight.get_mut(usize::from(head)) {
            *slot = Some(InFlight { buffer, tag, descriptors, writable: writable_len });
        }
        self.available = self.available.wrapping_add(1);
        ring.offer(head, self.available);
        Ok(())
    }

    /// How many buffers were submitted since the device was last notified.
    pub fn unannounced(&self) -> u16 {
        self.available.wrapping_sub(self.announced)
    }

    /// Notifies the device of what was submitted, if it wants to know.
    pub fn notify(&mut self) {
        let new = self.unannounced();
        let (Some(ring), true, false) = (&self.ring, new != 0, self.broken) else { return };
        // The index must be seen before it is asked whether the device looks at it by itself.
        barrier::full();
        let wanted = if self.event_idx {
            // VIRTIO 1.2, section 2.7.10: whether the index went past the event.
            self.available.wrapping_sub(ring.avail_event()).wrapping_sub(1) < new
        } else {
            ring.wants_notification()
        };
        self.announced = self.available;
        if wanted {
            self.transport.notify(self.index);
        }
    }

    /// Takes the next buffer back that the device has done with.
    ///
    /// # Errors
    /// `Broken`: the device returned something that it did not have, or claims to have written
    /// more than it may.
    #[inline]
    pub fn complete(&mut self) -> Result<Option<Completion>, Error> {
        let Some(ring) = &self.ring else { return Err(Error::Broken) };
        if self.armed {
            self.armed = false;
            // With EVENT_IDX there is one interrupt only, at the index that was asked for.
            if !self.event_idx {
                ring.set_interrupts(false);
            }
        }
        if self.broken {
            return Err(Error::Broken);
        }
        let returned = ring.used_index().wrapping_sub(self.used);
        if returned == 0 {
            return Ok(None);
        }
        if returned > self.chains {
            return self.fail();
        }
        let (head, written) = ring.used(self.used);
        let slot = usize::try_from(head).ok().and_then(|head| self.in_flight.get_mut(head));
        let honest = |entry: &mut InFlight| written <= entry.writable;
        // What is refused stays with the device: who knows what it does to it.
        let Some(entry) = slot.and_then(|slot| slot.take_if(honest)) else { return self.fail() };
        self.release(head as u16, entry.descriptors);
        self.used = self.used.wrapping_add(1);
        Ok(Some(Completion { buffer: entry.buffer, tag: entry.tag, written: written as usize }))
    }

    /// Appends a chain to the free descriptors.
    fn release(&mut self, head: u16, descriptors: u16) {
        let mut last = head;
        for _ in 1..descriptors {
            last = self.next.get(usize::from(last)).copied().unwrap_or(last);
        }
        if let Some(next) = self.next.get_mut(usize::from(last)) {
            *next = self.first_free;
        }
        self.first_free = head;
        self.free += descriptors;
        self.chains -= 1;
    }

    fn fail<T>(&mut self) -> Result<T, Error> {
        self.broken = true;
        Err(Error::Broken)
    }

    /// Has the device interrupt at the next completion. True if there is one already; a broken
    /// device has none.
    pub fn arm(&mut self) -> bool {
        let (Some(ring), false) = (&self.ring, self.broken) else { return false };
        if self.event_idx {
            ring.set_used_event(self.used);
        } else {
            ring.set_interrupts(true);
        }
        self.armed = true;
        // The wish must be seen before it is asked whether it came too late.
        barrier::full();
        ring.used_index() != self.used
    }
}

impl Drop for Queue {
    /// Stops the whole device, so that it does not use the memory any more.
    fn drop(&mut self) {
        if !reset(&*self.transport) {
            self.ring.take().into_iter().for_each(Ring::leak);
            core::mem::forget(core::mem::take(&mut self.in_flight));
        }
    }
}
