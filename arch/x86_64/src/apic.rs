//! The local APIC: it delivers interrupts to this processor and has a timer (SDM chapter 10).

use crate::cpu::{self, cpuid};
use crate::interrupt::{SPURIOUS, TIMER, WAKE};
use core::sync::atomic::{Ordering, fence};

/// IA32_APIC_BASE.
const APIC_BASE: u32 = 0x1b;
const BASE_X2APIC: u64 = 1 << 10;
const BASE_ENABLED: u64 = 1 << 11;
const BASE_ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// IA32_TSC_DEADLINE.
const TSC_DEADLINE: u32 = 0x6e0;

/// Registers, by their offset in memory (SDM table 10-1).
const ID: u32 = 0x20;
const TPR: u32 = 0x80;
/// End of interrupt.
pub(crate) const EOI: u32 = 0xb0;
const SPURIOUS_VECTOR: u32 = 0xf0;
const LVT_TIMER: u32 = 0x320;
const LVT_LINT0: u32 = 0x350;
const TIMER_INITIAL: u32 = 0x380;
const TIMER_CURRENT: u32 = 0x390;
const TIMER_DIVIDE: u32 = 0x3e0;

const SOFTWARE_ENABLE: u32 = 1 << 8;
const LVT_MASKED: u32 = 1 << 16;
const LVT_TSC_DEADLINE: u32 = 0b10 << 17;
/// The timer counts every 16th cycle of its clock.
const DIVIDE_BY_16: u32 = 0b0011;

/// Bytes of registers.
pub const LEN: usize = 0x400;

/// The model-specific register that is a memory register's equal in x2APIC mode (SDM 10.12.1.2).
pub(crate) const fn msr(register: u32) -> u32 {
    0x800 + (register >> 4)
}

/// How the local APIC of this processor is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// xAPIC: [`LEN`] bytes of registers at a physical address.
    Memory(u64),
    /// x2APIC: model-specific registers.
    X2apic,
}

/// In which mode firmware or hypervisor left the local APIC; `None` if there is none or it is off.
///
/// # Safety
/// Runs in ring 0.
pub unsafe fn mode() -> Option<Mode> {
    const APIC: u32 = 1 << 9;
    if cpuid(1, 0).edx & APIC == 0 {
        return None;
    }
    // SAFETY: a processor with a local APIC has this register.
    mode_of(unsafe { cpu::read_msr(APIC_BASE) })
}

fn mode_of(base: u64) -> Option<Mode> {
    match base {
        _ if base & BASE_ENABLED == 0 => None,
        _ if base & BASE_X2APIC != 0 => Some(Mode::X2apic),
        _ => Some(Mode::Memory(base & BASE_ADDRESS)),
    }
}

/// Whether the timer can be told a value of the time-stamp counter (SDM 10.5.4.1).
pub fn has_tsc_deadline() -> bool {
    const TSC_DEADLINE_TIMER: u32 = 1 << 24;
    cpuid(1, 0).ecx & TSC_DEADLINE_TIMER != 0
}

/// The address to which a device writes, and what it writes, so that the local APIC `id` gets an
/// interrupt `vector`, edge-triggered (SDM 10.11); `None` for an id that needs remapping.
pub fn message(id: u32, vector: u8) -> Option<(u64, u32)> {
    let id = u8::try_from(id).ok()?;
    Some((0xfee0_0000 | u64::from(id) << 12, vector.into()))
}

/// This processor's local APIC.
pub struct LocalApic {
    /// Where its registers are; 0 in x2APIC mode.
    registers: usize,
}

impl LocalApic {
    /// With its registers mapped uncached at `registers`; `None` in x2APIC mode.
    ///
    /// # Safety
    /// This is its mode, and that is where they are, for good. Ring 0.
    pub unsafe fn new(registers: Option<core::ptr::NonNull<u8>>) -> Self {
        Self { registers: registers.map_or(0, |at| at.as_ptr() as usize) }
    }

