//! The memory of a split virtqueue (VIRTIO 1.2, section 2.7): fields and their places, no policy.
//!
//! The device may change any of it at any time, so every field is read and written atomically,
//! and nothing that was written here is ever trusted when it is read back.

use crate::Error;
use crate::memory::Pages;
use crate::transport::QueueAddresses;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

/// This descriptor continues in another one.
pub(crate) const VIRTQ_DESC_F_NEXT: u16 = 1;
/// The device writes to this descriptor; otherwise it reads.
pub(crate) const VIRTQ_DESC_F_WRITE: u16 = 2;
/// The driver needs no interrupts.
const VIRTQ_AVAIL_F_NO_INTERRUPT: u16 = 1;
/// The device needs no notifications.
const VIRTQ_USED_F_NO_NOTIFY: u16 = 1;

const DESCRIPTOR: usize = 16;
/// Flags and index stand before the entries of both rings.
const FLAGS: usize = 0;
const INDEX: usize = 2;
const ENTRIES: usize = 4;

/// The largest size of a queue.
pub(crate) const MAX_SIZE: u16 = 1 << 15;

/// The rings of one queue. Indices are taken modulo the size, so that no value is out of bounds.
pub(crate) struct Ring {
    pages: Pages,
    size: u16,
    available: usize,
    used: usize,
}

impl Ring {
    /// Empty rings of `size` descriptors, a power of two up to [`MAX_SIZE`].
    pub(crate) fn new(size: u16) -> Result<Self, Error> {
        if !size.is_power_of_two() || size > MAX_SIZE {
            return Err(Error::Unsupported);
        }
        let entries = usize::from(size);
        let available = entries * DESCRIPTOR;
        // Each ring ends in an event field.
        let used = (available + ENTRIES + entries * 2 + 2).next_multiple_of(4);
        let len = used + ENTRIES + entries * 8 + 2;
        let pages = Pages::new(len).ok_or(Error::NoMemory)?;
        // SAFETY: the pages are ours and have at least `len` bytes.
        unsafe { pages.start().write_bytes(0, len) };
        Ok(Self { pages, size, available, used })
    }

    pub(crate) fn addresses(&self) -> QueueAddresses {
        let base = self.pages.address();
        QueueAddresses {
            descriptors: base,
            available: base + self.available as u64,
            used: base + self.used as u64,
        }
    }

    /// Keeps the memory for ever: a device that cannot be stopped uses it.
    pub(crate) fn leak(self) {
        core::mem::forget(self.pages);
    }

    #[inline]
    fn slot(&self, index: u16) -> usize {
        usize::from(index & (self.size - 1))
    }

    /// # Safety
    /// `offset` is a multiple of the alignment of `T` and the field ends inside the rings.
    #[inline]
    unsafe fn field<T>(&self, offset: usize) -> &T {
        // SAFETY: the caller says that the field is inside; pages are aligned for every `T` used
        // here, which are atomic integers: valid for every bit pattern, and for changes by others.
        unsafe { self.pages.start().add(offset).cast().as_ref() }
    }

    #[inline]
    fn u16(&self, ring: usize, offset: usize) -> &AtomicU16 {
        // SAFETY: callers name fields of the layout computed in `new`: header, entry, event.
        unsafe { self.field(ring + offset) }
    }

    /// Writes a descriptor.
    #[inline]
    pub(crate) fn describe(&self, index: u16, address: u64, len: u32, flags: u16, next: u16) {
        let at = self.slot(index) * DESCRIPTOR;
        let rest = u64::from(len) | u64::from(flags) << 32 | u64::from(next) << 48;
        // SAFETY: the slot is one of `size` descriptors, which start the pages.
        let (first, second): (&AtomicU64, &AtomicU64) =
            unsafe { (self.field(at), self.field(at + 8)) };
        first.store(address.to_le(), Ordering::Relaxed);
        second.store(rest.to_le(), Ordering::Relaxed);
    }

    /// Makes a chain available as the entry before `next`, the index that follows it.
    #[inline]
    pub(crate) fn offer(&self, head: u16, next: u16) {
        let entry = ENTRIES + self.slot(next.wrapping_sub(1)) * 2;
        self.u16(self.available, entry).store(head.to_le(), Ordering::Relaxed);
        // Release: the device sees descriptors, buffers and entry when it sees the index.
        self.u16(self.available, INDEX).store(next.to_le(), Ordering::Release);
    }

    /// The device's index in the used ring.
    #[inline]
    pub(crate) fn used_index(&self) -> u16 {
        // Acquire: entries and buffers are read after the index.
        u16::from_le(self.u16(self.used, INDEX).load(Ordering::Acquire))
    }

    /// An entry of the used ring: the head of a chain and how many bytes were written, as the
    /// device says.
    #[inline]
    pub(crate) fn used(&self, index: u16) -> (u32, u32) {
        let at = self.used + ENTRIES + self.slot(index) * 8;
        // SAFETY: the slot is one of `size` entries of the used ring, which is aligned to 4.
        let (id, len): (&AtomicU32, &AtomicU32) = unsafe { (self.field(at), self.field(at + 4)) };
        (u32::from_le(id.load(Ordering::Relaxed)), u32::from_le(len.load(Ordering::Relaxed)))
    }

    /// Without EVENT_IDX: whether to interrupt at all.
    pub(crate) fn set_interrupts(&self, on: bool) {
        let flags = if on { 0 } else { VIRTQ_AVAIL_F_NO_INTERRUPT };
        self.u16(self.available, FLAGS).store(flags.to_le(), Ordering::Relaxed);
    }

    /// Without EVENT_IDX: whether the device wants to be notified.
    pub(crate) fn wants_notification(&self) -> bool {
        let flags = u16::from_le(self.u16(self.used, FLAGS).load(Ordering::Relaxed));
        flags & VIRTQ_USED_F_NO_NOTIFY == 0
    }

    /// With EVENT_IDX: interrupt when the used index passes `index`.
    pub(crate) fn set_used_event(&self, index: u16) {
        let event = ENTRIES + usize::from(self.size) * 2;
        self.u16(self.available, event).store(index.to_le(), Ordering::Relaxed);
    }

    /// With EVENT_IDX: the available index after which the device wants to be notified.
    pub(crate) fn avail_event(&self) -> u16 {
        let event = ENTRIES + usize::from(self.size) * 8;
        u16::from_le(self.u16(self.used, event).load(Ordering::Relaxed))
    }
}
