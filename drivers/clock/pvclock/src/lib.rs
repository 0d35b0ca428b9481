//! The arithmetic of KVM's and Xen's paravirtual clock: from the time-stamp counter to nanoseconds
//! and back (Linux, `Documentation/virt/kvm/x86/msr.rst`, MSR_KVM_SYSTEM_TIME_NEW).
#![no_std]
#![forbid(unsafe_code)]

/// What the hypervisor says: at `stamp` cycles it was `time` nanoseconds, and since then a cycle
/// takes 2^`shift` * `mul` / 2^32 nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The time-stamp counter.
    pub stamp: u64,
    /// Nanoseconds.
    pub time: u64,
    /// A fraction of 2^32.
    pub mul: u32,
    /// A power of two.
    pub shift: i8,
}

impl Reading {
    /// The time, in nanoseconds, when the counter shows `cycles`.
    pub fn ns_at(&self, cycles: u64) -> u64 {
        let delta = u128::from(cycles.wrapping_sub(self.stamp));
        let distance = self.distance();
        let delta = if self.shift >= 0 { delta << distance } else { delta >> distance };
        self.time.wrapping_add(((delta * u128::from(self.mul)) >> 32) as u64)
    }

    /// What the counter shows when the time first is `ns` nanoseconds or more: `stamp` for the
    /// past, all ones if it will not come.
    pub fn cycles_at(&self, ns: u64) -> u64 {
        let ns = u128::from(ns.saturating_sub(self.time));
        let scaled = (ns << 32).div_ceil(u128::from(self.mul.max(1)));
        let distance = self.distance();
        let delta =
            if self.shift >= 0 { scaled.div_ceil(1 << distance) } else { scaled << distance };
        self.stamp.saturating_add(u64::try_from(delta).unwrap_or(u64::MAX))
    }

    /// Hypervisors stay below 32; more would lose bits here.
    fn distance(&self) -> u32 {
        u32::from(self.shift.unsigned_abs()).min(31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_counter_of_3_ghz() {
        // 1/3 ns: shift -1, mul 2/3 of 2^32.
        let reading = Reading { stamp: 1000, time: 50, mul: 0xaaaa_aaab, shift: -1 };
        assert_eq!(reading.ns_at(1000), 50);
        assert_eq!(reading.ns_at(1000 + 3_000_000), 50 + 1_000_000);
        assert_eq!(reading.cycles_at(50 + 1_000_000), 1000 + 3_000_000);
        assert_eq!(reading.cycles_at(0), 1000);
        assert_eq!(reading.cycles_at(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_counter_of_400_mhz() {
        // 2.5 ns: shift 2, mul 5/8 of 2^32.
        let reading = Reading { stamp: 0, time: 0, mul: 0xa000_0000, shift: 2 };
        assert_eq!(reading.ns_at(400), 1000);
        assert_eq!(reading.cycles_at(1000), 400);
        assert_eq!(reading.cycles_at(1001), 401);
    }

    proptest! {
        /// Hypervisors normalise the fraction: its highest bit is set.
        #[test]
        fn the_inverse_is_the_first_such_cycle(
            stamp in 0..1u64 << 50,
            time in 0..1u64 << 50,
            wait in 1..1u64 << 40,
            mul in 1u32 << 31..,
            shift in -8i8..=8,
        ) {
            let reading = Reading { stamp, time, mul, shift };
            let cycles = reading.cycles_at(time + wait);
            prop_assert!(reading.ns_at(cycles) >= time + wait);
            prop_assert!(reading.ns_at(cycles - 1) < time + wait);
        }

        /// A hypervisor is not trusted to be sane.
        #[test]
        fn no_reading_panics(stamp: u64, time: u64, mul: u32, shift: i8, at: u64) {
            let reading = Reading { stamp, time, mul, shift };
            reading.ns_at(at);
            reading.cycles_at(at);
        }
    }
}