    /// The address of a register, if it has one.
    pub(crate) fn register(&self, register: u32) -> Option<usize> {
        (self.registers != 0).then(|| self.registers + register as usize)
    }

    fn read(&self, register: u32) -> u32 {
        match self.register(register) {
            // SAFETY: `new` demands that the registers are there.
            Some(at) => unsafe { (at as *const u32).read_volatile() },
            // SAFETY: `new` demands x2APIC mode.
            None => unsafe { cpu::read_msr(msr(register)) as u32 },
        }
    }

    fn write(&self, register: u32, value: u32) {
        match self.register(register) {
            // SAFETY: as in `read`; the registers of this driver touch no memory.
            Some(at) => unsafe { (at as *mut u32).write_volatile(value) },
            // SAFETY: as above.
            None => unsafe { cpu::write_msr(msr(register), value.into()) },
        }
    }

    /// The number by which interrupts are addressed to it.
    pub fn id(&self) -> u32 {
        let id = self.read(ID);
        if self.registers == 0 { id } else { id >> 24 }
    }

    /// Lets it deliver interrupts of every priority, but those of the legacy controller, and no
    /// timer's.
    pub fn enable(&self) {
        // A vector below 16 would be an error even here (SDM 10.5.3).
        self.write(LVT_LINT0, LVT_MASKED | u32::from(WAKE));
        self.write(LVT_TIMER, LVT_MASKED | u32::from(TIMER));
        self.write(TPR, 0);
        self.write(SPURIOUS_VECTOR, SOFTWARE_ENABLE | u32::from(SPURIOUS));
    }

    /// Makes the timer one that [`count_down`](Self::count_down) starts. It interrupts when it
    /// reaches 0 if `interrupt`.
    pub fn set_one_shot(&self, interrupt: bool) {
        self.write(LVT_TIMER, u32::from(TIMER) | if interrupt { 0 } else { LVT_MASKED });
        self.write(TIMER_DIVIDE, DIVIDE_BY_16);
    }

    /// Starts the one-shot timer anew; 0 stops it.
    pub fn count_down(&self, ticks: u32) {
        self.write(TIMER_INITIAL, ticks);
    }

    /// What the timer has left.
    pub fn ticks_left(&self) -> u32 {
        self.read(TIMER_CURRENT)
    }

    /// Makes the timer one that waits for the time-stamp counter.
    pub fn set_tsc_deadline(&self) {
        self.write(LVT_TIMER, u32::from(TIMER) | LVT_TSC_DEADLINE);
        // The mode is in memory, the deadline is not: nothing else orders them (SDM 10.5.4.1).
        fence(Ordering::SeqCst);
    }

    /// Has the timer interrupt when the time-stamp counter reaches `cycles`; 0 stops it.
    ///
    /// # Safety
    /// [`has_tsc_deadline`], and [`set_tsc_deadline`](Self::set_tsc_deadline) was called.
    pub unsafe fn interrupt_at(&self, cycles: u64) {
        // SAFETY: the caller says that the register exists.
        unsafe { cpu::write_msr(TSC_DEADLINE, cycles) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_read_from_the_base_register() {
        assert_eq!(mode_of(0xfee0_0900), Some(Mode::Memory(0xfee0_0000)));
        assert_eq!(mode_of(0xfee0_0100), None, "disabled");
        assert_eq!(mode_of(0xfee0_0d00), Some(Mode::X2apic));
        assert_eq!(mode_of(0x12_3456_7800 | BASE_ENABLED), Some(Mode::Memory(0x12_3456_7000)));
    }

    #[test]
    fn x2apic_registers_follow_those_in_memory() {
        assert_eq!(msr(EOI), 0x80b);
        assert_eq!(msr(ID), 0x802);
        assert_eq!(msr(TIMER_DIVIDE), 0x83e);
    }

    #[test]
    fn messages_carry_destination_and_vector() {
        assert_eq!(message(0, 32), Some((0xfee0_0000, 32)));
        assert_eq!(message(0x12, 33), Some((0xfee1_2000, 33)));
        assert_eq!(message(256, 32), None);
    }
}
