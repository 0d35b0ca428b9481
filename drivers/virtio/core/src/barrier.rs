//! The order in which a device sees memory.

/// What was read and written before is before what is read and written after, for devices too.
///
/// Needed where a write must be seen before a later read is made (store, then load): everywhere
/// else the acquire and release of the ring indices suffice, because devices are coherent
/// observers on the machines that exist here (VIRTIO_F_ORDER_PLATFORM is not accepted).
#[inline]
pub fn full() {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a barrier changes no memory and no register. The outer shareable domain contains the
    // devices; `fence` would only order the inner one, and not a later write to device memory.
    unsafe {
        core::arch::asm!("dmb osh", options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "aarch64"))]
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
}
