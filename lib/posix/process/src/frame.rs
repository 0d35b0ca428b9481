//! What a handler finds on its stack, and leaves there for rt_sigreturn(2): `struct rt_sigframe`
//! of Linux on x86-64, and above it the vector registers.

use unilith_posix_abi::raw::general::SA_ONSTACK;
use unilith_posix_abi::{Result, Scalar};
use unilith_posix_api::{Registers, USER_FLAGS};
use unilith_posix_task::{Action, AlternativeStack, Info};

use crate::signals::{parse_stack, stack_bytes};

/// Bytes of the frame: return address, `ucontext`, `siginfo`.
pub const FRAME: usize = 440;
/// The return address comes off before a handler returns into rt_sigreturn.
pub const RETURN_ADDRESS: u64 = 8;
/// Bytes below the stack pointer that leaf functions use (System V ABI, 3.2.2).
const RED_ZONE: u64 = 128;
/// Alignment that XSAVE demands.
const VECTOR_ALIGN: u64 = 64;

/// Offsets in the frame.
mod at {
    pub const CONTEXT: usize = 8;
    pub const STACK: usize = CONTEXT + 16;
    pub const REGISTERS: usize = CONTEXT + 40;
    pub const SEGMENTS: usize = REGISTERS + 144;
    pub const TRAP: usize = REGISTERS + 160;
    pub const OLD_MASK: usize = REGISTERS + 168;
    pub const ADDRESS: usize = REGISTERS + 176;
    pub const VECTORS: usize = REGISTERS + 184;
    pub const MASK: usize = CONTEXT + 296;
    pub const INFO: usize = CONTEXT + 304;
}

/// Flags of `ucontext`: vector registers in XSAVE's format, and a stack segment that is kept.
const UC_FP_XSTATE: u64 = 1;
const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;
/// What Linux has in CS and SS of an application.
const SEGMENTS: u64 = 0x33 | 0x2b << 48;
/// `struct _fpx_sw_bytes`: where it is, and what frames it.
const SOFTWARE: usize = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// The legacy part of XSAVE's format, and the least that has the new part.
const LEGACY: usize = 512;
const WITH_HEADER: usize = 576;
/// The page fault exception, which is what SIGSEGV and SIGBUS with an address come from.
const PAGE_FAULT: u64 = 14;

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The frame, which is the handler's stack pointer.
    pub frame: u64,
    /// The vector registers.
    pub vectors: u64,
}

/// Bytes that `len` bytes of vector registers take in memory: a magic number follows the new
/// format.
pub fn vectors_room(len: usize) -> usize {
    if len >= WITH_HEADER { len + 4 } else { len }
}

/// Where the frame belongs for a thread with this stack pointer: below its red zone, or on the
/// alternative stack. `None` if that would be too small.
pub fn place(
    pointer: u64,
    action: &Action,
    stack: &AlternativeStack,
    vectors: usize,
) -> Option<Place> {
    let wanted = action.flags & u64::from(SA_ONSTACK) != 0;
    let has_stack = stack.size != 0;
    let onto = wanted && has_stack && !stack.holds(pointer);
    let top = match onto {
        true => (stack.base as u64).checked_add(stack.size as u64)?,
        false => pointer.checked_sub(RED_ZONE)?,
    };
    let room = vectors_room(vectors) as u64;
    let vectors = top.checked_sub(room)? & !(VECTOR_ALIGN - 1);
    // As after a call: the stack is aligned to 16 but for the return address.
    let frame = (vectors.checked_sub(FRAME as u64)? & !15).checked_sub(8)?;
    let on_stack = onto || has_stack && stack.holds(pointer);
    if on_stack && frame < stack.base as u64 {
        return None;
    }
    Some(Place { frame, vectors })
}

/// The general registers in the order of `struct sigcontext`, up to the flags.
fn words(r: &Registers) -> [u64; 18] {
    [
        r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rdi, r.rsi, r.rbp, r.rbx, r.rdx,
        r.rax, r.rcx, r.rsp, r.rip, r.rflags,
    ]
}

/// What a frame keeps, but for the vector registers.
pub struct Kept {
    /// The signals that are blocked again after the handler.
    pub mask: u64,
    /// The alternative stack.
    pub stack: AlternativeStack,
}

