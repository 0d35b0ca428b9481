//! From PVH's 32-bit entry to 64-bit code at the top of the address space.
//!
//! The boot page tables map the first GiB three times: identically (for the switch itself), at
//! the kernel's address, and at the start of the direct map, where they stay.
//! `memory::finish_page_tables` then replaces the kernel's mapping by one with protections.

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};
use unilith_x86_64::paging::Table;

/// Where the kernel's image is linked: physical address plus this.
pub const KERNEL_BASE: usize = 0xffff_ffff_8000_0000;
/// Where all physical memory is mapped: physical address plus this.
pub const DIRECT_MAP: usize = 0xffff_8000_0000_0000;

/// Bytes of the boot stack.
pub const STACK_SIZE: usize = unilith_config::number(option_env!("CONFIG_STACK_SIZE"), 32) * 1024;

/// A page table that is written by the entry code, then by `memory` and `devices`.
#[repr(C, align(4096))]
pub struct BootTable(pub core::cell::UnsafeCell<Table>);

// SAFETY: changed only while one processor boots, and under the lock of `devices`.
unsafe impl Sync for BootTable {}

impl BootTable {
    /// An empty table.
    pub const fn new() -> Self {
        Self(core::cell::UnsafeCell::new([0; 512]))
    }
}

/// The root.
#[unsafe(no_mangle)]
pub static UNILITH_PML4: BootTable = BootTable::new();
/// Below the direct map: one entry per GiB.
#[unsafe(no_mangle)]
pub static UNILITH_DIRECT: BootTable = BootTable::new();
/// The direct map's first GiB, in 2 MiB pages.
#[unsafe(no_mangle)]
pub static UNILITH_DIRECT_LOW: BootTable = BootTable::new();
/// Above the kernel.
#[unsafe(no_mangle)]
pub static UNILITH_KERNEL: BootTable = BootTable::new();

#[repr(C, align(4096))]
struct Stack(core::cell::UnsafeCell<[u8; STACK_SIZE]>);

// SAFETY: used as a stack only, by one processor.
unsafe impl Sync for Stack {}

#[used]
#[unsafe(link_section = ".bss.unilith_stack")]
static STACK: Stack = Stack(core::cell::UnsafeCell::new([0; STACK_SIZE]));

#[unsafe(no_mangle)]
static UNILITH_ENTRY_CYCLES: AtomicU64 = AtomicU64::new(0);
/// Physical address of the `hvm_start_info`.
#[unsafe(no_mangle)]
pub static UNILITH_START_INFO: AtomicU64 = AtomicU64::new(0);

/// The cycle counter at the first instruction.
pub fn entry_cycles() -> u64 {
    UNILITH_ENTRY_CYCLES.load(Ordering::Relaxed)
}

// The PVH note (Xen, `include/public/elfnote.h`: XEN_ELFNOTE_PHYS32_ENTRY, type 18).
global_asm!(
    ".pushsection .note.unilith, \"a\", @note",
    ".balign 4",
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad unilith_pvh_entry - {base}",
    ".popsection",
    base = const KERNEL_BASE,
);

// PVH entry (Xen, `docs/misc/pvh.pandoc`): 32-bit flat segments, paging off, EBX = start info.
global_asm!(
    ".pushsection .text.unilith_boot, \"ax\"",
    ".code32",
    ".globl unilith_pvh_entry",
    "unilith_pvh_entry:",
    "cld",
    "rdtsc",
    "mov dword ptr [UNILITH_ENTRY_CYCLES - {base}], eax",
    "mov dword ptr [UNILITH_ENTRY_CYCLES - {base} + 4], edx",
    "mov dword ptr [UNILITH_START_INFO - {base}], ebx",
    // 0x3 = present, writable. Entry 0: identity; 256: direct map; 511: the kernel.
    "mov eax, offset UNILITH_DIRECT - {base} + 3",
    "mov dword ptr [UNILITH_PML4 - {base}], eax",
    "mov dword ptr [UNILITH_PML4 - {base} + 256 * 8], eax",
    "mov eax, offset UNILITH_KERNEL - {base} + 3",
    "mov dword ptr [UNILITH_PML4 - {base} + 511 * 8], eax",
    "mov eax, offset UNILITH_DIRECT_LOW - {base} + 3",
    "mov dword ptr [UNILITH_DIRECT - {base}], eax",
    "mov dword ptr [UNILITH_KERNEL - {base} + 510 * 8], eax",
    // 512 large pages: 0x83 = present, writable, 2 MiB.
    "mov edi, offset UNILITH_DIRECT_LOW - {base}",
    "mov eax, 0x83",
    "2:",
    "mov dword ptr [edi], eax",
    "add edi, 8",
    "add eax, 0x200000",
    "cmp eax, 0x40000000",
    "jb 2b",
    // CR4: PAE, PGE, OSFXSR, OSXMMEXCPT.
    "mov eax, cr4",
    "or eax, 0x6a0",
    "mov cr4, eax",
    "mov eax, offset UNILITH_PML4 - {base}",
    "mov cr3, eax",
    // EFER: LME and NXE.
    "mov ecx, 0xc0000080",
    "rdmsr",
    "or eax, 0x900",
    "wrmsr",
    // CR0: PG, WP, NE, MP, PE; EM and TS off.
    "mov eax, 0x80010023",
    "mov cr0, eax",
    "lgdt [3f - {base}]",
    // The loader promises no stack.
    "mov esp, offset __unilith_stack_end - {base}",
    "push 0x8",
    "mov eax, offset unilith_long_mode - {base}",
    "push eax",
    "retf",
    ".balign 8",
    "4:",
    ".quad 0, 0x00af9b000000ffff",
    "3:",
    ".word 15",
    ".long 4b - {base}",
    ".code64",
    "unilith_long_mode:",
    "mov rax, offset unilith_high_entry",
    "jmp rax",
    "unilith_high_entry:",
    "xor eax, eax",
    "mov ss, eax",
    "mov ds, eax",
    "mov es, eax",
    "mov fs, eax",
    "mov gs, eax",
    "lea rsp, [rip + __unilith_stack_end]",
    "xor ebp, ebp",
    "push rbp", // a return address of 0 ends every backtrace
    "jmp {start}",
    ".popsection",
    base = const KERNEL_BASE,
    start = sym crate::start,
);
