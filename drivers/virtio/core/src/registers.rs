//! Registers of a device, in memory.

use core::ptr::NonNull;

/// Registers that a transport is made of. Offsets are in bytes. What is outside reads as all
/// ones, as an empty bus does, and writing there does nothing: lengths come from devices.
pub trait Registers: Send + Sync {
    /// Reads 8 bits.
    fn read8(&self, offset: usize) -> u8;
    /// Reads 16 bits.
    fn read16(&self, offset: usize) -> u16;
    /// Reads 32 bits.
    fn read32(&self, offset: usize) -> u32;
    /// Writes 8 bits.
    fn write8(&self, offset: usize, value: u8);
    /// Writes 16 bits.
    fn write16(&self, offset: usize, value: u16);
    /// Writes 32 bits.
    fn write32(&self, offset: usize, value: u32);
    /// Writes 64 bits as two halves, the lower first (VIRTIO 1.2, section 4.1.3.1 allows it for
    /// every field of 64 bits).
    fn write64(&self, offset: usize, value: u64) {
        self.write32(offset, value as u32);
        self.write32(offset + 4, (value >> 32) as u32);
    }
}

/// Registers that the platform has made accessible.
pub struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: registers belong to no thread.
unsafe impl Send for Mapped {}
// SAFETY: every access is one volatile instruction.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// `len` bytes of registers at a physical address; `None` if the platform cannot reach them.
    ///
    /// # Safety
    /// Registers of a device are there, no memory that somebody uses.
    pub unsafe fn new(physical: u64, len: usize) -> Option<Self> {
        unilith_bus::registers(physical, len).map(|start| Self { start, len })
    }

    /// Bytes of registers.
    pub fn size(&self) -> usize {
        self.len
    }

    /// Where a register of type `T` is, if it is inside and aligned.
    #[inline]
    fn at<T>(&self, offset: usize) -> Option<*mut T> {
        let inside = offset.checked_add(size_of::<T>()).is_some_and(|end| end <= self.len);
        let at: *mut T = self.start.as_ptr().wrapping_add(offset).cast();
        (inside && at.is_aligned()).then_some(at)
    }
}

macro_rules! access {
    ($read:ident, $write:ident, $type:ty) => {
        #[inline]
        fn $read(&self, offset: usize) -> $type {
            let Some(at) = self.at::<$type>(offset) else { return <$type>::MAX };
            // SAFETY: `at` checks place and alignment; `new` has it that registers are there.
            <$type>::from_le(unsafe { at.read_volatile() })
        }
        #[inline]
        fn $write(&self, offset: usize, value: $type) {
            if let Some(at) = self.at::<$type>(offset) {
                // SAFETY: as in reading.
                unsafe { at.write_volatile(value.to_le()) };
            }
        }
    };
}

impl Registers for Mapped {
    access!(read8, write8, u8);
    access!(read16, write16, u16);
    access!(read32, write32, u32);
}