/// The bytes of a frame.
pub fn build(
    r: &Registers,
    kept: &Kept,
    action: &Action,
    info: &Info,
    place: Place,
    vectors: usize,
) -> [u8; FRAME] {
    let mut bytes = [0; FRAME];
    let mut put = |offset: usize, value: u64| value.put(&mut bytes[offset..]);
    let new_format = if vectors >= WITH_HEADER { UC_FP_XSTATE } else { 0 };
    put(0, action.restorer);
    put(at::CONTEXT, new_format | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
    for (index, word) in words(r).into_iter().enumerate() {
        put(at::REGISTERS + index * 8, word);
    }
    put(at::SEGMENTS, SEGMENTS);
    let at_address = matches!(info.signal(), 7 | 11) && info.code() > 0 && info.code() < 0x80;
    if at_address {
        put(at::TRAP, PAGE_FAULT);
        put(at::ADDRESS, u64::get(&info.0[16..]));
    }
    put(at::OLD_MASK, kept.mask);
    put(at::VECTORS, if vectors > 0 { place.vectors } else { 0 });
    put(at::MASK, kept.mask);
    let stack = stack_bytes(kept.stack, kept.stack.flags_at(r.rsp));
    bytes[at::STACK..at::STACK + stack.len()].copy_from_slice(&stack);
    bytes[at::INFO..].copy_from_slice(&info.bytes());
    bytes
}

/// Marks vector registers in the new format so that programs find what is in them.
pub fn mark_vectors(area: &mut [u8], len: usize) {
    if len < WITH_HEADER || area.len() < len + 4 {
        return;
    }
    let features = u64::get(&area[LEGACY..]);
    let words = [MAGIC1, (len + 4) as u32, features as u32, (features >> 32) as u32, len as u32];
    for (index, word) in words.into_iter().enumerate() {
        word.put(&mut area[SOFTWARE + index * 4..]);
    }
    MAGIC2.put(&mut area[len..]);
}

/// What a frame says that may have been changed by anybody.
#[derive(Debug)]
pub struct Restored {
    /// The registers; the vector registers are not among them.
    pub registers: Registers,
    /// The address of the vector registers; 0 for the initial ones.
    pub vectors: u64,
    /// The signals to block.
    pub mask: u64,
    /// The alternative stack, if what is there makes one.
    pub stack: Result<AlternativeStack>,
}

/// Reads a frame. `None` if the thread could not go on with it: its next instruction or its stack
/// would not be in `range`, the application's addresses.
pub fn parse(bytes: &[u8; FRAME], range: &core::ops::Range<usize>) -> Option<Restored> {
    let word = |index: usize| u64::get(&bytes[at::REGISTERS + index * 8..]);
    let field = |offset: usize| u64::get(&bytes[offset..]);
    let registers = Registers {
        r8: word(0),
        r9: word(1),
        r10: word(2),
        r11: word(3),
        r12: word(4),
        r13: word(5),
        r14: word(6),
        r15: word(7),
        rdi: word(8),
        rsi: word(9),
        rbp: word(10),
        rbx: word(11),
        rdx: word(12),
        rax: word(13),
        rcx: word(14),
        rsp: word(15),
        rip: word(16),
        // Not interrupts, not single steps: this machine runs applications in ring 0.
        rflags: word(17) & USER_FLAGS | 2,
        orig_rax: u64::MAX,
        ..Registers::default()
    };
    let inside = |address: u64| (address as usize) < range.end && address as usize >= range.start;
    if !inside(registers.rip) || !inside(registers.rsp.wrapping_sub(1)) {
        return None;
    }
    let stack = bytes[at::STACK..].first_chunk().map(parse_stack)?;
    Some(Restored { registers, vectors: field(at::VECTORS), mask: field(at::MASK), stack })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: core::ops::Range<usize> = 0x1_0000..0x7fff_ffff_f000;

    fn registers() -> Registers {
        Registers {
            r15: 15,
            r14: 14,
            r13: 13,
            r12: 12,
            rbp: 105,
            rbx: 103,
            r11: 11,
            r10: 10,
            r9: 9,
            r8: 8,
            rax: 100,
            rcx: 102,
            rdx: 104,
            rsi: 106,
            rdi: 107,
            rip: 0x40_1234,
            rflags: 0x246,
            rsp: 0x7000_0000_1008,
            ..Registers::default()
        }
    }

    fn action(flags: u32) -> Action {
        Action { handler: 0x40_0000, flags: flags.into(), restorer: 0x40_5678, mask: 0 }
    }

    const STACK: AlternativeStack = AlternativeStack { base: 0x50_0000, flags: 0, size: 0x4000 };

    fn frame(registers: &Registers, info: &Info) -> [u8; FRAME] {
        let place = place(registers.rsp, &action(0), &STACK, 832).expect("room");
        build(registers, &Kept { mask: 0xabcd, stack: STACK }, &action(0), info, place, 832)
    }

    #[test]
    fn registers_survive_the_handler() {
        let bytes = frame(&registers(), &Info::kernel(10));
        let back = parse(&bytes, &RANGE).expect("valid");
        assert_eq!(words(&back.registers)[..17], words(&registers())[..17]);
        // Interrupts stay what they are.
        assert_eq!((back.registers.rflags, back.mask, back.stack), (0x46, 0xabcd, Ok(STACK)));
        assert_eq!(back.registers.orig_rax, u64::MAX);
    }

    #[test]
    fn fields_are_where_c_has_them() {
        // Offsets of glibc's ucontext_t: gregs at 40, REG_RIP 16, REG_CR2 22, fpregs at 224,
        // sigmask at 296; then siginfo_t, with si_addr at 16.
        let info = Info::fault(11, 1, 0xdead_beef);
        let bytes = frame(&registers(), &info);
        let word = |offset: usize| u64::get(&bytes[offset..]);
        assert_eq!(word(0), 0x40_5678);
        assert_eq!((word(8 + 40 + 16 * 8), word(8 + 40 + 22 * 8)), (0x40_1234, 0xdead_beef));
        assert_eq!(word(8 + 40 + 15 * 8), 0x7000_0000_1008);
        assert_eq!((word(8 + 224) % 64, word(8 + 296)), (0, 0xabcd));
        assert_eq!((word(312) as u32, word(312 + 16)), (11, 0xdead_beef));
    }

    #[test]
    fn frames_are_aligned_and_below_the_red_zone() {
        for pointer in 0x7000_0000_0000..0x7000_0000_0100 {
            for vectors in [512, 576, 832, 2696] {
                let place = place(pointer, &action(0), &STACK, vectors).expect("room");
                assert_eq!((place.frame % 16, place.vectors % 64), (8, 0));
                assert!(place.vectors + vectors_room(vectors) as u64 <= pointer - 128);
                assert!(place.frame + FRAME as u64 <= place.vectors);
            }
        }
    }

    #[test]
    fn alternative_stacks() {
        let top = 0x50_4000;
        let on = place(0x7000_0000_0000, &action(SA_ONSTACK), &STACK, 832).expect("room");
        assert!(on.vectors < top && on.frame > 0x50_0000);
        // A handler that runs there already goes on below.
        let nested = place(on.frame, &action(SA_ONSTACK), &STACK, 832).expect("room");
        assert!(nested.frame < on.frame);
        assert_eq!(place(0x50_0300, &action(SA_ONSTACK), &STACK, 832), None);
        let none = AlternativeStack::NONE;
        let own = place(0x7000_0000_0000, &action(SA_ONSTACK), &none, 832).expect("room");
        assert!(own.frame > top);
        assert_eq!(place(100, &action(0), &none, 832), None);
        assert_eq!(place(0, &action(0), &none, 512), None);
    }

    #[test]
    fn hostile_frames_are_refused() {
        let good = frame(&registers(), &Info::kernel(10));
        let with = |offset: usize, value: u64| {
            let mut bytes = good;
            value.put(&mut bytes[8 + 40 + offset * 8..]);
            parse(&bytes, &RANGE)
        };
        for bad in [0, 0xffff, 0x7fff_ffff_f000, 1 << 47, 0xffff_ffff_8010_0000, u64::MAX] {
            assert!(with(16, bad).is_none(), "rip {bad:#x}");
        }
        for bad in [0, 0xffff, 0x8000_0000_0000, 0xffff_ffff_8010_0000, u64::MAX] {
            assert!(with(15, bad).is_none(), "rsp {bad:#x}");
        }
        assert!(with(15, 0x7fff_ffff_f000).is_some()); // an empty stack
        let flags = with(17, u64::MAX).expect("harmless").registers.rflags;
        assert_eq!(flags & (1 << 8 | 1 << 9 | 3 << 12 | 1 << 14), 0); // TF, IF, IOPL, NT
    }

    #[test]
    fn vectors_tell_what_they_are() {
        let mut area = [0; 836];
        area[512] = 7;
        mark_vectors(&mut area, 832);
        let word = |offset: usize| u32::get(&area[offset..]);
        assert_eq!([word(464), word(468), word(472), word(480)], [MAGIC1, 836, 7, 832]);
        assert_eq!(word(832), MAGIC2);
        let mut old = [0; 512];
        mark_vectors(&mut old, 512);
        assert_eq!(old, [0; 512]);
    }
}
