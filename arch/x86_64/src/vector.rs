//! Vector registers.

/// Assembly: stores xmm0 to xmm15 to the 256 bytes, 16-byte aligned, at the stack pointer.
macro_rules! save_xmm {
    () => {
        "movaps [rsp], xmm0
        movaps [rsp + 16], xmm1
        movaps [rsp + 32], xmm2
        movaps [rsp + 48], xmm3
        movaps [rsp + 64], xmm4
        movaps [rsp + 80], xmm5
        movaps [rsp + 96], xmm6
        movaps [rsp + 112], xmm7
        movaps [rsp + 128], xmm8
        movaps [rsp + 144], xmm9
        movaps [rsp + 160], xmm10
        movaps [rsp + 176], xmm11
        movaps [rsp + 192], xmm12
        movaps [rsp + 208], xmm13
        movaps [rsp + 224], xmm14
        movaps [rsp + 240], xmm15"
    };
}

/// Assembly: the opposite of [`save_xmm`].
macro_rules! load_xmm {
    () => {
        "movaps xmm0, [rsp]
        movaps xmm1, [rsp + 16]
        movaps xmm2, [rsp + 32]
        movaps xmm3, [rsp + 48]
        movaps xmm4, [rsp + 64]
        movaps xmm5, [rsp + 80]
        movaps xmm6, [rsp + 96]
        movaps xmm7, [rsp + 112]
        movaps xmm8, [rsp + 128]
        movaps xmm9, [rsp + 144]
        movaps xmm10, [rsp + 160]
        movaps xmm11, [rsp + 176]
        movaps xmm12, [rsp + 192]
        movaps xmm13, [rsp + 208]
        movaps xmm14, [rsp + 224]
        movaps xmm15, [rsp + 240]"
    };
}

pub(crate) use {load_xmm, save_xmm};

use crate::cpu;
use core::arch::asm;

const XSAVE: u32 = 1 << 26;
/// Components of the extended state (SDM volume 1, 13.1).
const X87: u64 = 1 << 0;
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;
const AVX512: u64 = 0b111 << 5;
/// Bytes of the legacy region and of the header (SDM volume 1, 13.4).
const LEGACY: usize = 512;
const HEADER: usize = 64;
/// Where the legacy region has MXCSR and xmm0.
const MXCSR: usize = 24;
const XMM: usize = 160;

fn has_xsave() -> bool {
    cpu::cpuid(1, 0).ecx & XSAVE != 0
}

/// The components that applications may use.
fn components() -> u64 {
    if !has_xsave() {
        return X87 | SSE;
    }
    let supported = u64::from(cpu::cpuid(0xd, 0).eax);
    let mut state = X87 | SSE | supported & AVX;
    if state & AVX != 0 && supported & AVX512 == AVX512 {
        state |= AVX512;
    }
    state
}

/// Lets applications use the vector registers that the processor has: sets CR4.OSXSAVE and
/// enables x87, SSE, AVX and AVX-512 state in XCR0 (SDM volume 1, 13.3).
///
/// The kernel itself is compiled for SSE2, so the upper halves stay the application's.
///
/// # Safety
/// Runs in ring 0, once, before an application runs.
pub unsafe fn enable() {
    const CR4_OSXSAVE: u64 = 1 << 18;
    if !has_xsave() {
        return;
    }
    // SAFETY: CPUID says that XSAVE and these states exist; x87 and SSE are always among them.
    unsafe {
        asm!(
            "mov {tmp}, cr4", "or {tmp}, {osxsave}", "mov cr4, {tmp}", "xsetbv",
            tmp = out(reg) _, osxsave = in(reg) CR4_OSXSAVE,
            in("eax") components() as u32, in("edx") 0, in("ecx") 0,
            options(nostack)
        );
    }
}

/// Bytes of an [`Area`]'s memory: of the standard format, for all enabled components.
pub fn size() -> usize {
    if has_xsave() { cpu::cpuid(0xd, 0).ebx as usize } else { LEGACY }
}

/// The x87 and vector registers of a thread that does not run. 64-byte aligned, [`size`] bytes.
#[derive(Debug)]
pub struct Area<'a>(&'a mut [u8]);

impl<'a> Area<'a> {
    /// Alignment that the processor demands.
    pub const ALIGN: usize = 64;

    /// Uses `memory`; `None` if it is too small or not aligned.
    pub fn new(memory: &'a mut [u8]) -> Option<Self> {
        let fits = memory.len() >= size() && memory.as_ptr().addr().is_multiple_of(Self::ALIGN);
        fits.then_some(Self(memory))
    }

    /// Stores the registers as they are now, of which xmm0 to xmm15 may be the kernel's.
    pub fn save(&mut self) {
        if let Some(header) = self.0.get_mut(LEGACY..LEGACY + HEADER) {
            header.fill(0);
        }
        let area = self.0.as_mut_ptr();
        // SAFETY: `new` has checked size and alignment; XSAVE and FXSAVE write nothing else.
        unsafe {
            if has_xsave() {
                let (low, high) = (components() as u32, 0);
                asm!("xsave64 [{}]", in(reg) area, in("eax") low, in("edx") high, options(nostack));
            } else {
                asm!("fxsave64 [{}]", in(reg) area, options(nostack));
            }
        }
    }

    /// Loads the registers. What is in the area may be anything: it is made valid first.
    pub fn load(&mut self) {
        self.make_valid();
        let area = self.0.as_ptr();
        // SAFETY: as in `save`; the content is valid, so neither instruction faults. The compiler
        // is told that the vector registers change.
        unsafe {
            if has_xsave() {
                let (low, high) = (components() as u32, 0);
                asm!("xrstor64 [{}]", in(reg) area, in("eax") low, in("edx") high, clobber_abi("C"), options(nostack));
            } else {
                asm!("fxrstor64 [{}]", in(reg) area, clobber_abi("C"), options(nostack));
            }
        }
    }

    /// Its bytes, in the standard format of XSAVE.
    pub fn bytes(&self) -> &[u8] {
        self.0.get(..size()).unwrap_or_default()
    }

    /// Its bytes, which may become anything.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(..size()).unwrap_or_default()
    }

    /// Sets the xmm registers in it.
    pub fn set_xmm(&mut self, xmm: &[u128; 16]) {
        for (bytes, value) in self.0[XMM..XMM + 256].chunks_exact_mut(16).zip(xmm) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        if let Some(state) = self.0.get_mut(LEGACY) {
            *state |= SSE as u8;
        }
    }

    /// The xmm registers in it.
    pub fn xmm(&self) -> [u128; 16] {
        let in_use = self.0.get(LEGACY).is_none_or(|state| u64::from(*state) & SSE != 0);
        let mut xmm = [0; 16];
        if in_use {
            for (value, bytes) in xmm.iter_mut().zip(self.0[XMM..].chunks_exact(16)) {
                *value = bytes.try_into().map_or(0, u128::from_le_bytes);
            }
        }
        xmm
    }

    /// Clears what makes XRSTOR and FXRSTOR fault (SDM volume 1, 13.8.1): reserved bits of MXCSR
    /// and of the header, and components that are not enabled.
    fn make_valid(&mut self) {
        const MXCSR_BITS: u32 = 0xffff;
        if let Some(field) = self.0[MXCSR..].first_chunk_mut() {
            *field = (u32::from_le_bytes(*field) & MXCSR_BITS).to_le_bytes();
        }
        if let Some(header) = self.0.get_mut(LEGACY..LEGACY + HEADER) {
            let state = header.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            header.fill(0);
            header[..8].copy_from_slice(&(state & components()).to_le_bytes());
        }
    }
}
